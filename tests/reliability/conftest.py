"""One server of processes and one stage for all trials of a test process."""

from __future__ import annotations

import pytest

from .fuzzing.processes import Server
from .fuzzing.stage import Stage


@pytest.fixture(scope="session")
def stage(tmp_path_factory):
    with Server() as server:
        yield Stage(server, tmp_path_factory.mktemp("reliability"))
