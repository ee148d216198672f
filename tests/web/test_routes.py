"""Every address of the page: what it answers, and what it refuses."""

from __future__ import annotations

import asyncio
import math
import threading

import pytest
import torch

from tensorar import Evidence
from tensorar.workflows.explore import Shelf
from tensorar_web import model_thread
from tensorar_web.answers import MAX_BODY
from tensorar_web.guard import Guard
from tests.web.helpers import HOST, TOKEN, client_of, lines_of, number_of, refused

UNKNOWN = [None] * 16
HALF = [1, 0, 1, 0, 0, 1, 1, 0, *[None] * 8]
QUESTIONS = ["complete", "predict", "uncertainty", "order", "log_prob"]


def asked(client, run, question, **body):
    return client.post(f"api/runs/{number_of(client, run)}/{question}", json={"values": HALF, **body})


# --- the page -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [("", "text/html"), ("app.js", "text/javascript"), ("style.css", "text/css"), ("icon.svg", "image/svg+xml")],
)
def test_the_files_of_the_page(client, name, kind):
    found = client.get(name)
    assert found.status_code == 200
    assert found.headers["content-type"].startswith(kind)
    policy = found.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'") and "unsafe" not in policy
    assert found.headers["x-content-type-options"] == "nosniff"
    # nothing inline, which the policy forbids, and nothing from elsewhere
    assert "http" not in found.text.replace("http://www.w3.org/2000/svg", "")
    assert " style=" not in found.text and "onclick" not in found.text


def test_the_runs_and_their_views(client):
    assert client.get("api/runs").json() == {
        "runs": ["bits", "labelled", "orders", "table", "tint", "volume", "weights"]
    }
    view = client.get("api/runs/0").json()
    assert (view["name"], view["kind"], view["shape"]) == ("bits", "image", [4, 4])
    assert view["cells"] == torch.arange(16).reshape(4, 4).tolist()
    assert view["orders"] == [list(range(16))]
    assert view["values"] == [
        {"discrete": True, "low": 0.0, "high": 1.0, "levels": [0.0, 1.0], "labels": None, "text": False}
    ]
    assert sum(view["splits"].values()) == 60
    table = client.get("api/runs/3").json()
    assert (table["kind"], table["names"]) == ("table", ["age", "sex", "day", "town"])
    assert table["values"][table["kind_of"][1]]["labels"] == ["female", "male"]
    assert table["values"][table["kind_of"][2]]["text"]
    labelled = client.get("api/runs/1").json()
    assert (labelled["kind"], labelled["classes"]) == ("sequence", ["0", "1", "2"])


def test_examples(client, explorer):
    found = client.get("api/runs/1/examples/test/2").json()
    dataset = explorer("labelled").run.dataset
    assert found["values"] == dataset.test[2].flatten().tolist()
    assert found["context"] == dataset.contexts.test[2].tolist()
    assert "split" in refused(client.get("api/runs/1/examples/best/2"), 400)["expected"]
    assert "example" in refused(client.get("api/runs/1/examples/test/999"), 400)["expected"]


# --- the questions --------------------------------------------------------------------------------------------------


def test_completions_come_value_by_value_and_are_those_of_sample(client, explorer):
    *values, last = lines_of(asked(client, "bits", "complete", completions=3, seed=5))
    assert [line["coefficient"] for line in values] == list(range(8, 16))
    model, x = explorer("bits").model, torch.tensor([v or 0 for v in HALF]).reshape(1, 4, 4)
    evidence = Evidence(torch.tensor([v is not None for v in HALF]).reshape(1, 4, 4), x)
    drawn = model.sample(evidence=evidence.repeat(3), generator=torch.Generator().manual_seed(5)).flatten(1)
    assert last["completions"] == drawn.tolist()
    assert [line["values"] for line in values] == drawn[:, 8:].T.tolist()
    assert last["done"] and last["stepwise"] and last["follows_model"]
    assert last["conditioning"]["way"] == "exact"


