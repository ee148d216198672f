"""Adaptive orders and puzzles on the command line."""

import pytest
import torch
from PIL import Image

from tensorar import load_dataset

from .commands import SHORT, call, done, refused, report

PUZZLES = ["sudoku:train_grids=20,valid_puzzles=5,test_puzzles=6", "--backbone", "mlp:hidden=8"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on puzzles in an adaptive order."""
    folder = tmp_path_factory.mktemp("puzzles") / "run"
    done("train", *PUZZLES, *SHORT, "--ordering", "adaptive:rule=max-margin", "--out", folder)
    return folder


def test_a_run_in_an_adaptive_order_is_used_like_any_other(run, tmp_path):
    assert report("sample", run, "-n", "3", "--means", "--out", tmp_path / "x.png")["passes"] == 16
    done("inpaint", run, "--events", "2", "--completions", "1", "--out", tmp_path / "y.png")
    given = report("evaluate", run, "--given", "top half")
    assert given["exact"] and given["unknown"] == 8
    assert (
        "exact"
        in done("inpaint", run, "--events", "2", "--evidence", "bottom half", "--out", tmp_path / "y.png").stdout
    )
    steps = report("posterior", run, "--steps", "0,3,15", "--out", tmp_path / "z.png")["steps"]
    assert [step["known"] for step in steps] == [0, 3, 15]


def test_the_share_of_puzzles_solved_in_any_order(run):
    found = report("evaluate", run)
    assert found["exact"]
    assert found["solved"]["events"] == found["events"] == 6
    assert report("evaluate", run, "--ordering", "adaptive:rule=max-margin") == found
    assert report("evaluate", run, "--ordering", "shuffled")["nats"] != found["nats"]
    over = report("evaluate", run, "--orders", "2")["over_orders"]
    assert over["mixture_nats"] <= over["mean_nats"]
    assert "6 events completed as in the data" in done("evaluate", run).stdout


def test_an_order_that_was_taken_is_drawn_and_animated(run, tmp_path):
    options = ["--example", "2", "--ordering", "adaptive"]
    found = report("order", "show", run, *options, "--out", tmp_path / "order.gif")
    assert found["known"] == 4
    assert found["ordering"] == "adaptive"
    with Image.open(tmp_path / "order.gif") as picture:
        assert picture.n_frames == 16 - 4 + 1
    shown = done("order", "show", run, *options, "--out", tmp_path / "order.png").stdout
    assert "the 4 given first" in shown
    assert len(shown.splitlines()) == 5


def test_a_fixed_order_has_only_the_clues_at_its_start_given_first(tmp_path):
    """The only clues before the first empty cell in raster order: the others are visited later."""
    done("train", *PUZZLES, *SHORT, "--ordering", "raster", "--out", tmp_path / "run")
    clues = load_dataset(PUZZLES[0]).evidence_mask("test", torch.arange(6)).flatten(1)
    for example, mask in enumerate(clues.tolist()):
        found = report(
            "order", "show", tmp_path / "run", "--example", example, "--masks", "1", "--out", tmp_path / "order.png"
        )
        assert found["known"] == mask.index(False) < 4


def test_what_cannot_be_shown_or_evaluated(run, toy_run):
    assert "below 6" in refused(call("order", "show", run, "--example", "6"))
    assert ".gif" in refused(call("order", "show", "raster", "--shape", "2", "--out", "x.jpg"))
    assert "a run folder" in refused(call("order", "show", "raster", "--example", "0"))
    both = refused(call("order", "show", run, "--example", "0", "--shape", "4,4"))
    assert "got --example and --shape" in both
    assert "got --shape and --ordering" in refused(
        call("order", "show", "raster", "--shape", "2", "--ordering", "snake")
    )
    options = ["--given", "top half", "--ordering", "adaptive"]
    assert "no --ordering with --given" in refused(call("evaluate", run, *options))
    for command in (("evaluate",), ("order", "show", "--example", "0")):
        refusal = refused(call(*command, toy_run, "--ordering", "shuffled"))
        assert "trained on random orders, for another --ordering" in refusal
    refusal = refused(call("train", *PUZZLES[:1], "--backbone", "nade", "--ordering", "adaptive", *SHORT))
    assert "use one of convnet, regression, mlp, unet, transformer" in refusal
