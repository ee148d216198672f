"""Damaged, invalid and missing files are reported in one line with exit code 2, and no files are left."""

import gzip
import os
import socket
import struct
from pathlib import Path

import numpy as np
import pytest

from tensorar_plugins.datasets import fetch, mnist

from .commands import PLUGIN, SHORT, call, contents, done, refused

pytestmark = pytest.mark.usefixtures("without_shape_checks")

LEVELS = np.arange(240).reshape(40, 6) % 7
ARRAYS = {
    "levels": LEVELS,
    "nan": np.where(LEVELS == 3, np.nan, LEVELS),
    "infinite": np.where(LEVELS == 3, np.inf, LEVELS),
    "empty": np.zeros((0, 6)),
    "hollow": np.zeros((40, 0)),
    "single": np.float64(3),
    "words": np.array(["a", "b"]),
}
TABLES = {
    "nan.csv": "a,b\n1,2\n3,nan\n4,5\n",
    "word.csv": "1,2\n3,x\n4,5\n",
    "ragged.csv": "1,2\n3\n4,5\n",
    "empty.csv": "",
    "header.csv": "a,b\n",
    "large.csv": "9007199254740992\n9007199254740993\n1\n",
    "escape.csv": "1\n2\n\x1b[31mred\n",
    "a.parquet": "a,b\n1,2\n",
}
DATA = {
    "npy:path=nan.npy": "finite numbers in the train split of 'npy', got NaN; set missing=true if",
    "npy:path=infinite.npy": "got infinity",
    "npy:path=empty.npy": "at least 3 events in empty.npy, one for each split, got 0",
    "npy:path=hollow.npy": "at least one coefficient",
    "npy:path=single.npy": "events along the first axis in single.npy, got a single number",
    "npy:path=words.npy": "booleans in words.npy, got <U1",
    "npy:path=cut.npy": "1920 bytes in cut.npy, as its header gives it shape (40, 6) of int64, got 1900",
    "npy:path=cut.npz": "got an archive of arrays; use npz:path=cut.npz",
    "npz:path=cut.npz": "cut.npz to be a valid .npy/.npz file, got ",
    "npz:path=levels.npy": "an archive of arrays in levels.npy, got one array; use npy:path=levels.npy",
    "npy:path=whole.npz": "one array in whole.npz, got an archive of arrays; use npz:path=whole.npz",
    "npz:path=whole.npz": "data or train in whole.npz, got other, more; name the array to use with key=NAME",
    "npy:path=none.npy": "got no such file or directory; check the path",
    "npy:path=nan.csv": "nan.csv to be a valid .npy/.npz file, got a file of another kind",
    "table:path=word.csv": "a number in column column 2, row 2 of word.csv, got 'x'; correct it, empty it, or set",
    "table:path=ragged.csv": "2 cells in line 2 of ragged.csv, as in the first, got 1",
    "table:path=empty.csv": "rows in empty.csv, got none",
    "table:path=header.csv": "rows in header.csv, got none",
    "table:path=levels.npy": "levels.npy to be a table: text (csv, tsv, csv.gz), Parquet or Excel, got a file of anoth",
    "table:path=none.csv": "none.csv to be a table: text (csv, tsv, csv.gz), Parquet or Excel, got no such file or dir",
    "table:path=a.parquet": "a.parquet to be a table: text (csv, tsv, csv.gz), Parquet or Excel, got ",
    "table:path=nan.csv,types='b=reel'": "a kind of the column b, got 'reel'; did you mean 'real'?",
    "table:path=nan.csv,target=c": "a column of nan.csv, got 'c'; ",
    "table:path=nan.csv,types=b": "types of table to be COLUMN=..., separated by",
    "mnist:path=cut": "bytes in cut/train-images-idx3-ubyte, got 2000",
    "mnist:path=zipped": "train-images-idx3-ubyte.gz to be readable, and valid gzip if it is compressed, got a ",
    "idx:path=zipped": "got a compressed file that ends too early; replace it by an undamaged copy",
    "idx:path=pipe": "got a pipe; pass the path of a regular file",
    "table:path=/dev/zero": "/dev/zero to be a table: text (csv, tsv, csv.gz), Parquet or Excel, got a device",
    "table:path=large.csv": "float64 holds exactly in column column 1, row 1 of large.csv, got '9007199254740992'",
    "table:path=escape.csv": r"column column 1, row 3 of escape.csv, got '\x1b[31mred'",
    "mnist:path=labels": "an IDX file of bytes with 3 axes (00 00 08 03), got a file starting with 00 00 08 01",
    "mnist:path=nowhere": "nowhere, or nowhere-train-images-idx3-ubyte.gz and nowhere-test-images-idx3-ubyte.gz, in",
    "idx:path=words": "t10k-images-idx3-ubyte.gz in the folder words, got a.txt, b.txt; pass the folder",
}


