"""The commands that inspect a trained run: evaluate, sample, inpaint, posterior."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tensorar import Run, evaluate, load_dataset, region

from .commands import SHORT, call, contents, done, refused, report

PNG = b"\x89PNG\r\n\x1a\n"


def is_picture(path):
    content = path.read_bytes()
    return content.startswith(PNG) and len(content) > 2000


# --- evaluate -------------------------------------------------------------------------------------------------------


def test_evaluate_reports_what_the_library_computes(toy_run):
    run = Run.open(toy_run)
    expected = evaluate(run.model, run.dataset.test, dataset=run.dataset)
    result = report("evaluate", toy_run)
    assert result == {"run": str(toy_run), "split": "test", **expected.as_dict()}
    assert result["exact"] is True
    assert result["data_nats"] == pytest.approx(-float(run.dataset.log_prob(run.dataset.test).mean()))


def test_evaluate_reports_the_gap_to_the_exact_entropy(toy_run):
    shown = done("evaluate", toy_run, "--events", "30").stdout
    names = ["nats per event", "exact nats of the data", "gap to the exact nats"]
    nats, exact, distance = (float(re.search(rf"{name} +([\d.]+)", shown)[1]) for name in names)
    assert distance == pytest.approx(nats - exact, abs=2e-3)
    assert re.search(r"events +30 \(exact\)", shown)
    assert "gap to" not in done("evaluate", toy_run, "--data", f"npy:path={_other_sequences()}").stdout


def _other_sequences():
    np.save("other.npy", np.random.default_rng(0).integers(0, 16, (40, 8)))
    return "other.npy"


def test_an_estimate_is_unbiased_and_reported_as_such(toy_run):
    exact, estimate = (report("evaluate", toy_run, "--events", "400", f"--{kind}") for kind in ("exact", "estimate"))
    assert (exact["exact"], estimate["exact"]) == (True, False)
    assert estimate["nats"] == pytest.approx(exact["nats"], abs=5 * estimate["standard_error"])
    assert estimate["nats"] != exact["nats"]
    assert "(unbiased estimate)" in done("evaluate", toy_run, "--estimate", "--events", "5").stdout


def test_evaluate_draws_events_with_the_seed(bits_run):
    some = [report("evaluate", bits_run, "--split", "train", "--events", "7", "--seed", seed) for seed in (0, 0, 1)]
    assert [one["events"] for one in some] == [7, 7, 7]
    assert some[0] == some[1]
    assert some[0]["nats"] != some[2]["nats"]
    assert report("evaluate", bits_run, "--split", "train", "--events", "1000")["events"] == 48


# --- sample ---------------------------------------------------------------------------------------------------------


def test_samples_as_a_picture_in_the_run(bits_run):
    assert "64 samples in" in done("sample", bits_run).stdout
    assert is_picture(bits_run / "samples.png")


def test_samples_as_numbers_are_those_of_the_library(toy_run):
    run = Run.open(toy_run)
    expected = run.model.sample(5, generator=torch.Generator().manual_seed(3))
    for name in ("x.npy", "x.csv"):
        result = report("sample", toy_run, "-n", "5", "--seed", "3", "--out", name)
        assert result["shape"] == [5, 8]
    assert np.load("x.npy").tolist() == expected.tolist()
    rows = [line.split(",") for line in Path("x.csv").read_text().splitlines()]
    assert [[float(cell) for cell in row] for row in rows] == expected.tolist()


def test_samples_are_a_dataset_again(bits_run):
    done("sample", bits_run, "-n", "30", "--out", "drawn.npy")
    assert load_dataset("npy:path=drawn.npy").event_shape == (4, 4)
    done("sample", bits_run, "-n", "30", "--out", "drawn.csv")
    assert load_dataset("table:path=drawn.csv").event_shape == (16,)


@pytest.mark.parametrize("ending", ["npy", "csv", "png"])
def test_samples_with_their_conditional_means(bits_run, tmp_path, ending):
    plain, beside = tmp_path / f"plain.{ending}", tmp_path / f"beside.{ending}"
    done("sample", bits_run, "-n", "6", "--out", plain)
    done("sample", bits_run, "-n", "6", "--out", beside, "--means")
    if ending == "png":
        assert is_picture(beside)
        assert beside.read_bytes() != plain.read_bytes()
    if ending == "csv":
        assert len((tmp_path / "beside-means.csv").read_text().splitlines()) == 6
    if ending == "npy":
        samples, means = np.load(beside), np.load(tmp_path / "beside-means.npy")
        assert (samples == np.load(plain)).all()
        assert means == pytest.approx(Run.open(bits_run).model.conditional_means(torch.from_numpy(samples)).numpy())


# --- inpaint --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["top half", "right third", "bottom quarter", "center box", "border", "random 0.4"])
def test_known_values_are_unchanged(bits_run, name):
    options = ["--evidence", name, "--events", "6", "--completions", "3", "--seed", "5", "--split", "train"]
    result = report("inpaint", bits_run, *options, "--out", "x.npy")
    known = region(name, (4, 4), torch.Generator().manual_seed(5))
    train = Run.open(bits_run).dataset.train
    original = train[torch.randperm(len(train), generator=torch.Generator().manual_seed(5))[:6]]
    completed = torch.from_numpy(np.load("x.npy"))
    assert result["known"] == int(known.sum()) > 0
    assert list(completed.shape) == result["shape"] == [6, 3, 4, 4]
    assert (completed == original.unsqueeze(1))[:, :, known].all()
    assert not (completed == original.unsqueeze(1))[:, :, ~known].all()


def test_a_mask_from_a_file(bits_run):
    mask = np.eye(4, dtype=bool)
    np.save("mask.npy", mask)
    done("inpaint", bits_run, "--mask", "mask.npy", "--out", "x.npy")
    np.save("numbers.npy", mask.astype(float))
    done("inpaint", bits_run, "--mask", "numbers.npy", "--out", "y.npy")
    x = np.load("x.npy")
    assert (x == np.load("y.npy")).all()
    assert (x[..., mask] == x[:, :1][..., mask]).all()


def test_inpainting_as_a_picture_and_as_text(bits_run, toy_run):
    for run in (bits_run, toy_run):
        done("inpaint", run)
        assert is_picture(run / "inpainting.png")
    done("inpaint", bits_run, "--events", "2", "--completions", "3", "--out", "x.csv")
    assert [len(line.split(",")) for line in Path("x.csv").read_text().splitlines()] == [16] * 6


@pytest.mark.parametrize(("shape", "known"), [((), 0), ((1, 6), 3), ((2, 4, 4), 16), ((4, 1, 1), None)])
def test_every_shape_has_a_default_region(shape, known):
    np.save("x.npy", np.random.default_rng(0).integers(0, 2, (20, *shape), dtype=np.uint8))
    done("train", "npy:path=x.npy", "--steps", "1", "--device", "cpu", "--out", "run")
    result = report("inpaint", "run", "--events", "2")
    assert known is None or result["known"] == known
    done("posterior", "run")
    assert "16 samples" in done("sample", "run", "-n", "16").stdout


def test_a_region_and_a_mask_exclude_each_other(bits_run):
    np.save("mask.npy", np.eye(4, dtype=bool))
    assert "got both" in refused(call("inpaint", bits_run, "--mask", "mask.npy", "--evidence", "border"))


# --- posterior ------------------------------------------------------------------------------------------------------


def test_the_posterior_at_steps(toy_run):
    result = report("posterior", toy_run, "--steps", "0,3,7", "--example", "4", "--split", "valid")
    event = Run.open(toy_run).dataset.valid[4]
    assert [step["known"] for step in result["steps"]] == [0, 3, 7]
    for step in result["steps"]:
        assert step["coefficient"] == step["known"], "in raster order"
        assert step["truth"] == event[step["coefficient"]]
        assert sum(step["probabilities"]) == pytest.approx(1, abs=1e-5)
        assert step["support"] == list(range(16))
        assert step["most_likely"] == np.argmax(step["probabilities"])
    assert is_picture(toy_run / "posterior.png")


def test_the_posterior_chooses_steps_over_the_order(toy_run):
    assert "event 0 of test with 1, 3, 4, 6, 7 coefficients known" in done("posterior", toy_run).stdout


def test_an_animation_of_visiting(toy_run):
    result = report("posterior", toy_run, "--steps", "0,3,7", "--out", "x.gif")
    assert [step["known"] for step in result["steps"]] == [0, 3, 7]
    with Image.open("x.gif") as animation:
        assert animation.n_frames == 3
    assert "event 0 of test in 8 frames: y.gif" in done("posterior", toy_run, "--out", "y.gif").stdout


def test_a_page_that_steps_through_an_event(toy_run):
    result = report("posterior", toy_run, "--html", "x.html")
    assert [step["known"] for step in result["steps"]] == list(range(8)) and result["path"] == "x.html"
    page = Path("x.html").read_text()
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    for step, expected in zip(data["steps"], result["steps"], strict=True):
        assert step["coefficient"] == expected["coefficient"] and step["truth"] == expected["truth"]
        assert step["probabilities"] == pytest.approx(expected["probabilities"], rel=1e-3)
    assert "<h1>toy: event 0 of test, coefficient by coefficient</h1>" in page
    told = done("posterior", toy_run, "--html", "y.html", "--steps", "0,7").stdout
    assert re.search(r"in 2 steps: y.html \(\d+\.?\d* kB\)", told), told
    assert not (toy_run / "posterior.png").exists()


def test_a_page_or_a_picture(toy_run):
    assert "--out or --html, got both" in refused(call("posterior", toy_run, "--html", "x.html", "--out", "x.png"))
    assert "--html to end in .html, got 'x.png'" in refused(call("posterior", toy_run, "--html", "x.png"))


def test_inspection_does_not_change_the_run(bits_run, tmp_path):
    before = contents(bits_run)
    out = ["--out", tmp_path / "out.png"]
    for command in (["evaluate"], ["sample", *out], ["inpaint", *out], ["posterior", *out]):
        done(command[0], bits_run, *command[1:])
    assert contents(bits_run) == before


# --- mixtures of random orders ---------------------------------------------------------------------------------------


@pytest.fixture
def any_order_run(bits):
    """A model of all orders, trained for a few steps."""
    options = ["--ordering", "mixed:share=0.5,to=snake", "--backbone", "mlp:hidden=8", "--head", "bernoulli"]
    done("train", f"npy:path={bits}", *options, *SHORT, "--out", "any-order")
    return "any-order"


def test_orders_are_evaluated_and_drawn(any_order_run):
    run = Run.open(any_order_run)
    expected = evaluate(run.model, run.dataset.test, orders=3, seed=5)
    result = report("evaluate", any_order_run, "--orders", 3, "--seed", 5)
    assert result == {"run": any_order_run, "split": "test", **expected.as_dict()}
    assert set(result["over_orders"]) == {
        *("orders", "mixture_nats", "mixture_standard_error", "mean_nats", "mean_standard_error"),
        *("gain_standard_error", "mixture_events"),
    }
    assert result["nats"] == result["over_orders"]["mixture_nats"] < result["over_orders"]["mean_nats"]
    shown = done("evaluate", any_order_run, "--orders", 3, "--events", 5).stdout
    assert "3 orders of 5 events: 240 conditionals, 16 for each event and order" in shown
    assert re.search(r"nats per event, mixture of 3 orders +[\d.]+ ± [\d.]+", shown)
    assert re.search(r"nats per event, mean over 3 orders \(a bound\) +[\d.]+ ± [\d.]+", shown)
    one = report("evaluate", any_order_run, "--orders", 3, "--events", 1)["over_orders"]
    assert one["mean_standard_error"] is None
    report("sample", any_order_run, "-n", 5, "--orders", 3, "--seed", 5, "--out", "drawn.npy")
    drawn = run.model.sample(5, orders=run.model.draw_orders(3, 5), generator=torch.Generator().manual_seed(5))
    np.testing.assert_array_equal(np.load("drawn.npy"), drawn.numpy())


@pytest.mark.parametrize("command", ["evaluate", "sample"])
def test_orders_of_a_fixed_order_are_refused(command, toy_run):
    assert "'raster', which is always the same" in refused(call(command, toy_run, "--orders", 3))


def test_the_mixture_of_all_events_is_estimated_from_some(any_order_run):
    few = report("evaluate", any_order_run, "--orders", 3, "--events", 3)["over_orders"]
    every = report("evaluate", any_order_run, "--orders", 3)
    options = ("--orders", 3, "--mixture-events", 3, "--samples-per-event", 64)
    result = report("evaluate", any_order_run, *options)
    gain, over = few["mean_nats"] - few["mixture_nats"], result["over_orders"]
    assert result["nats"] == pytest.approx(over["mean_nats"] - gain)
    assert over["mean_nats"] == pytest.approx(every["over_orders"]["mean_nats"], abs=5 * over["mean_standard_error"])
    assert result["bits_per_dim"] == pytest.approx(result["nats"] / (16 * math.log(2)))
    assert result["perplexity"] == pytest.approx(math.exp(result["nats"] / 16))
    assert result["standard_error"] == pytest.approx(
        math.hypot(over["mean_standard_error"], few["gain_standard_error"])
    )
    assert result["events"] == every["events"] and result["exact"] is False
    assert result["over_orders"]["mixture_events"] == 3
    shown = done("evaluate", any_order_run, "--orders", 3, "--mixture-events", 3).stdout
    assert re.search(r"what mixing gains, measured on 3 events +[\d.]+ ± [\d.]+", shown)
    # no fewer than all: nothing to estimate
    assert report("evaluate", any_order_run, "--orders", 3, "--mixture-events", 10_000)["exact"] is True


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--mixture-events", 3), "--mixture-events together with --orders, got 3"),
        (("--mixture-events", 3, "--orders", 2, "--exact"), "an estimate, which --mixture-events gives, got exact"),
    ],
)
def test_mixture_events_that_would_be_ignored_are_refused(options, message, any_order_run):
    assert message in refused(call("evaluate", any_order_run, *options))


def test_mixture_events_of_a_causal_backbone_are_refused(bits):
    done("train", f"npy:path={bits}", "--ordering", "shuffled", "--backbone", "made:hidden=8", *SHORT, "--out", "made")
    message = refused(call("evaluate", "made", "--orders", 2, "--mixture-events", 3))
    assert "an evidence backbone" in message and "made, which is evaluated exactly" in message


def test_orders_are_exact(any_order_run):
    assert "exact likelihoods in several orders" in refused(
        call("evaluate", any_order_run, "--orders", 3, "--estimate")
    )
