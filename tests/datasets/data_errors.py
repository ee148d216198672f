"""A check of the errors about a dataset."""

from __future__ import annotations

import pytest

from tensorar import DataError


def check_error(call, *words, kind=DataError):
    """Require an error in one complete line that contains all words, and return its message."""
    with pytest.raises(kind) as raised:
        call()
    message = str(raised.value)
    assert "\n" not in message
    assert message.startswith("expected ")
    assert raised.value.got
    assert raised.value.remedy
    for word in words:
        assert word in message, message
    return message
