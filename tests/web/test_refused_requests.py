"""What the server of the page refuses: tokens, hosts, origins, bodies, addresses, and too much at once."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tensorar.workflows.explore import Shelf
from tensorar_web import model_thread
from tensorar_web.answers import MAX_BODY
from tensorar_web.guard import Guard
from tests.web.helpers import HALF, HOST, QUESTIONS, TOKEN, UNKNOWN, asked, client_of, lines_of, refused


@pytest.mark.parametrize("token", ["", "tokem", "token2", "%74oken/../x", "api"])
def test_without_the_token_there_is_nothing(runs, token):
    with client_of(Shelf(runs, "cpu"), token) as client:
        for path in ("", "api/runs", "app.js"):
            assert "token" in refused(client.get(path), 404)["expected"]


@pytest.mark.parametrize("host", ["example.com", "127.0.0.1", "127.0.0.1:8001", "example.com:8000", ""])
def test_other_hosts_are_refused(client, host):
    refused(client.get("api/runs", headers={"host": host}), 421)
    assert client.get("api/runs", headers={"host": "localhost:8000"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://example.com"},
        {"origin": "null"},
        {"origin": f"https://{HOST}"},
        {"origin": "http://127.0.0.1:9"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_other_origins_are_refused(client, headers):
    refused(client.get("api/runs", headers=headers), 403)
    refused(client.post("api/runs/0/order", json={"values": HALF}, headers=headers), 403)
    own = {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}
    assert client.post("api/runs/0/order", json={"values": HALF}, headers=own).status_code == 200


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"values"',
        b'{"values": [NaN]}',
        b'{"values": "none"}',
        b'{"values": [true]}',
        b'{"values": [1, 2]}',
        b'{"values": [' + b"null, " * 15 + b"1e400]}",
        b'{"values": [' + b"null, " * 15 + b"0.5]}",
        b'{"values": [' + b"null, " * 15 + b'"text"]}',
        b'{"value": []}',
        b"{}",
        b"\xff",
        b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:30]),
)
def test_malformed_bodies_are_refused(client, question, body):
    refused(client.post(f"api/runs/0/{question}", content=body, headers={"content-type": "application/json"}), 400)


@pytest.mark.parametrize(
    "option",
    [
        {"completions": 0},
        {"completions": 65},
        {"completions": 1.5},
        {"particles": 10**6},
        {"seed": -1},
        {"seed": 2**64},
        {"temperature": 0},
        {"temperature": 1e9},
        {"temperature": "hot"},
        {"conditioning": "magic"},
        {"context": [1]},
        {"context": {"a": 1}},
        {"coefficient": "x"},
    ],
    ids=str,
)
def test_options_out_of_range_are_refused(client, option):
    refused(asked(client, "bits", "complete", **option), 400)


def test_a_form_is_no_question(client):
    refused(client.post("api/runs/0/order", data={"values": "1"}), 400)
    refused(client.post("api/runs/0/order", content=b"{}", headers={"content-type": "text/plain"}), 400)
    own = {"content-type": "Application/JSON; charset=utf-8"}
    assert client.post("api/runs/0/order", json={"values": UNKNOWN}, headers=own).status_code == 200


@pytest.mark.parametrize("coefficient", [-1, 0, 16, 10**30])
def test_only_unknown_coefficients_are_predicted(client, coefficient):
    assert "unknown" in refused(asked(client, "bits", "predict", coefficient=coefficient), 400)["expected"]


def test_bodies_are_bounded(client):
    def parts():
        for _ in range(MAX_BODY // 2**16 + 1):
            yield b" " * 2**16

    refused(client.post("api/runs/0/order", content=b" " * (MAX_BODY + 1)), 413)
    # without a length
    refused(client.post("api/runs/0/order", content=parts(), headers={"content-type": "application/json"}), 413)

    # of more digits than Python reads
    refused(client.post("api/runs/0/order", content=b"", headers={"content-length": "9" * 5000}), 413)


@pytest.mark.parametrize(
    "path",
    [
        "api/runs/9",
        "api/runs/9/examples/test/0",
        "x",
        "api/runs/0/other",
        "api/runs/0/examples/test/1.5",
        "api/runs/-1",
    ],
)
def test_other_addresses_do_not_exist(client, path):
    refused(client.get(path), 404)
    refused(client.post("api/runs/9/order", json={"values": HALF}), 404)
    wrong = client.get("api/runs/0/order")
    refused(wrong, 405)
    assert wrong.headers["allow"] == "POST"


@pytest.mark.parametrize("path", ["api/runs/", "api/runs/0/examples/test/"])
def test_long_addresses_are_refused(client, path):
    refused(client.get(path + "9" * 5000), 414)
    assert client.get(path + "9" * 500).status_code in (400, 404)


# --- several at once ------------------------------------------------------------------------------------------------


def test_two_clients_at_once_get_their_own_answers(runs):
    shelf, found = Shelf(runs, "cpu"), {}
    with client_of(shelf) as one:

        def ask(seed):
            found[seed] = lines_of(asked(one, "bits", "complete", seed=seed))[-1]["completions"]

        threads = [threading.Thread(target=ask, args=(seed,)) for seed in (1, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found[1] != found[2]
        assert found[1] == lines_of(asked(one, "bits", "complete", seed=1))[-1]["completions"]


def test_too_many_questions_are_refused_and_those_of_pages_that_went_away_are_cancelled(monkeypatch):
    import asyncio

    monkeypatch.setattr(model_thread, "MAX_WAITING", 2)
    thread, started, go_on, ran = model_thread.ModelThread(), threading.Event(), threading.Event(), []

    def slow(check):
        started.set()
        go_on.wait(10)
        check()

    async def crowd():
        first_gone, second_gone, here = threading.Event(), threading.Event(), threading.Event()
        first = thread.submit(slow, first_gone)
        await asyncio.to_thread(started.wait, 10)
        second = thread.submit(lambda check: ran.append("second"), second_gone)
        third = thread.submit(lambda check: "third", here)
        with pytest.raises(model_thread.Busy):
            thread.submit(lambda check: None, here)
        first_gone.set()
        second_gone.set()
        go_on.set()
        results = await asyncio.gather(first, second, third, return_exceptions=True)
        assert [type(result) for result in results] == [model_thread.Gone, model_thread.Gone, str]

    asyncio.run(crowd())
    assert ran == []


def test_the_token_is_in_no_error(client):
    assert TOKEN not in client.get("nothing").text


def test_a_request_about_the_whole_server_is_refused():
    told = []

    async def send(message):
        told.append(message)

    scope = {"type": "http", "method": "OPTIONS", "path": "*", "headers": [(b"host", HOST.encode())]}
    asyncio.run(Guard(None, TOKEN, 8000)(scope, None, send))
    assert told[0]["status"] == 404
