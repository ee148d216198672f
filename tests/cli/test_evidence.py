"""What ``tensorar inpaint`` takes as known: regions, a mask per event, pictures."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tensorar import Run

from .commands import SHORT, call, done, refused, report


def completed(run, *options):
    """The report and the completions of a command."""
    result = report("inpaint", run, *options, "--out", "x.npy")
    return result, torch.from_numpy(np.load("x.npy"))


@pytest.mark.parametrize(
    ("name", "known"),
    [("first 5", 5), ("rows 1-2", 8), ("every 3rd", 6), ("low-discrepancy 25 %", 4), ("row 0 + column 0", 7)],
)
def test_regions(bits_run, name, known):
    assert completed(bits_run, "--evidence", name, "--events", "2")[0]["known"] == known


def test_the_first_coefficients_are_those_that_the_model_visits_first(bits):
    done("train", f"npy:path={bits}", "--ordering", "snake", *SHORT, "--out", "run")
    visits = Run.open("run").model.order.visits
    _, x = completed("run", "--evidence", "first 6", "--events", "6", "--completions", "9")
    same = (x == x[:, :1]).flatten(2).all(1).all(0)
    assert same.nonzero()[:, 0].tolist() == sorted(visits[:6].tolist()) != list(range(6))


def test_a_mask_per_event(bits_run):
    masks = np.random.default_rng(0).random((3, 4, 4)) < [[[0.2]], [[0.5]], [[0.8]]]
    np.save("masks.npy", masks)
    result, x = completed(bits_run, "--mask", "masks.npy", "--events", "3", "--completions", "40")
    assert result["known"] == masks.sum((1, 2)).tolist()
    assert ((x == x[:, :1]).all(1).numpy() == masks).all(), "what is unknown varies"
    done("inpaint", bits_run, "--mask", "masks.npy", "--events", "3")
    assert "each of the 2 events to complete, got masks for 3; use --events 3" in refused(
        call("inpaint", bits_run, "--mask", "masks.npy", "--events", "2")
    )


def test_a_picture_with_a_hole(bits_run):
    hole = Image.new("RGBA", (4, 4), (9, 9, 9, 255))
    hole.paste((0, 0, 0, 0), (1, 1, 3, 3))
    hole.save("hole.png")
    result, x = completed(bits_run, "--mask", "hole.png", "--events", "6", "--completions", "9")
    assert result["known"] == 12
    varies = (x != x[:, :1]).flatten(0, 1).any(0)
    assert varies.nonzero().tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]


def test_pictures_of_another_size(bits_run):
    Image.new("1", (5, 4)).save("hole.png")
    message = refused(call("inpaint", bits_run, "--mask", "hole.png"))
    assert "the mask hole.png to be a PNG picture of 4 x 4 pixels, got 5 x 4 pixels; save a PNG of that size" in message


# --- uncertainty -----------------------------------------------------------------------------------------------------


def test_the_uncertainty_as_numbers_and_as_a_picture(bits_run):
    options = ["--events", "3", "--completions", "50", "--evidence", "rows 1-2", "--uncertainty"]
    found = report("inpaint", bits_run, *options, "--out", "x.npy")["uncertainty"]
    entropy = np.load("x-uncertainty.npy")
    assert found["measure"] == "entropy" and found["completions"] == 50 and found["path"] == "x-uncertainty.npy"
    assert entropy.shape == (3, 4, 4)
    assert (entropy[:, 1:3] == 0).all() and (entropy <= np.log(2) + 1e-9).all()
    assert found["mean"] == pytest.approx(entropy[:, [0, 3]].mean())
    ones = np.load("x.npy").mean(1)[:, [0, 3]].clip(1e-9, 1 - 1e-9)
    assert entropy[:, [0, 3]] == pytest.approx(-ones * np.log(ones) - (1 - ones) * np.log(1 - ones), abs=1e-6)
    text = done("inpaint", bits_run, *options).stdout
    assert "entropy of each coefficient given the evidence, estimated from 50 completions, biased low: " in text
    assert (bits_run / "inpainting-uncertainty.png").read_bytes().startswith(b"\x89PNG")


def test_it_is_predicted_for_each_column_of_a_table():
    rows = [f"{20 + k % 40},{'m' if k % 3 else 'f'},{1.5 + (k * 37 % 50) / 100:.2f}" for k in range(60)]
    Path("people.csv").write_text("\n".join(["age,sex,height", *rows]) + "\n")
    done("train", "table:path=people.csv", *SHORT, "--out", "people")
    result = report("inpaint", "people", "--events", "2", "--completions", "1", "--uncertainty", "--out", "x.csv")
    assert result["uncertainty"]["completions"] is None
    names, *uncertain = Path("x-uncertainty.csv").read_text().splitlines()
    assert names == "age,sex,height" and len(uncertain) == result["events"]
    header, *completed = Path("x.csv").read_text().splitlines()
    assert header == "age,sex,height" and len(completed) == 2
    assert all(re.fullmatch(r"\d+,[mf],\d\.\d\d", row) for row in completed), "in the form of the file"


def test_a_network_of_any_evidence_predicts_it(bits):
    networks = ["--backbone", "mlp:hidden=8", "--ordering", "shuffled"]
    done("train", f"npy:path={bits}", *networks, *SHORT, "--out", "run")
    result = report("inpaint", "run", "--completions", "1", "--uncertainty", "--out", "x.csv")
    assert result["uncertainty"]["completions"] is None
    assert len(Path("x-uncertainty.csv").read_text().splitlines()) == result["events"]


def test_one_completion_is_too_few_for_an_estimate(bits_run):
    message = refused(call("inpaint", bits_run, "--completions", "1", "--uncertainty"))
    assert "--completions >= 2, from which the uncertainty of this model is estimated, got 1" in message
    assert "use --completions 32 or more" in message
