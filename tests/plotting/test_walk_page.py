"""The page of a walk: what is in it, that it is the same each time, and that no text leaves its place."""

from __future__ import annotations

import json
import re

import pytest
import torch

from tensorar import Order, RunError, ShapeError, TensorarError
from tensorar.plotting import PosteriorStep, page_steps, save_walk_page, walk_page
from tests.plotting.test_animation import step_of


def numbers_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_the_numbers_are_those_of_the_steps():
    order = Order.raster((2, 2))
    x = torch.tensor([[0.0, 2.0], [1.0, 2.0]])
    steps = []
    for t in (3, 1):
        mask = order.mask_before(t)
        values, support = torch.where(mask, x, 0.0), torch.tensor([2.0, 0.0, 1.0])
        steps.append(PosteriorStep(mask, values, t, support, torch.tensor([0.2, 0.5, 0.3]), truth=2.0))
    found = numbers_of(walk_page(steps, "x"))
    assert [step["known"] for step in found["steps"]] == [1, 3], "in the order of the walk"
    assert found["knownAt"] == [0, 1, 1, 2] and found["values"] == [0, 2, 1, None]
    assert found["supports"] == [[0, 1, 2]] and [step["support"] for step in found["steps"]] == [0, 0]
    assert found["steps"][0]["probabilities"] == [0.5, 0.3, 0.2], "by ascending value"
    assert found["steps"][1]["place"] == "(1, 1)" and found["steps"][1]["truth"] == 2
    assert found["view"]["cells"] == [0, 1, 2, 3] and not found["curve"]
    assert found["limits"] == [0, 2] and "0 (black) to 2 (white)" in found["scale"]


@pytest.mark.parametrize(
    ("shape", "kind", "depths"),
    [((), "curve", 1), ((5,), "curve", 1), ((3, 4, 4), "image", 3), ((4, 3, 3), "image", 1)],
)
def test_events_of_any_shape(shape, kind, depths):
    found = numbers_of(walk_page([step_of(shape, 0, density=True), step_of(shape, 0)], "x"))
    assert found["curve"] == (kind == "curve") and found["view"]["depth"] == depths
    assert found["mask"]["depth"] == 1, "a mask has no colors"
    place = found["steps"][0]["place"]
    assert place == ("0" if len(shape) < 2 else str((0,) * len(shape)))


def test_the_exact_distribution_and_numbers_that_are_not_finite():
    step = step_of((2,), 1, exact=torch.tensor([0.5, 0.5, torch.inf]))
    text = walk_page([step], "x")
    assert numbers_of(text)["steps"][0]["exact"] == [0.5, 0.5, None]
    assert "Infinity" not in text.split('id="data">')[1].split("</script>")[0]


def test_the_page_is_the_same_each_time_and_loads_nothing():
    steps = [step_of((3, 3), t) for t in (0, 4)]
    text = walk_page(steps, "a title")
    assert text == walk_page(steps, "a title")
    assert not re.search(r"https?:|//[a-z]+\.|src=|@import|url\(", text)
    assert "default-src 'none'" in text and "{{" not in text


def test_a_title_is_shown_not_run():
    hostile = "</title><script>alert(1)</script>{{data}}\x1b[31m"
    text = walk_page([step_of((2,), 0)], hostile)
    assert "<script>alert" not in text and "&lt;script&gt;alert(1)" in text and "\x1b" not in text
    assert text.count("{{data}}") == 2, "in the title and the heading, as text"


def test_every_element_that_the_script_asks_for_is_there():
    text = walk_page([step_of((2,), 0)], "x")
    for name in re.findall(r'(?:element|canvas|axes|drawCells)\("(\w+)"', text):
        assert f'id="{name}"' in text, name
    for name in re.findall(r'color\("(\w+)"\)', text):
        assert f"--{name}:" in text, name


def test_files_and_errors(tmp_path, monkeypatch):
    steps = [step_of((3, 3), t) for t in (0, 4)]
    assert save_walk_page(steps, tmp_path / "x.html", "x") == (tmp_path / "x.html").stat().st_size
    with pytest.raises(ShapeError, match="at least one step"):
        walk_page([], "x")
    with pytest.raises(RunError):
        save_walk_page(steps, tmp_path / "x.html" / "y.html", "x")
    monkeypatch.setattr("tensorar.plotting.stepping_page.MAX_BYTES", 2**13)
    with pytest.raises(TensorarError, match=r"a page of at most 0 MB, got 0 MB for 2 steps; choose fewer"):
        save_walk_page(steps, tmp_path / "z.html", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["x.html"]


def test_pages_have_all_steps_unless_these_are_many():
    assert [page_steps(n) for n in (1, 784, 3072, 10**5, 10**7)] == [1, 784, 1000, 167, 60]
