"""Folders of pictures as other programs write them: modes, sizes, orientations, classes, and files that do not open."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from tensorar import DataError, SpecError, load_dataset
from tensorar.testing import checks
from tensorar_plugins.datasets.images import Images

FRACTIONS = "valid_fraction=0.2,test_fraction=0.2"


def _save(folder, arrays, ending=".png", **options):
    folder.mkdir(parents=True, exist_ok=True)
    for k, array in enumerate(arrays):
        Image.fromarray(array).save(folder / f"{k:02}{ending}", **options)
    return folder


def _random(n, *shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def _events(path, options=""):
    dataset = load_dataset(f"images:path={path},{FRACTIONS}{',' * bool(options)}{options}")
    return torch.cat([dataset.train, dataset.valid, dataset.test]), dataset


def _same(events, arrays):
    """Whether events are these arrays, in any order."""
    key = lambda array: np.asarray(array).tobytes()  # noqa: E731
    return sorted(map(key, events.numpy())) == sorted(map(key, arrays))


# --- kinds of files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "mode"), [((4, 6), "grey"), ((4, 6, 3), "rgb")])
@pytest.mark.parametrize("ending", [".png", ".webp", ".bmp", ".tiff"])
def test_pixels_are_those_of_the_files(tmp_path, ending, shape, mode):
    arrays = _random(5, *shape)
    options = {"lossless": True} if ending == ".webp" else {}
    events, dataset = _events(_save(tmp_path / "a", arrays, ending, **options))
    assert _same(events, arrays)
    assert events.dtype == torch.uint8
    assert dataset.axis_names == ("height", "width", "channel")[: len(shape)]
    assert dataset.suggested_head == "logistic_mixture:levels=256", "whatever levels occur"
    assert any(note.startswith(f"mode={mode}") for note in dataset.notes)


def test_jpeg_and_the_first_frame_of_a_gif(tmp_path):
    flat = [np.full((8, 8), value, np.uint8) for value in (0, 60, 128, 200, 255)]
    events, _ = _events(_save(tmp_path / "jpeg", flat, ".jpg", quality=95))
    assert sorted(int(event.float().mean().round()) for event in events) == pytest.approx([0, 60, 128, 200, 255], abs=1)
    folder = tmp_path / "gif"
    folder.mkdir()
    for k, first in enumerate(flat):
        frames = [Image.fromarray(array) for array in (first, 255 - first)]
        frames[0].save(folder / f"{k}.gif", save_all=True, append_images=frames[1:])
    assert _same(_events(folder)[0], flat)


MODES = {
    "1": lambda image: image.convert("1"),
    "L": lambda image: image.convert("L"),
    "P": lambda image: image.quantize(2),
    "LA": lambda image: image.convert("LA"),
    "PA": lambda image: image.convert("RGBA").quantize(4),
    "RGBA": lambda image: image.convert("RGBA"),
    "CMYK": lambda image: image.convert("RGB").convert("CMYK"),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_is_read_as_what_is_seen(tmp_path, mode):
    checks = np.kron([[0, 255], [255, 0]], np.ones((2, 2))).astype(np.uint8)
    ending = ".tiff" if mode == "CMYK" else ".png"
    for k in range(5):
        MODES[mode](Image.fromarray(checks)).save(tmp_path / f"{k}{ending}")
    events, dataset = _events(tmp_path, "size=4,mode=grey")
    assert _same(events, [checks] * 5)
    bits, dataset = _events(tmp_path, "mode=bits")
    assert _same(bits, [checks // 255] * 5)
    assert dataset.suggested_head == "bernoulli"


def test_sixteen_bits(tmp_path):
    deep = np.arange(5 * 12, dtype=np.uint16).reshape(5, 3, 4) * 1000
    events, dataset = _events(_save(tmp_path, deep))
    assert _same(events, (deep // 256).astype(np.uint8))
    assert "5 images of 16 bits per pixel: rounded down to 256 levels" in " ".join(dataset.notes)
    events, dataset = _events(tmp_path, "mode=grey,levels=65536")
    assert _same(events, deep.astype(np.int32))
    assert dataset.suggested_head == "logistic_mixture:levels=65536"


def test_more_than_sixteen_bits_are_refused(tmp_path):
    for k, value in enumerate((65535, 65536)):
        Image.fromarray(np.full((3, 4), value, np.int32)).save(tmp_path / f"{k}.tif")
    with pytest.raises(DataError, match=r"1\.tif: pixels from 65536 to 65536, beyond 16 bits"):
        _events(tmp_path, "mode=grey")


@pytest.mark.parametrize(("levels", "head"), [(4, "categorical:levels=4"), (32, "logistic_mixture:levels=32")])
def test_fewer_levels(tmp_path, levels, head):
    arrays = _random(5, 4, 4)
    events, dataset = _events(_save(tmp_path, arrays), f"levels={levels}")
    assert _same(events, (arrays.astype(int) * levels // 256).astype(np.uint8))
    assert dataset.suggested_head == head


def test_transparent_parts_lie_on_the_background(tmp_path):
    rgba = np.zeros((5, 4, 4, 4), np.uint8)
    rgba[:, :2] = (10, 20, 30, 255)
    _save(tmp_path, rgba)
    events, dataset = _events(tmp_path, "background='255 0 0'")
    assert events[0, 0, 0].tolist() == [10, 20, 30]
    assert events[0, 3, 0].tolist() == [255, 0, 0]
    assert "transparent parts of 5 images lie on the background" in dataset.notes
    assert (_events(tmp_path)[0][:, 2:] == 255).all(), "white unless another color is given"


def test_exif_orientation(tmp_path):
    arrays = _random(5, 4, 6)
    for k, array in enumerate(arrays):
        exif = Image.Exif()
        exif[0x0112] = 6  # turned by a quarter
        Image.fromarray(array).save(tmp_path / f"{k}.png", exif=exif)
    assert _same(_events(tmp_path)[0], [np.rot90(array, -1) for array in arrays])


# --- sizes -----------------------------------------------------------------------------------------------------------


def _halves():
    """A picture of 4 x 8: black on the left, gray in the middle, white on the right."""
    return np.repeat([[0, 0, 128, 128, 128, 128, 255, 255]], 4, axis=0).astype(np.uint8)


@pytest.mark.parametrize(
    ("fit", "expected"),
    [("crop", [128] * 4), ("pad", [255, 255, 0, 128]), ("stretch", [0, 128, 128, 255])],
)
def test_crop_pad_and_stretch(tmp_path, fit, expected):
    events, dataset = _events(_save(tmp_path, [_halves()] * 5), f"size=4,fit={fit}")
    line = events[0].T if fit == "pad" else events[0]
    assert events.shape[1:] == (4, 4)
    if fit == "pad":
        assert line[0].tolist()[0] == line[0].tolist()[3] == 255, "rows of padding above and below"
        assert line[0][1] < 40 and line[3][1] > 215
    else:
        assert line[0].float().tolist() == pytest.approx(expected, abs=30)
    assert f"5 of 5 images were resized to 4 x 4 pixels (fit={fit})" in dataset.notes


def test_height_and_width(tmp_path):
    assert _events(_save(tmp_path, _random(5, 9, 9)), "size='4 6'")[0].shape == (5, 4, 6)


def test_different_sizes_need_a_size(tmp_path):
    _save(tmp_path, [*_random(4, 4, 4)])
    Image.fromarray(_random(1, 5, 6)[0]).save(tmp_path / "other.png")
    with pytest.raises(
        DataError, match=r"images of one size .*, got width x height 4 x 4 \(4\), 6 x 5 \(1\); .*size=32"
    ):
        _events(tmp_path)
    assert len(_events(tmp_path, "size=4")[0]) == 5


# --- folders ---------------------------------------------------------------------------------------------------------


def test_class_folders_become_contexts(tmp_path):
    for k, name in enumerate(("cat", "dog", "owl")):
        _save(tmp_path / name, np.full((5, 3, 3), 50 * k, np.uint8))
    events, dataset = _events(tmp_path)
    contexts = dataset.contexts
    rows = torch.cat([contexts.train, contexts.valid, contexts.test])
    assert torch.equal(rows.argmax(1), (events[:, 0, 0] // 50).long()), "each image has the class of its folder"
    assert dataset.parse_context("owl").tolist() == [0, 0, 1]
    with pytest.raises(DataError, match="a class: cat, dog, owl, got 'cow'"):
        dataset.parse_context("cow")
    assert "3 classes, of folders, as contexts: cat 5, dog 5, owl 5 (labels=false for none)" in dataset.notes
    assert _events(tmp_path, "labels=false")[1].contexts is None


def test_labels_need_class_folders(tmp_path):
    _save(tmp_path, _random(5, 3, 3))
    assert _events(tmp_path)[1].contexts is None
    with pytest.raises(DataError, match=r"a folder for each class .*, got 5 pictures outside of such folders"):
        _ = _events(tmp_path, "labels=true")[1].contexts


def test_folders_of_splits(tmp_path):
    for k, name in enumerate(("train", "val", "test")):
        for label in ("a", "b"):
            _save(tmp_path / name / label, np.full((k + 2, 3, 3), 9 * k, np.uint8))
    _, dataset = _events(tmp_path)
    assert [len(getattr(dataset, name)) for name in ("train", "valid", "test")] == [4, 6, 8]
    assert [int(getattr(dataset, name).max()) for name in ("train", "valid", "test")] == [0, 9, 18]
    assert dataset.contexts.test.sum(0).tolist() == [4, 4]


def test_deeper_folders(tmp_path):
    _save(tmp_path / "a" / "deep", _random(3, 3, 3))
    _save(tmp_path / "a", _random(3, 3, 3, seed=1))
    _save(tmp_path / "b", _random(3, 3, 3, seed=2))
    _save(tmp_path / "b" / ".hidden", _random(3, 3, 3, seed=2))
    assert len(_events(tmp_path)[0]) == 6
    assert len(_events(tmp_path, "recursive=true")[0]) == 9


def test_the_order_of_files_and_splits_is_that_of_their_names(tmp_path):
    arrays = _random(8, 3, 3)
    one, other = _save(tmp_path / "one", arrays), tmp_path / "other"
    other.mkdir()
    for path in sorted(one.iterdir(), reverse=True):
        (other / path.name).write_bytes(path.read_bytes())
    assert torch.equal(_events(one)[1].train, _events(other)[1].train)


def test_pictures_in_folders_of_folders_are_pointed_at(tmp_path):
    _save(tmp_path / "a" / "b", _random(3, 4, 4))
    with pytest.raises(DataError, match="recursive=true"):
        _ = load_dataset(f"images:path={tmp_path}").train


def test_all_files_that_do_not_open_are_refused_without_a_share_to_skip(tmp_path):
    for k in range(3):
        Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / f"{k}.tif")
    with pytest.raises(DataError, match=r"floating-point pixels.*; for the first: save it again as PNG"):
        _ = load_dataset(f"images:path={tmp_path}").train


# --- files that do not open ------------------------------------------------------------------------------------------


def _bomb(path, width=40_000, height=40_000):
    """A PNG of a few bytes that claims very many pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)


