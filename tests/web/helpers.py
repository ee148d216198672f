"""A client that asks as the page does."""

from __future__ import annotations

import json

from starlette.testclient import TestClient

from tensorar_web.application import Application

TOKEN, PORT = "token", 8000
HOST = f"127.0.0.1:{PORT}"
# of the events of 16 values: nothing known, half of them
UNKNOWN = [None] * 16
HALF = [1, 0, 1, 0, 0, 1, 1, 0, *[None] * 8]
QUESTIONS = ["complete", "predict", "uncertainty", "order", "log_prob"]


def client_of(shelf, token=TOKEN):
    """A client below the token."""
    return TestClient(Application(shelf).guarded(TOKEN, PORT), base_url=f"http://{HOST}/{token}/")


def number_of(client, name):
    """The number of the run of a name."""
    return client.get("api/runs").json()["runs"].index(name)


def asked(client, run, question, **body):
    """The answer to a question about a run, by default with half of an event known."""
    return client.post(f"api/runs/{number_of(client, run)}/{question}", json={"values": HALF, **body})


def lines_of(response):
    """The objects of an answer in lines."""
    return [json.loads(line) for line in response.text.splitlines()]


def refused(response, status):
    """The error of an answer."""
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error.keys() == {"expected", "got", "remedy"}
    return error
