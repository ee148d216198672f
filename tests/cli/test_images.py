"""A folder of one's own pictures from the command line: train, sample to PNG files, complete a photo, look at one."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from .commands import SHORT, call, done, refused, report

NETWORK = ["--backbone", "pixelcnn:channels=4,blocks=1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of 30 pictures of 8 x 6 pixels in color, and a run on it."""
    folder = tmp_path_factory.mktemp("pictures")
    pixels = np.random.default_rng(0).integers(0, 256, (30, 6, 8, 3), dtype=np.uint8)
    (folder / "photos").mkdir()
    for k, picture in enumerate(pixels):
        Image.fromarray(picture).save(folder / "photos" / f"{k:02}.png")
    result = done("train", folder / "photos", *NETWORK, *SHORT, "--out", folder / "run")
    assert "chosen: ordering raster, head logistic_mixture:levels=256" in result.stdout
    assert "events: height 6 x width 8 x channel 3\n" in result.stdout
    return folder


@pytest.fixture
def photo(tmp_path):
    """A photo of 80 x 60 pixels: red on the left, blue on the right."""
    pixels = np.zeros((60, 80, 3), np.uint8)
    pixels[:, :40, 0] = pixels[:, 40:, 2] = 200
    Image.fromarray(pixels).save(tmp_path / "photo.jpg", quality=95)
    return tmp_path / "photo.jpg"


def _mask(path, size=(80, 60), box=(40, 0, 80, 60), color=255):
    picture = Image.new("L", size, 255 - color)
    picture.paste(color, box)
    picture.save(path)
    return path


def test_samples_as_a_picture_each(folder, tmp_path):
    result = report("sample", folder / "run", "-n", "3", "--out", tmp_path / "samples")
    assert result["path"] == str(tmp_path / "samples")
    names = [path.name for path in sorted((tmp_path / "samples").iterdir())]
    assert names == ["sample-1.png", "sample-2.png", "sample-3.png"]
    report("sample", folder / "run", "-n", "3", "--out", tmp_path / "samples.npy")
    for name, numbers in zip(names, np.load(tmp_path / "samples.npy"), strict=True):
        with Image.open(tmp_path / "samples" / name) as picture:
            np.testing.assert_array_equal(np.asarray(picture), numbers, "the same pixels")


def test_the_pictures_of_another_folder_are_evaluated(folder):
    result = done("evaluate", folder / "run", "--data", folder / "photos", "--events", 2)
    assert f"images:path={folder / 'photos'}" in result.stdout


def test_a_photo_is_completed(folder, photo, tmp_path):
    mask = _mask(tmp_path / "mask.png")
    result = done("inpaint", folder / "run", "--image", photo, "--mask", mask, "-n", "2", "--out", tmp_path / "out")
    assert f"note: {photo} was resized from 80 x 60 to 8 x 6 pixels\n" in result.stdout
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["completion-1.png", "completion-2.png", "sheet.png"]
    with Image.open(tmp_path / "out" / "completion-1.png") as picture:
        pixels = np.asarray(picture).astype(int)
    assert pixels.shape == (6, 8, 3)
    assert np.abs(pixels[:, :3] - [200, 0, 0]).max() <= 30, "what was known is as in the photo"
    completed = np.asarray(Image.open(tmp_path / "out" / "completion-2.png")).astype(int)
    assert (pixels[:, :4] == completed[:, :4]).all() and (pixels[:, 4:] != completed[:, 4:]).any()


def test_a_transparent_picture_needs_no_mask(folder, tmp_path):
    pixels = np.full((60, 80, 4), 255, np.uint8)
    pixels[30:, :, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "hole.png")
    result = report("inpaint", folder / "run", "--image", tmp_path / "hole.png", "-n", "1", "--out", tmp_path / "a.npy")
    assert result["known"] == 3 * 8 * 3
    assert result["notes"] == [f"{tmp_path / 'hole.png'} was resized from 80 x 60 to 8 x 6 pixels"]
    assert (np.load(tmp_path / "a.npy")[0, 0, :3] == 255).all()
    assert result["conditioning"]["way"] == "exact"


def test_a_named_region_of_a_photo_and_the_default_folder(folder, photo):
    result = report("inpaint", folder / "run", "--image", photo, "--evidence", "top half", "-n", "1")
    assert result["known"] == 3 * 8 * 3
    assert result["path"] == str(folder / "run" / "photo-inpainted")
    assert (folder / "run" / "photo-inpainted" / "completion-1.png").is_file()


