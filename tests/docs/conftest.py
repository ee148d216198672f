"""Pages are run as users run them."""

import pytest


@pytest.fixture(autouse=True)
def _as_users_have_it(without_shape_checks):
    """No check of the shapes in every call, which other tests make."""
