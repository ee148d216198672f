"""Values of tables are shown as the table writes them, in the page of a posterior and in answers."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import pytest

from tensorar.workflows import posterior
from tests.web.conftest import TOWNS
from tests.web.helpers import number_of

COLUMNS = ["age", "sex", "day", "town"]


def asked(client, name, **body):
    return client.post(f"api/runs/{number_of(client, name)}/uncertainty", json=body).json()


@pytest.fixture(scope="module")
def page(runs, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    posterior(runs / "table", show="page").save_page(path)
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', path.read_text(), re.DOTALL)[1]
    return json.loads(text)


def test_the_page_names_columns_and_writes_their_values(page):
    assert page["table"]["names"] == COLUMNS
    steps = {step["place"]: step for step in page["steps"]}
    assert steps.keys() == set(COLUMNS)
    assert steps["sex"]["texts"] == ["female", "male"] and sorted(steps["town"]["texts"]) == sorted(TOWNS)
    days = [*steps["day"]["texts"], steps["day"]["truthText"]]
    assert all(re.fullmatch(r"202\d-\d\d-\d\d", text) for text in days)
    assert 20 <= int(steps["age"]["truthText"]) < 27
    # the last column is the truth of the last step only
    last = page["steps"][-1]["place"]
    assert page["table"]["texts"] == [None if name == last else steps[name]["truthText"] for name in COLUMNS]


def test_every_column_has_axes_of_its_own(page):
    for step in page["steps"]:
        low, high = step["supportLimits"]
        support = page["supports"][step["support"]]
        assert low <= support[0] <= support[-1] <= high and high - low < 2.5 * max(1, support[-1] - support[0])
        assert step["marked"] == sorted(set(step["marked"])) and len(step["marked"]) <= 4
        assert [step["marked"][0], step["marked"][-1]] == [0, len(support) - 1]
        gaps = [b - a for a, b in pairwise([support[place] for place in step["marked"]])]
        assert max(gaps) < 1.5 * min(gaps)  # texts would overlap


def test_the_picture_has_the_same_words(runs):
    figure = posterior(runs / "table", steps=[1, 3]).figure()
    words = " ".join(text.get_text() for axes in figure.axes for text in [axes.title, *axes.get_xticklabels()])
    assert "next coefficient: sex" in words and "female" in words and "next coefficient: day" in words
    assert re.search(r"202\d-\d\d-\d\d", words)


def test_the_deviation_of_a_date_has_a_unit(client):
    found = asked(client, "table", values=[None] * 4)
    assert [text is None for text in found["texts"]] == [True, True, False, True]
    number, unit = found["texts"][2].split()
    assert unit == "days" and float(number) == pytest.approx(found["values"][2], rel=0.05)
    assert asked(client, "bits", values=[None] * 16)["texts"] is None
