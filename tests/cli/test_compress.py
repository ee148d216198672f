"""Files that are compressed come back as they were; what cannot come back is refused in a line."""

from __future__ import annotations

import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from .commands import SHORT, call, done, refused, report


def _back(run, data, out, *options):
    done("compress", run, data, "--out", "x.tar", *options)
    done("decompress", "x.tar", "--run", run, "--out", out)


@pytest.mark.parametrize("dtype", ["uint8", "bool", ">i4", "float32", "uint16"])
def test_arrays_come_back_with_dtype_shape_and_order(bits_run, bits, tmp_path, dtype):
    events = np.asfortranarray(np.load(bits).astype(dtype))
    np.save("a.npy", events)
    _back(bits_run, "a.npy", "b.npy")
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


def test_one_event_and_an_archive_of_arrays(bits_run, bits, tmp_path):
    events = np.load(bits)
    np.save("a.npy", events[0])
    _back(bits_run, "a.npy", "b.npy")
    assert np.array_equal(np.load("b.npy"), events[0])
    arrays = {"train": events[:9], "labels": np.arange(9), "names": np.array(["a", "ä"]), "test": events[9:12]}
    np.savez("a.npz", **arrays)
    _back(bits_run, "a.npz", "b.npz")
    with np.load("b.npz") as found:
        assert found.files == list(arrays)
        assert all(
            np.array_equal(found[name], array) and found[name].dtype == array.dtype for name, array in arrays.items()
        )


def test_packed_bits(bits_run, bits):
    events = np.load(bits)
    packed = np.packbits(events.reshape(len(events), -1), axis=1)
    np.savez("a.npz", test=packed, shape=np.array([4, 4]))
    _back(bits_run, "a.npz", "b.npz")
    with np.load("b.npz") as found:
        assert np.array_equal(found["test"], packed) and found["shape"].tolist() == [4, 4]


def test_a_compressor_that_fails_is_named(bits_run, bits, tmp_path, monkeypatch):
    broken = tmp_path / "bin" / "zstd"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho 'out of order' >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(broken.parent), prepend=":")
    message = refused(call("compress", bits_run, bits, "--out", "x.tar", "--report"))
    assert "zstd to compress the events, for the report, got out of order; leave out --report" in message


def test_the_report_in_json(bits_run, bits):
    found = report("compress", bits_run, bits, "--out", "x.tar", "--report")
    assert found["verified"] and found["events"] == 60
    assert found["bits_per_dim"] < found["coded_bits_per_dim"]
    assert {"header", "weights"} <= found["side_bytes"].keys()
    others = {row["name"]: row for row in found["others"]}
    assert {"xz", "bzip2", "PNG", "WebP"} <= others.keys()
    assert all(row["tiled"] < row["each"] for row in others.values())
    printed = done("compress", bits_run, bits, "--out", "x.tar", "--report", "--no-verify").stdout
    assert "xz" in printed and "not verified" in printed
    with tarfile.open("x.tar") as tar:
        header = json.load(tar.extractfile("header.json"))
    assert header["recipe"]["backbone"] and header["numerics"]["constriction"].startswith("0.5")


