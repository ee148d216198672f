"""Nothing at hand but what a test makes."""

from __future__ import annotations

import pytest

from tensorar_plugins.datasets import fetch
from tests.datasets.small_mnist import small_files


@pytest.fixture(autouse=True)
def _nothing_at_hand(request, monkeypatch, tmp_path):
    """No files of the user's, an empty cache, and no proxy between the tests and their server."""
    if "data_folder" not in request.fixturenames:
        monkeypatch.delenv("TENSORAR_DATA", raising=False)
    monkeypatch.setattr(fetch, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def folder(tmp_path):
    for name, content in small_files().items():
        (tmp_path / name).write_bytes(content)
    return tmp_path
