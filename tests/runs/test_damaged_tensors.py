"""Damaged and foreign files of tensors: each is refused in one line that names the file, whatever the damage."""

import json
import random
import struct

import pytest
import torch
from safetensors.torch import load, save

from tensorar import RunError
from tensorar.runs.tensors import checksum, read_tensors, write_tensors

from .helpers import opened, resume, rewritten


@pytest.mark.parametrize("name", ["model.safetensors", "training/state.safetensors"])
def test_every_flipped_bit_of_tensors_is_found(interrupted, name):
    whole, draw = (interrupted / name).read_bytes(), random.Random(0)
    for position in [*range(0, 8 * 64, 7), *(draw.randrange(8 * len(whole)) for _ in range(200))]:
        flipped = bytearray(whole)
        flipped[position // 8] ^= 1 << position % 8
        (interrupted / name).write_bytes(flipped)
        with pytest.raises(RunError, match=rf"{name}.* got .*; the file is damaged"):
            read_tensors(interrupted / name)


def _weights(**changed):
    return lambda tensors, _: tensors.update({key: value(tensors[key]) for key, value in changed.items()})


WEIGHTS = {
    "int64": ("weight", lambda t: t.long(), r"backbone\.weight \(int64 instead of float32\)"),
    "complex64": ("weight", lambda t: t.to(torch.complex64), r"weight \(complex64 instead of float32\)"),
    "float64": ("weight", lambda t: t.double(), r"weight \(float64 instead of float32\)"),
    "transposed": ("weight", lambda t: t[..., None], r"others for backbone\.weight; restore"),
    "NaN": ("weight", lambda t: t.fill_(torch.nan), r"finite numbers in .*, got NaN or infinity in backbone\.weight"),
    "infinity": ("bias", lambda t: t.fill_(-torch.inf), r"got NaN or infinity in backbone\.bias; restore"),
}


@pytest.mark.parametrize("case", WEIGHTS)
def test_foreign_weights(interrupted, case):
    name, change, message = WEIGHTS[case]
    rewritten(interrupted / "model.safetensors", _weights(**{f"backbone.{name}": change}))
    with pytest.raises(RunError, match=message):
        _ = opened(interrupted).model
    rewritten(interrupted / "training/state.safetensors", _weights(**{f"average/module.backbone.{name}": change}))
    with pytest.raises(RunError, match=message):
        _ = opened(interrupted).last_model
    with pytest.raises(RunError, match=r"average/module\.backbone"):
        resume(interrupted)


def test_missing_and_additional_weights(interrupted):
    def change(tensors, _):
        tensors["backbone.\x1b[31mred"] = tensors.pop("backbone.bias")

    rewritten(interrupted / "model.safetensors", change)
    with pytest.raises(RunError, match=r"others for backbone\.\\x1b\[31mred, backbone\.bias"):
        _ = opened(interrupted).model


def test_a_file_without_a_checksum(interrupted):
    path = interrupted / "model.safetensors"
    path.write_bytes(save(load(path.read_bytes())))
    with pytest.raises(RunError, match="to have a checksum, got none"):
        _ = opened(interrupted).model


def test_a_checksum_depends_on_names_dtypes_shapes_bytes_and_metadata():
    base = {"a": torch.arange(6.0), "b": torch.zeros(2, dtype=torch.bool), "c": torch.tensor(1.5), "d": torch.empty(0)}
    others = [
        {**base, "a": base["a"].view(2, 3)},
        {**base, "a": base["a"].view(torch.int32)},
        {**base, "a": -base["a"]},
        {"e" if key == "a" else key: value for key, value in base.items()},
        {**base, "a": base["c"], "c": base["a"]},
    ]
    sums = [checksum(tensors, {"x": "y"}) for tensors in (base, *others)] + [checksum(base, {"x": "z"})]
    assert len(set(sums)) == 7
    assert checksum(dict(reversed(base.items())), {"x": "y"}) == sums[0]


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16, torch.float64])
def test_tensors_of_any_dtype_round_trip(tmp_path, dtype):
    tensors = {"x": torch.arange(4).to(dtype).view(2, 2).t(), "scalar": torch.tensor(1).to(dtype)}
    write_tensors(tmp_path / "x", tensors, {"key": "ü"})
    found, metadata = read_tensors(tmp_path / "x")
    assert metadata == {"key": "ü"}
    assert all(torch.equal(found[key], tensors[key]) and found[key].dtype == dtype for key in tensors)


HEADERS = {
    "larger than the file": (2**40, b"{}"),
    "largest": (2**64 - 1, b"{}"),
    "empty": (0, b""),
    "deep": (200_000, b"[" * 200_000),
    "deep objects": (600_000, b'{"a":' * 120_000),
    "cut": (100, b'{"a":'),
    "no object": (2, b"[]"),
    "negative offsets": (60, b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}'.ljust(60)),
    "a large shape": (80, b'{"a":{"dtype":"F32","shape":[4611686018427387904,8],"data_offsets":[0,0]}}'.ljust(80)),
    "a type of nobody": (60, b'{"a":{"dtype":"X9","shape":[],"data_offsets":[0,0]}}'.ljust(60)),
}


@pytest.mark.parametrize("case", HEADERS)
def test_a_header_that_claims_too_much(interrupted, case):
    size, header = HEADERS[case]
    (interrupted / "model.safetensors").write_bytes(struct.pack("<Q", size) + header)
    with pytest.raises(RunError, match=r"model\.safetensors to be a complete safetensors file, got"):
        _ = opened(interrupted).model


def test_memory_for_tensors_is_checked_before_they_are_read(tmp_path):
    header = json.dumps(
        {"__metadata__": {"checksum": "x"}, "a": {"dtype": "U8", "shape": [2**44], "data_offsets": [0, 2**44]}}
    )
    with (tmp_path / "sparse").open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header.encode())
        try:
            file.truncate(8 + len(header) + 2**44)
        except OSError:
            pytest.skip("the file system has no large sparse files")
    with pytest.raises(RunError, match=r"got the tensors of .*sparse, which would take 35\.2 TB"):
        read_tensors(tmp_path / "sparse")


def test_files_of_tensors_have_one_form_whatever_the_order_of_their_metadata(tmp_path):
    described = {f"key{i}é": str(i) for i in range(6)}
    tensors = {"weight": torch.randn(3, 2), "empty": torch.zeros(0), "bits": torch.tensor([True])}
    for name, keys in (("a", list(described)), ("b", list(described)[::-1])):
        write_tensors(tmp_path / name, tensors, {key: described[key] for key in keys})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    found, metadata = read_tensors(tmp_path / "a")
    assert metadata == described and all(torch.equal(found[name], tensors[name]) for name in tensors)
