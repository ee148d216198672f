"""Files are read in memory that is bounded by what they can mean."""

from __future__ import annotations

import gzip
import io
import json
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tensorar import load_dataset
from tensorar.utils import memory
from tests.datasets.data_errors import check_error
from tests.datasets.idx_files import idx_bytes

KINDS = ["npy", "npz", "idx"]
MB = 10**6
# for the buffers of readers, whatever the size of a file
LITTLE = 30 * MB
limited = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux to limit memory")


def outcomes(cases):
    """What loading each spec in so many bytes comes to, in one new process."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.datasets.limited_memory"]
    result = subprocess.run(command, input=json.dumps(cases), capture_output=True, text=True, cwd=root, timeout=100)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def npy_file(shape, dtype="<f8", content=b"", fortran_order=False):
    buffer = io.BytesIO()
    header = {"descr": dtype, "fortran_order": fortran_order, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue() + content


def npz_file(content, method=zipfile.ZIP_DEFLATED, name="data.npy"):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def with_sizes(archive, compressed=None, size=None, flags=None):
    """An archive whose list of members gives other sizes for the first one."""
    start = archive.index(b"PK\1\2")
    fields = list(struct.unpack("<6H3I", archive[start + 4 : start + 28]))
    fields[2] = fields[2] if flags is None else flags
    fields[7] = fields[7] if compressed is None else compressed
    fields[8] = fields[8] if size is None else size
    return archive[: start + 4] + struct.pack("<6H3I", *fields) + archive[start + 28 :]


def bombs():
    """Small files which would become large, by name; with what is said about each."""
    idx_header = b"\0\0\x08\x02" + struct.pack(">2I", 10, 3)
    zeros = gzip.compress(bytes(60 * MB), 1)
    large = npy_file((10, 3), content=bytes(60 * MB))
    members = b"".join(
        struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0) + b"%02x" % (i % 256)
        for i in range(60_000)
    )
    many = members + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 60_000, 60_000, len(members), 0, 0)
    return {
        "header.idx": (gzip.compress(idx_header) + zeros, "got more"),
        "claim.idx": (gzip.compress(b"\0\0\x08\x02" + struct.pack(">2I", 10**9, 1)), "got at most "),
        "claim.npy": (npy_file((10**9, 10)), "80000000000 bytes in "),
        "huge.npy": (npy_file((10**30, 10**30)), "got 0 bytes; save it again"),
        "negative.npy": (npy_file((-1, -3)), "a negative size in the shape (-1, -3)"),
        "header.npy": (b"\x93NUMPY\x02\0" + struct.pack("<I", 2**32 - 1), "a header of 4294967295 bytes"),
        "nested.npy": (b"\x93NUMPY\x01\0" + struct.pack("<H", 9000) + b"(" * 9000, "an invalid header"),
        "empty.npy": (npy_file((10**18, 0)), "at least one coefficient"),
        "inflated.npz": (npz_file(large), f"got {len(large) - 128}"),
        "member.npz": (npz_file(b"\x93NUMPY\x02\0" + struct.pack("<I", 2**31) + bytes(60 * MB)), "a header of 2147"),
        "smaller.npz": (with_sizes(npz_file(large), size=128 + 240), "CRC"),
        "larger.npz": (with_sizes(npz_file(npy_file((10**8,))), size=128 + 8 * 10**8), "a claim of 800000128"),
        "packed.npz": (with_sizes(npz_file(b"", 0), 2**31, 2**31), "a claim of 2147483648"),
        "encrypted.npz": (with_sizes(npz_file(b""), flags=1), "an encrypted archive"),
        "lzma.npz": (npz_file(large, zipfile.ZIP_LZMA), "another method than deflate"),
        "members.npz": (many, "a list of members of "),
    }


@limited
def test_bombs_are_refused_in_little_memory(tmp_path):
    files = bombs()
    for name, (content, _) in files.items():
        (tmp_path / name).write_bytes(content)
    expected = [message for _, message in files.values()]
    cases = [(f"{name.rpartition('.')[2]}:path={tmp_path}/{name}", LITTLE) for name in files]
    for name, message, got in zip(files, expected, outcomes(cases), strict=True):
        assert isinstance(got, str), name
        assert message in got, (name, got)
        assert got.startswith("expected "), (name, got)
        assert "\n" not in got
        assert len(got) < 1000


def test_more_than_the_available_memory(tmp_path, monkeypatch):
    array = np.zeros((1000, 100))
    np.save(tmp_path / "a.npy", array)
    np.savez_compressed(tmp_path / "a.npz", data=array)
    (tmp_path / "a.idx").write_bytes(gzip.compress(idx_bytes(array, 14)))
    monkeypatch.setattr(memory, "available_memory", lambda: 700_000)
    for kind in KINDS:
        check_error(
            lambda kind=kind: load_dataset(f"{kind}:path={tmp_path}/a.{kind}").train,
            "expected at most 700 kB of memory, as is available, got ",
            "100000 numbers",
            f"{tmp_path}/a.{kind}, which would take 800 kB; ",
        )


def test_labels_of_too_many_classes(tmp_path, monkeypatch):
    n = 1000
    (tmp_path / "train-images-idx2-ubyte").write_bytes(idx_bytes(np.zeros((n, 1))))
    (tmp_path / "train-labels-idx1-int").write_bytes(idx_bytes(np.arange(n), 12))
    data = load_dataset(f"idx:labels=true,path={tmp_path}/train-images-idx2-ubyte")
    monkeypatch.setattr(memory, "available_memory", lambda: 10**6)
    check_error(lambda: data.contexts, "800 labels of 1000 classes, as one-hot vectors, which would take 3.2 MB")


def test_members_of_one_name(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        for shape in ((3,), (4,)):
            archive.writestr("data.npy", npy_file(shape, content=bytes(8 * shape[0])))
    check_error(lambda: load_dataset(f"npz:path={tmp_path}/a.npz").train, "got several arrays named data")


@limited
def test_valid_files_take_less_than_twice_their_arrays(tmp_path):
    array = np.random.default_rng(0).integers(0, 200, (20_000, 32, 32), np.uint8)
    np.save(tmp_path / "a.npy", array)
    np.save(tmp_path / "fortran.npy", np.asfortranarray(array))
    np.save(tmp_path / "big_endian.npy", array[:, :16, :8].astype(">f8"))
    np.savez_compressed(tmp_path / "a.npz", data=array)
    (tmp_path / "a.idx").write_bytes(gzip.compress(idx_bytes(array), 1))
    names = ["a.npy", "fortran.npy", "big_endian.npy", "a.npz", "a.idx"]
    # and some of the process's own
    limits = [2 * array.size + 10 * MB for name in names]
    specs = [f"{'npy' if name.endswith('y') else name[2:]}:path={tmp_path}/{name}" for name in names]
    assert outcomes(list(zip(specs, limits, strict=True))) == [20_000] * 5
