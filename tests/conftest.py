"""Fixtures and profiles of all tests. The import hook checks shapes at run time, so it precedes imports of tensorar."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import jaxtyping
import pytest
import torch
import typer.testing
from hypothesis import HealthCheck, Phase, settings

from tests import shape_checks

jaxtyping.install_import_hook(["tensorar", "tensorar_plugins"], f"{shape_checks.__name__}.check")
torch.set_num_threads(1)
# the commands are built from their signatures once, instead of in each call
typer.testing._get_command = cache(typer.testing._get_command)
# folders whose tests check the shapes in all signatures
CHECKED = ("backbones", "core", "parts")

settings.register_profile(
    "quick",
    derandomize=True,
    deadline=None,
    max_examples=6,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
)
settings.register_profile("thorough", settings.get_profile("quick"), derandomize=False, max_examples=300)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_collection_finish() -> None:
    """What makes all tests faster, once everything is imported."""
    from tests.training_curves import draw_one_of_each_kind  # after the import hook

    draw_one_of_each_kind()
    # the garbage collector would look through torch and all test items again and again
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Samples without a generator do not depend on earlier tests."""
    from tensorar.utils.random_state import seed_all  # after the import hook

    seed_all(0)


@pytest.fixture
def without_shape_checks() -> Iterator[None]:
    """The library as users have it: its own errors instead of those of the import hook, and its speed."""
    shape_checks.switch(on=False)
    yield
    shape_checks.switch(on=True)


@pytest.fixture(autouse=True)
def _shape_checks_where_shapes_are_made(request: pytest.FixtureRequest) -> None:
    """Checking shapes takes as long as the tests themselves: only those of the core and the parts do."""
    shape_checks.switch(on=True)
    if request.path.relative_to(request.config.rootpath / "tests").parts[0] not in CHECKED:
        request.getfixturevalue("without_shape_checks")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of downloaded datasets, for tests on real data."""
    folder = os.environ.get("TENSORAR_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs real data: set TENSORAR_DATA to the folder of datasets")
    return Path(folder)
