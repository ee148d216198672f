"""``tensorar show``: what a run is, and what one of its conditionals depends on."""

from __future__ import annotations

import numpy as np
import pytest

from tensorar import Run, dependency_matrix

from .commands import SHORT, call, done, refused, report


@pytest.fixture(scope="module")
def blind(tmp_path_factory):
    """A PixelCNN with a small receptive field on images of 8 x 8 bits."""
    folder = tmp_path_factory.mktemp("show")
    np.save(folder / "bits.npy", np.random.default_rng(0).integers(0, 2, (40, 1, 8, 8), dtype=np.uint8))
    network = "pixelcnn:channels=4,blocks=1,first_kernel=3"
    done("train", f"npy:path={folder}/bits.npy", "--backbone", network, *SHORT, "--out", folder / "run")
    return folder / "run"


def test_the_parts_the_size_and_the_order_are_named(blind):
    found = report("show", blind)
    run = Run.open(blind)
    assert found["parts"]["backbone"] == "pixelcnn:channels=4,blocks=1,first_kernel=3"
    assert found["parameters"] == sum(p.numel() for p in run.model.parameters()) and found["status"] == "finished"
    assert found["weight_bytes"] == 4 * found["parameters"]
    assert found["order"] == "a fixed order (raster up to flips and axis permutation)"
    assert found["index"] == [0, 4, 4] and found["step"] == 36
    printed = done("show", blind).stdout
    assert "coefficient (0, 4, 4) at step 36" in printed and "blind to" in printed


@pytest.mark.parametrize("written", ["0,6,3", "51"])
def test_the_receptive_field_is_the_measured_one(blind, written):
    found = report("show", blind, "--coefficient", written, "--out", "field.png")
    model = Run.open(blind).new_model()
    for parameter in model.parameters():
        parameter.data.normal_()
    depends = dependency_matrix(model.double(), Run.open(blind).dataset.train[:20].double())
    assert found["coefficient"] == 51 and found["seen"] == int(depends[51].sum())
    assert found["seen"] > 0 and found["blind"] == 51 - found["seen"] > 0


def test_an_evidence_network_sees_everything(toy_run):
    found = report("show", toy_run, "--coefficient", 5)
    assert (found["seen"], found["blind"]) == (5, 0)
    assert found["notes"] == [] and (toy_run / "receptive-field.png").exists()


def test_the_history_is_told(bits_run):
    done("train", "--resume", bits_run, "--steps", 2, "--learning-rate", 0.01, "--device", "cpu")
    assert report("show", bits_run)["history"] == ["trained on after step 3 with steps=2, learning_rate=0.01"]
    done("train", "--from", bits_run, "--steps", 2, "--device", "cpu", "--out", "tuned")
    assert f"began with the weights of {bits_run.resolve()}" in done("show", "tuned").stdout


def test_without_its_data_there_is_no_influence(blind, tmp_path):
    data = blind.parent / "bits.npy"
    kept = data.read_bytes()
    data.unlink()
    try:
        notes = report("show", blind)["notes"]
    finally:
        data.write_bytes(kept)
    assert notes[0].startswith("no influence, which is measured on validation events")


@pytest.mark.parametrize("written", ["8,8", "64", "-1", "x", "0,8,0"])
def test_a_coefficient_outside_the_event_is_refused(blind, written):
    assert "--coefficient" in refused(call("show", blind, "--coefficient", written))


def test_a_column_of_a_table_is_named(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["kind,size", *(f"{'ab'[i % 2]},{i * 0.25}" for i in range(60))]) + "\n")
    done("train", f"table:path={path}", "--backbone", "made", *SHORT, "--out", tmp_path / "run")
    assert report("show", tmp_path / "run", "--coefficient", 1)["coefficient_name"] == "size"
    lines = done("show", tmp_path / "run").stdout.splitlines()
    assert lines[0].startswith("run ") and "coefficient size (1,) at step" in lines[-1]
