"""Isolation from the user's files, cache and proxy; a folder with a small MNIST."""

from __future__ import annotations

import pytest

from tensorar_plugins.datasets import fetch
from tests.datasets.small_mnist import small_files


@pytest.fixture(autouse=True)
def _isolated(request, monkeypatch, tmp_path):
    """Hide the user's files, use an empty cache, and bypass proxies to local servers."""
    if "data_folder" not in request.fixturenames:
        monkeypatch.delenv("TENSORAR_DATA", raising=False)
    monkeypatch.setattr(fetch, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """A folder for files that each example of Hypothesis writes anew."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture
def folder(tmp_path):
    for name, content in small_files().items():
        (tmp_path / name).write_bytes(content)
    return tmp_path