@pytest.mark.parametrize("kind", ["text", "truncated", "bomb", "empty", "float"])
def test_a_file_that_does_not_open_is_named_and_skipped(tmp_path, kind):
    _save(tmp_path, _random(30, 6, 6, 3))
    bad = tmp_path / ("bad.tiff" if kind == "float" else "bad.png")
    if kind == "bomb":
        _bomb(bad)
    elif kind == "float":
        Image.fromarray(np.zeros((6, 6), np.float32)).save(bad)
    else:
        content = (tmp_path / "00.png").read_bytes()
        bad.write_bytes({"text": b"no picture", "truncated": content[: len(content) // 2], "empty": b""}[kind])
    events, dataset = _events(tmp_path)
    assert len(events) == 30
    (note,) = [note for note in dataset.notes if note.startswith("skipped")]
    assert f"1 of 31 images that do not open ({bad.name}: " in note
    assert "BufferedReader" not in note
    with pytest.raises(DataError, match=f"at most 0 % of the 31 images .* to fail to open, got 1 of 31 .*{bad.name}"):
        _events(tmp_path, "max_skipped=0")


def test_too_many_bad_files_are_refused(tmp_path):
    _save(tmp_path, _random(6, 3, 3))
    for k in range(3):
        (tmp_path / f"bad{k}.jpg").write_bytes(b"\x1b[31mno picture")
    with pytest.raises(DataError, match=r"at most 5 % of the 9 images .*, got 3 of 9 .*; .*max_skipped=0.34"):
        _events(tmp_path)


def test_other_files_are_passed_over(tmp_path):
    _save(tmp_path, _random(5, 3, 3))
    for name in ("notes.txt", "Thumbs.db", ".DS_Store"):
        (tmp_path / name).write_bytes(b"x")
    _, dataset = _events(tmp_path)
    assert "files that are no pictures are passed over: 1 .db, 1 .txt" in dataset.notes


def test_folders_without_pictures(tmp_path):
    (tmp_path / "notes.txt").write_bytes(b"x")
    with pytest.raises(DataError, match=r"pictures \(.png, .jpg, .webp, .gif, ...\) in the folder .*, got notes.txt"):
        _events(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        _events(tmp_path / "missing")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("size='1 2 3'", "size of images to be one number or two, height and width"),
        ("size=0", "size of images"),
        ("levels=1", "levels of images to be from 2 to 256, got 1"),
        ("levels=300", "from 2 to 256"),
        ("mode=bits,levels=4", "from 2 to 2, got 4; write for example levels=2"),
        ("mode=cmyk", "mode to be grey"),
        ("background=mauve", "background of images to be white, black, grey or '255 255 255', got mauve"),
        ("background='1 2 300'", "background of images"),
        ("max_skipped=2", "max_skipped of images"),
        ("fit=squash", "fit to be crop"),
    ],
)
def test_invalid_options(tmp_path, options, message):
    with pytest.raises(SpecError, match=message):
        load_dataset(f"images:path={tmp_path},{options}")


def test_black_and_white_is_noted(tmp_path):
    _, dataset = _events(_save(tmp_path, (_random(5, 4, 4) > 127) * np.uint8(255)))
    assert any(note.startswith("all pixels are black or white: mode=bits") for note in dataset.notes)


def test_it_passes_the_kit_with_classes(tmp_path):
    for k, name in enumerate(("cat", "dog")):
        _save(tmp_path / name, _random(6, 5, 4, 3, seed=k))
    # what another process gives is a check of minutes on a busy machine, and images hold no state
    quick = [check for check in checks(Images, path=str(tmp_path)) if check.name != "same_in_another_process"]
    assert [check.name for check in quick if check.run().status == "failed"] == []