def test_completions_given_what_is_known_late_say_how(client):
    late = [*[None] * 15, 1]
    *told, last = lines_of(asked(client, "bits", "complete", values=late, conditioning="smc", particles=8))
    assert any("step" in line for line in told)
    assert not last["stepwise"]
    assert last["conditioning"]["way"] == "smc" and 0 < last["conditioning"]["effective_sample_size"] <= 8
    assert all(values[15] == 1 for values in last["completions"])
    (*_, last) = lines_of(asked(client, "bits", "complete", values=late, conditioning="clamp"))
    assert not last["follows_model"]
    (*_, last) = lines_of(asked(client, "bits", "complete", temperature=0.5))
    assert not last["follows_model"] and "temperature" in last["method"]


def test_the_next_coefficient_has_the_models_conditional(client, explorer):
    found = asked(client, "bits", "predict", coefficient=8).json()
    x = torch.tensor([v or 0 for v in HALF]).reshape(1, 4, 4)
    evidence = Evidence(torch.arange(16).reshape(1, 4, 4) < 8, x)
    expected = explorer("bits").model.conditional(evidence).log_prob(torch.tensor([[0.0], [1.0]]))[:, 0]
    assert found["values"] == [0, 1] and found["way"] == "exact"
    torch.testing.assert_close(torch.tensor(found["log_prob"]), expected)


def test_uncertainty_order_and_log_prob(client, explorer):
    map_of = asked(client, "bits", "uncertainty").json()
    assert map_of["values"][:8] == [0] * 8 and 0 < max(map_of["values"]) <= math.log(2) + 1e-9
    assert asked(client, "bits", "order").json() == {"visits": list(range(16))}
    known = [None, 1, *[None] * 14]
    assert asked(client, "orders", "order", values=known).json()["visits"][0] == 1
    found = asked(client, "bits", "log_prob").json()
    evidence = Evidence(torch.arange(16).reshape(1, 4, 4) < 8, torch.tensor([v or 0 for v in HALF]).reshape(1, 4, 4))
    assert found["exact"] and found["known"] == 8
    assert found["value"] == pytest.approx(float(explorer("bits").model.log_marginal(evidence).value), abs=1e-4)
    nothing = asked(client, "bits", "log_prob", values=UNKNOWN).json()
    assert (nothing["value"], nothing["known"]) == (0, 0)


def test_cells_of_tables_are_text_or_numbers(client):
    body = {"values": ["23", "male", None, "Bern"], "completions": 2}
    *values, last = lines_of(asked(client, "table", "complete", **body))
    assert values[-1]["texts"][0].startswith("2026-")
    assert last["completions"][0][:2] == [23, 1]
    found = asked(client, "table", "predict", values=[23, None, "2026-01-05", None], coefficient=1).json()
    assert found["texts"] == ["female", "male"]
    assert sum(map(math.exp, found["log_prob"])) == pytest.approx(1, abs=1e-5)
    assert asked(client, "table", "order", values=[None, "male", None, None]).json()["visits"][0] == 1
    error = refused(asked(client, "table", "log_prob", values=["old", *[None] * 3]), 400)
    # it names no option of the command line
    assert "age" in error["expected"] and "given" not in error["expected"]


def test_every_column_of_a_table_is_predicted(client):
    for column in range(3):
        assert asked(client, "table", "predict", values=[None] * 4, coefficient=column).status_code == 200
    found = asked(client, "table", "predict", values=[None] * 4, coefficient=3).json()
    assert (found["texts"], found["density"]) == (["Bern", "Geneva", "a town of a very long name indeed"], False)


def test_contexts_change_what_is_predicted(client):
    found = [asked(client, "labelled", "predict", context=c, coefficient=8).json()["log_prob"] for c in ("0", "1")]
    assert found[0] != found[1]
    assert asked(client, "labelled", "predict", context=[0, 1, 0], coefficient=8).json()["log_prob"] == found[1]
    assert "context" in refused(asked(client, "labelled", "log_prob"), 400)["expected"]
    refused(asked(client, "labelled", "predict", context="7", coefficient=8), 400)


@pytest.mark.parametrize("known", [0, 5, 15])
@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_needs_the_context(client, question, known):
    body = {"values": [1] * known + [None] * (16 - known), "coefficient": 15}
    assert "context" in refused(asked(client, "labelled", question, **body), 400)["expected"]
    refused(asked(client, "labelled", question, **body, context=[0, 1]), 400)


# --- what is refused ------------------------------------------------------------------------------------------------


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
