"""Requests for more than the memory there is are refused with their size, in one line, and leave nothing behind."""

import pytest

from tensorar.utils import memory

from .commands import call, contents, refused

TRILLION = 10**12
TRAIN = {
    "width": ("toy", "mlp:hidden=1000000000000", "would take "),
    "depth": ("toy", "mlp:layers=1000000000000,hidden=8", "would take "),
    "depth of attention": ("toy", "transformer:layers=1000000000000", "would take "),
    "kernel": ("toy", "convnet:kernel=99999999999999", "convnet's kernel of at most 1023"),
    "masked kernel": ("toy", "pixelcnn:kernel=99999999999999", "the convolution's kernel of at most 1023"),
    "levels": ("toy", "unet:levels=1000000000000", "unet's levels to be at most 63"),
    "beyond 64 bits": ("toy", "mlp:hidden=99999999999999999999999", "hidden to be an integer of at most 64 bits"),
    "length": ("toy:length=1000000000000", "mlp", " TB"),
}


@pytest.mark.parametrize("case", TRAIN)
def test_training(case, tmp_path):
    data, backbone, message = TRAIN[case]
    before = contents(tmp_path)
    arguments = ["--backbone", backbone, "--steps", "1", "--device", "cpu", "--out", "out"]
    assert message in refused(call("train", data, *arguments))
    assert contents(tmp_path) == before


@pytest.mark.parametrize("head", ["categorical:levels=1000000000000", "logistic_mixture:components=1000000000000"])
def test_heads(head, tmp_path):
    before = contents(tmp_path)
    assert "would take " in refused(call("train", "toy", "--head", head, "--steps", "1", "--out", "out"))
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("ordering", "shape", "message"),
    [
        ("raster", "1000000,1000000", "(1000000, 1000000), which would take 64 TB"),
        ("hilbert", "1000000,1000000", "would take 64 TB"),
        ("flips", ",".join(["2"] * 20), "1048576 orders of events"),
        ("raster", ",".join(["1"] * 70), "at most 60 axes"),
        ("raster", str(2**63), "from 1 to 2**63 - 1"),
        ("random:seed=99999999999999999999", "2", "seed to be an integer of at most 64 bits"),
    ],
)
def test_orders(ordering, shape, message, tmp_path):
    before = contents(tmp_path)
    assert message in refused(call("order", "show", ordering, "--shape", shape))
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "typed",
    [f"sample -n {TRILLION}", f"inpaint --completions {TRILLION}", f"sample -n {10**25}"],
)
def test_samples(typed, toy_run, tmp_path):
    before = contents(tmp_path)
    command, *options = typed.split()
    assert "would take " in refused(call(command, toy_run, *options))
    assert contents(tmp_path) == before


def test_estimates_from_too_many_prefixes(toy_run, tmp_path):
    before = contents(tmp_path)
    options = ["--estimate", "--samples-per-event", TRILLION]
    message = refused(call("evaluate", toy_run, *options))
    assert "prefixes of events at once, which would take " in message
    assert "a smaller --samples-per-event" in message
    assert contents(tmp_path) == before


def test_training_that_does_not_fit_beside_its_network(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 150_000)
    arguments = ["--backbone", "mlp:hidden=64", "--steps", "1", "--batch-size", "50", "--out", "out", "--device", "cpu"]
    message = refused(call("train", "toy:length=8", *arguments))
    assert "weights on batches of 50, which would take " in message
    assert "use a smaller network, --batch-size or number of values" in message
    assert not (tmp_path / "out").exists()


def test_a_device_that_cannot_compute(bits_run, tmp_path):
    before = contents(tmp_path)
    for device in ("meta", "cpu:7", "hpu", "xla", "mkldnn"):
        message = refused(call("evaluate", bits_run, "--device", device))
        assert "a device that this machine has (auto, cpu" in message and f"got '{device}'" in message
        refused(call("train", "toy", "--device", device, "--out", "out"))
    assert contents(tmp_path) == before


def test_numbers_that_are_none(tmp_path):
    for value in ("nan", "inf", "-inf", "1e999"):
        message = refused(call("train", "toy", "--backbone", f"mlp:dropout={value}", "--out", "out"))
        assert "mlp's dropout to be a finite number, got " in message
        message = refused(call("train", "toy", "--head", f"gaussian:floor={value}", "--out", "out"))
        assert "gaussian's floor to be a finite number, got " in message
        message = refused(call("train", f"npy:path=x.npy,valid_fraction={value}", "--out", "out"))
        assert "npy's valid_fraction to be a finite number, got " in message
    for backbone in ("mlp", "unet", "rnn", "transformer"):
        for value in ("-0.1", "1", "7"):
            message = refused(call("train", "toy", "--backbone", f"{backbone}:dropout={value}", "--out", "out"))
            assert f"{backbone}'s dropout from 0 up to (not including) 1" in message
    assert not (tmp_path / "out").exists()