@pytest.fixture
def files(tmp_path):
    for name, array in ARRAYS.items():
        np.save(tmp_path / f"{name}.npy", array)
    for name, text in TABLES.items():
        (tmp_path / name).write_text(text)
    np.savez(tmp_path / "whole.npz", other=LEVELS, more=LEVELS)
    for source, cut in (("levels.npy", "cut.npy"), ("whole.npz", "cut.npz")):
        (tmp_path / cut).write_bytes((tmp_path / source).read_bytes()[:-20])
    images = bytes([0, 0, 8, 3]) + struct.pack(">3I", 60, 28, 28) + bytes(60 * 784)
    labels = bytes([0, 0, 8, 1]) + struct.pack(">I", 60) + bytes(60)
    zipped = gzip.compress(images, mtime=0)[:-30]
    idx = {"cut": ("", images[:2000]), "zipped": (".gz", zipped), "labels": ("", labels)}
    for folder, (ending, content) in idx.items():
        (tmp_path / folder).mkdir()
        for part in ("train", "t10k"):
            (tmp_path / folder / f"{part}-images-idx3-ubyte{ending}").write_bytes(content)
    (tmp_path / "words").mkdir()
    for name in ("a.txt", "b.txt"):
        (tmp_path / "words" / name).touch()
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


@pytest.mark.parametrize("data", DATA)
def test_data(data, files, monkeypatch):
    monkeypatch.delenv("TENSORAR_DATA", raising=False)
    before = contents(files)
    assert DATA[data] in refused(call("train", data, *SHORT, "--out", "out"))
    assert contents(files) == before


@pytest.mark.parametrize(
    ("data", "head", "message"),
    [
        (
            "npy:path=levels.npy",
            "bernoulli",
            "levels.npy; use --head categorical:levels=7 or --head ",
        ),
        ("npy:path=levels.npy", "categorical:levels=3", "integers from 0 to 2), got "),
        ("toy:length=8", "bernoulli", "--head categorical:levels=1"),
        ("table:path=reals.csv", "categorical:levels=4", "use --head 'columns:heads="),
    ],
)
def test_values_that_the_head_refuses(data, head, message, files):
    (files / "reals.csv").write_text("".join(f"{i / 7},{i / 3}\n" for i in range(30)))
    before = contents(files)
    assert message in refused(call("train", data, "--head", head, *SHORT, "--out", "out"))
    assert contents(files) == before


