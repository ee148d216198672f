"""``tensorar serve``: what it prints, and what it refuses."""

from __future__ import annotations

import json
import socket

import pytest

from tensorar_web.server import PageServer

from .commands import call, done, refused


@pytest.fixture
def ended_at_once(monkeypatch):
    """A server that listens, and ends as if by a signal."""
    monkeypatch.setattr(PageServer, "run", lambda self: self._listening.close())


@pytest.mark.usefixtures("ended_at_once")
def test_the_address_is_printed(bits_run):
    printed = done("serve", bits_run).stdout
    assert printed.startswith("1 run at http://127.0.0.1:") and printed.endswith("stopped\n")
    values = json.loads(done("serve", bits_run.parent, "--json").stdout)
    assert values["runs"] == ["bits"]
    token = values["url"].rstrip("/").rpartition("/")[2]
    assert len(token) >= 20 and token not in printed


def test_what_cannot_be_served_is_refused(tmp_path, bits_run):
    assert "a run, or a folder of runs" in refused(call("serve", tmp_path / "absent"))
    assert "device" in refused(call("serve", bits_run, "--device", "1.5"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "--port" in refused(call("serve", bits_run, "--port", taken.getsockname()[1]))