def test_an_event_in_an_array_is_read_by_a_run_on_arrays(bits_run, tmp_path):
    event = np.eye(4, dtype=np.uint8)
    np.save(tmp_path / "event.npy", event)
    out = ["--completions", "1", "--out", tmp_path / "completed.npy"]
    result = report("inpaint", bits_run, "--data", tmp_path / "event.npy", "--evidence", "top half", *out)
    assert (result["events"], result["known"]) == (1, 8)
    assert (np.load(tmp_path / "completed.npy")[0, 0, :2] == event[:2]).all()
    missing = event.astype(float)
    missing[2:, 2:] = np.nan
    np.save(tmp_path / "missing.npy", [missing, missing])
    result = report("inpaint", bits_run, "--data", tmp_path / "missing.npy", *out)
    assert (result["events"], result["known"]) == (2, 12), "what is missing is unknown"
    steps = report("posterior", bits_run, "--data", tmp_path / "event.npy", "--steps", "3")["steps"]
    assert steps[0]["known"] == 3


def test_a_picture_for_a_run_on_an_array_of_images(bits_run, tmp_path):
    Image.fromarray(np.kron(np.eye(4), np.ones((5, 5))).astype(np.uint8) * 255).save(tmp_path / "picture.png")
    out = ["-n", "1", "--out", tmp_path / "a.npy"]
    report("inpaint", bits_run, "--image", tmp_path / "picture.png", "--evidence", "top half", *out)
    assert (np.load(tmp_path / "a.npy")[0, 0, :2] == np.eye(4)[:2]).all()


def test_a_posterior_of_a_photo(folder, photo, tmp_path):
    result = report("posterior", folder / "run", "--data", photo, "--steps", "0,30", "--out", tmp_path / "p.png")
    assert [step["known"] for step in result["steps"]] == [0, 30]
    assert result["steps"][0]["truth"] == pytest.approx(200, abs=30), "the red of the first pixel"


def test_a_class_is_chosen_by_the_name_of_its_folder(tmp_path):
    for value, name in ((0, "black"), (255, "white")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for k in range(8):
            Image.new("L", (4, 4), value).save(tmp_path / "photos" / name / f"{k}.png")
    output = done("train", tmp_path / "photos", *NETWORK, *SHORT, "--out", tmp_path / "run").stdout
    assert "2 classes, of folders, as contexts: black 8, white 8" in output
    done("sample", tmp_path / "run", "-n", "2", "--context", "white")
    assert "a class: black, white, got 'red'" in refused(call("sample", tmp_path / "run", "--context", "red"))
    picture = tmp_path / "photos" / "white" / "1.png"
    line = refused(call("inpaint", tmp_path / "run", "--image", picture, "--evidence", "top half"))
    assert "--context for" in line and "was trained with contexts" in line
    done("inpaint", tmp_path / "run", "--image", picture, "--evidence", "top half", "--context", "white", "-n", "1")


# --- wrong variants --------------------------------------------------------------------------------------------------


def _wrong(folder, photo, tmp_path):
    np.save(tmp_path / "other.npy", np.zeros((3, 3)))
    (tmp_path / "text.png").write_text("no picture")
    run = folder / "run"
    small = _mask(tmp_path / "small.png", (8, 6), (0, 0, 4, 6))
    image = ["inpaint", run, "--image", photo]
    return {
        "something unknown in": image,
        "to have the image's size, 80 x 60 pixels, got 8 x 6": [*image, "--mask", small],
        "either --image or --data, got both": [*image, "--data", photo],
        "either --evidence or --mask, got both": [*image, "--mask", small, "--evidence", "border"],
        "to be a picture": ["inpaint", run, "--image", tmp_path / "text.png"],
        "--image to end in .png": ["inpaint", run, "--image", tmp_path / "other.npy"],
        "no such file or directory": ["inpaint", run, "--image", tmp_path / "missing.png"],
        "got '/dev/full'": ["sample", run, "--out", "/dev/full"],
        "a folder of files that one reads": ["train", tmp_path / "empty"],
    }


def test_wrong_variants_are_refused_in_a_line(folder, photo, tmp_path):
    (tmp_path / "empty").mkdir()
    for message, arguments in _wrong(folder, photo, tmp_path).items():
        assert message in refused(call(*arguments))


def test_pictures_of_events_that_are_none(toy_run, tmp_path):
    line = refused(call("sample", toy_run, "-n", "2", "--out", tmp_path / "folder"))
    assert "events with height and width, for pictures of them, got shape (8,); write numbers" in line
    assert not (tmp_path / "folder").exists()
    line = refused(call("inpaint", toy_run, "--data", tmp_path / "x.npy"))
    assert "a dataset that reads files of yours" in line
