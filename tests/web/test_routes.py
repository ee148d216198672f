"""Every address of the page: what it answers."""

from __future__ import annotations

import math

import pytest
import torch

from tensorar import Evidence
from tests.web.helpers import HALF, QUESTIONS, UNKNOWN, asked, lines_of, refused

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