def test_no_network(tmp_path, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{free.getsockname()[1]}/"
    monkeypatch.delenv("TENSORAR_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(fetch, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(mnist, "MIRRORS", (closed,))
    message = refused(call("train", "mnist", *SHORT, "--out", "out"))
    assert f"from one of its mirrors, got {closed} (unreachable); check the network, or provide the files" in message
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


# --- masks ----------------------------------------------------------------------------------------------------------

MASKS = {
    "eye5.npy": "of the event's shape (4, 4), or of (events, *event), got (5, 5)",
    "threes.npy": "Boolean, or 0 and 1, got other values (float64)",
    "words.npy": "an array from numpy.save, got <u1",
    "cut.npy": "an array from numpy.save, got ",
    "many.npz": "an array from numpy.save, got an archive of arrays",
    "huge.npy": "an array from numpy.save, got 0 bytes",
    "pipe.npy": "an array from numpy.save, got a pipe",
    "none.npy": "an array from numpy.save, got no such file or directory",
}


@pytest.mark.parametrize("name", MASKS)
def test_masks(name, bits_run, tmp_path):
    np.save("eye5.npy", np.eye(5, dtype=bool))
    np.save("threes.npy", np.full((4, 4), 3.0))
    np.save("words.npy", np.full((4, 4), "a"))
    np.savez("many.npz", x=np.eye(4))
    with Path("huge.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (10**11, 4)})
    os.mkfifo("pipe.npy")
    (tmp_path / "cut.npy").write_bytes((tmp_path / "eye5.npy").read_bytes()[:-3])
    before = contents(tmp_path)
    assert f"the mask {name} to be {MASKS[name]}" in refused(call("inpaint", bits_run, "--mask", name))
    assert contents(tmp_path) == before


# --- runs -----------------------------------------------------------------------------------------------------------

LOOKING = ["evaluate", "sample", "inpaint", "posterior"]


def _replaced(old, new):
    def change(run):
        text = (run / "recipe.toml").read_text()
        assert old in text
        (run / "recipe.toml").write_text(text.replace(old, new))

    return change


def _cut(name, size):
    return lambda run: (run / name).write_bytes((run / name).read_bytes()[:size])


RECIPES = {
    "older": (_replaced("format = 3", "format = 0"), "to have format 3, got format 0; use the version of tensorar"),
    "no format": (_replaced("format = 3\n", ""), "to have format 3, got no format"),
    "not TOML": (_replaced("[parts]", "[parts"), "recipe.toml to be a TOML file, got "),
    "cut": (_cut("recipe.toml", 75), "bits/recipe.toml"),
    "empty": (_cut("recipe.toml", 0), "to have format 3, got no format"),
    "a number for a part": (_replaced('head = "bernoulli"', "head = 5"), "the head under [parts] in "),
    "no part": (_replaced('head = "bernoulli"\n', ""), 'got none; write head = "name" or "name:key=value"'),
    "parts are no table": (_replaced("[parts]", "parts = 3\n[training]"), "recipe.toml"),
    "unknown setting": (_replaced("steps = 3", "stesp = 3"), "'stesp' in "),
    "setting of another type": (_replaced("steps = 3", 'steps = "x"'), "the setting 'steps' to be integer"),
    "unknown key": (_replaced("[training]", "[trainign]"), "'trainign'; did you mean 'training'?"),
    "no shape": (_replaced("event_shape", "evnt_shape"), "a field of [provenance] of "),
    "a part of nobody": (_replaced('"fvsbn"', '"fvsbm"'), "the backbone 'fvsbm', with which "),
    "another part": (_replaced('"fvsbn"', '"mlp:hidden=4"'), "to be as the run wrote them"),
    "another shape": (_replaced("    4,\n    4,", "    2,\n    8,"), "to be as the run wrote them"),
}


@pytest.mark.parametrize("case", RECIPES)
def test_recipes(case, bits_run, tmp_path):
    damage, message = RECIPES[case]
    damage(bits_run)
    before = contents(tmp_path)
    for command in ("evaluate", "posterior"):
        assert message in refused(call(command, bits_run))
    assert contents(tmp_path) == before


@pytest.mark.parametrize("command", LOOKING)
def test_weights(command, bits_run, tmp_path):
    for size in (0, 5, 60, -9):
        _cut("model.safetensors", size)(bits_run)
        assert "model.safetensors to be a complete safetensors file, got " in refused(call(command, bits_run))
    (bits_run / "model.safetensors").unlink()
    assert "model.safetensors, got no such file; train again" in refused(call(command, bits_run))
    (bits_run / "metrics.jsonl").unlink()  # as if it had been interrupted early
    assert "its training has not come to the first validation; let it go on" in refused(call(command, bits_run))


def test_a_damaged_or_missing_training_state(bits_run, tmp_path):
    _cut("training/state.safetensors", -9)(bits_run)
    before = contents(tmp_path)
    assert "state.safetensors to be a complete safetensors file" in refused(call("train", "--resume", bits_run))
    assert contents(tmp_path) == before
    (bits_run / "training" / "state.safetensors").unlink()
    assert "state.safetensors, got no such file" in refused(call("train", "--resume", bits_run))


def test_a_run_whose_data_changed_or_disappeared(bits, tmp_path):
    done("train", f"npy:path={bits}", *SHORT, "--out", "run")
    np.save(bits, np.zeros((30, 5), dtype=np.uint8))
    for command in ("evaluate", "inpaint", "posterior"):
        assert "events of shape (4, 4), for which run was trained, got (5,)" in refused(call(command, "run"))
    assert "for which run was trained" in refused(call("train", "--resume", "run", "--steps", "2"))
    bits.unlink()
    assert "got no such file or directory; check the path" in refused(call("evaluate", "run"))
    done("sample", "run", "-n", "2")


def test_a_run_whose_plugin_file_is_missing(tmp_path):
    done("train", "stripes", "--plugin", PLUGIN, *SHORT, "--out", "run")
    from tensorar import default_registry

    for command in (*LOOKING, "train --resume"):
        default_registry.cache_clear()
        message = refused(call(*command.split(), "run"))
        assert "the dataset 'stripes', with which run was trained, got no installed plugin that provides it" in message
        assert f"load it with --plugin {PLUGIN}" in message


def test_a_run_whose_installed_plugin_is_missing(bits_run):
    _replaced('backbone = "fvsbn"', 'backbone = "wavenet"')(bits_run)
    text = (bits_run / "recipe.toml").read_text()
    old = '[provenance.plugins.backbone]\nplugin = "builtin"\ndistribution = "tensorar"\n'
    assert old in text
    new = '[provenance.plugins.backbone]\nplugin = "waves"\ndistribution = "tensorar-waves"\n'
    (bits_run / "recipe.toml").write_text(text.replace(old, new))
    assert "install it: pip install tensorar-waves==0.1.0" in refused(call("evaluate", bits_run))