def test_damage_is_refused_and_nothing_written(bits_run, bits, tmp_path):
    done("compress", bits_run, bits, "--out", "x.tar")
    data = (tmp_path / "x.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(data[:-1480])
    for file, words in (("cut.tar", "cut off"), (bits, "another kind"), ("none.tar", "no such file")):
        result = call("decompress", file, "--run", bits_run, "--out", "b.npy")
        assert result.exit_code == 2 and words in result.output and len(result.output.splitlines()) == 1
    assert not (tmp_path / "b.npy").exists()


def test_another_run_and_another_kind_of_file_are_refused(bits_run, toy_run, bits, tmp_path):
    done("compress", bits_run, bits, "--out", "x.tar")
    for run, out, words in ((toy_run, "b.npy", "the model with which"), (bits_run, "b.npz", "to end in .npy")):
        result = call("decompress", "x.tar", "--run", run, "--out", out)
        assert result.exit_code == 2 and words in result.output and not (tmp_path / out).exists()
    result = call("compress", toy_run, bits, "--out", "y.tar")
    assert result.exit_code == 2 and "events of shape (8,)" in result.output and not (tmp_path / "y.tar").exists()


def test_sound_blocks_are_written_on_request(bits_run, bits, monkeypatch, tmp_path):
    monkeypatch.setattr("tensorar.coding.encoding.MAX_BATCH", 20)
    done("compress", bits_run, bits, "--out", "x.tar")
    data = bytearray((tmp_path / "x.tar").read_bytes())
    with tarfile.open("x.tar") as tar:
        data[tar.getmember("blocks.bin").offset_data + 1] ^= 1
    (tmp_path / "x.tar").write_bytes(data)
    assert "block 1" in call("decompress", "x.tar", "--run", bits_run, "--out", "b.npy").output
    printed = done("decompress", "x.tar", "--run", bits_run, "--out", "b.npy", "--partial").stdout
    assert "lost: block 1" in printed and "40 of 60 events" in printed
    assert np.array_equal(np.load("b.npy"), np.load(bits)[20:])


def test_folders_of_pictures_come_back_pixel_by_pixel(tmp_path):
    random = np.random.default_rng(0)
    for label in ("a", "b"):
        (tmp_path / "in" / label).mkdir(parents=True)
        for k in range(6):
            image = Image.fromarray(random.integers(0, 256, (4, 5), dtype=np.uint8))
            image.save(tmp_path / "in" / label / f"{k}.{'png' if k else 'bmp'}")
    done("train", "images:path=in", "--backbone", "made:hidden=8", *SHORT, "--out", "run")
    printed = done("compress", "run", "in", "--out", "x.tar").stdout
    assert ".bmp files come back as .png" in printed
    done("decompress", "x.tar", "--run", "run", "--out", "out")
    for file in (tmp_path / "in").rglob("*.*"):
        written = tmp_path / "out" / file.relative_to(tmp_path / "in").with_suffix(".png")
        with Image.open(file) as a, Image.open(written) as b:
            assert a.mode == b.mode and np.array_equal(np.asarray(a), np.asarray(b))
    Image.new("L", (9, 9)).save("big.png")
    result = call("compress", "run", "big.png", "--context", "a", "--out", "y.tar")
    assert result.exit_code == 2 and "resized" in result.output


def test_tables_come_back_cell_by_cell(tmp_path):
    random = np.random.default_rng(0)
    rows = ["id;kind;count;flag;note;class"]
    for k in range(60):
        kind = "" if k % 13 == 5 else "xyz"[random.integers(3)]
        rows.append(f"u{k};{kind};{random.integers(5)};{'yes' if k % 3 else 'no'};same;{'AB'[k % 2]}")
    text = "\n".join(rows) + "\n"
    (tmp_path / "t.csv").write_text(text)
    done(
        "train",
        "table:path=t.csv,target=class",
        "--backbone",
        "mlp:hidden=8",
        "--ordering",
        "shuffled",
        *SHORT,
        "--out",
        "run",
    )
    (tmp_path / "u.csv").write_text(text.replace(";yes;", ";no;").replace("u3;;", "u3;?;"))
    _back("run", "u.csv", "v.csv")
    assert (tmp_path / "v.csv").read_text() == (tmp_path / "u.csv").read_text()


def test_real_values_are_refused_with_what_to_do(tmp_path):
    np.save("r.npy", np.random.default_rng(0).normal(size=(40, 3)).astype("float32"))
    done("train", "npy:path=r.npy", "--backbone", "made:hidden=8", *SHORT, "--out", "run")
    result = call("compress", "run", "r.npy", "--out", "x.tar")
    assert result.exit_code == 2 and "quantise the data" in result.output and not (tmp_path / "x.tar").exists()
