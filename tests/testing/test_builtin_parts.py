"""Built-in parts pass the kit, in the quick profile or (marked slow) in the thorough one."""

from __future__ import annotations

import gzip
import os

import numpy as np
import pytest
import soundfile
import torch
import zarr

from tensorar import AutoregressiveModel, PartSpec, default_registry
from tensorar.testing import checks
from tensorar.testing.check import Profile
from tests.datasets.idx_files import idx_bytes

# options without a default
REQUIRED = {"einops": {"pattern": "h (w p) -> (p w h)", "p": 2}}
SHAPES = {"einops": [(2, 2), (3, 4), (1, 6), (5, 2)]}
# datasets that read files, which are made here or are in the data folder
READS_FILES = ("npy", "npz", "table", "idx", "image_folder", "mnist", "binarized_mnist")


def _cases(profile):
    parts = [
        (kind, name, registered.part)
        for kind in ("ordering", "head", "backbone", "dataset")
        for name, registered in default_registry().parts(kind).items()
        if registered.source.plugin == "builtin" and (kind != "dataset" or not _needs_files(registered.part))
    ]
    for kind, name, part in [*parts, ("model", "AutoregressiveModel", AutoregressiveModel)]:
        for check in checks(part, profile=profile, shapes=SHAPES.get(name), **REQUIRED.get(name, {})):
            yield pytest.param(check, id=f"{kind}-{name}-{check.name}")


def _needs_files(part):
    return bool({"path", "folder", "root"} & part.option_parameters().keys()) or part.name in READS_FILES


# fewer cases than the command line tries, and no check of the shapes in every call, which the other tests make
@pytest.mark.usefixtures("without_shape_checks")
@pytest.mark.parametrize("check", list(_cases(Profile("quick", examples=2, draws=4_000))))
def test_built_in_parts_pass(check):
    check()


@pytest.mark.slow
@pytest.mark.parametrize("check", list(_cases("thorough")))
def test_built_in_parts_pass_thoroughly(check):
    check()


# --- with other options ----------------------------------------------------------------------------------------------

OTHER_OPTIONS = [
    ("ordering", "raster", {"axes": (1, 0), "flip": (0,)}, [(2, 3), (3, 4)]),
    ("ordering", "random", {"seed": 7}, None),
    ("ordering", "spiral", {"clockwise": False}, None),
    ("ordering", "flips", {"embedding": True}, None),
    ("head", "categorical", {"levels": 5, "one_hot": True}, None),
    ("head", "logistic_mixture", {"levels": 3, "components": 2}, None),
    ("head", "logistic_mixture", {"levels": 256}, None),
    ("head", "gaussian", {"units": "100.0/5.0"}, None),
    ("backbone", "convnet", {"kernel": 2}, None),
    ("backbone", "mlp", {"dropout": 0.5}, None),
]


# bits, categories, numbers and dates, and counts; all columns discrete
COLUMNS = [
    "bernoulli; gaussian_mixture:components=2; categorical:levels=3,one_hot=true; negative_binomial",
    "bernoulli; categorical:levels=3; bernoulli",
]


def _columns(heads):
    found = default_registry().find("head", "columns").part
    options = default_registry().options("head", PartSpec("columns", {"heads": heads}))
    yield from checks(found, profile=Profile("quick", examples=2, draws=2_000), **options)


@pytest.mark.usefixtures("without_shape_checks")
@pytest.mark.parametrize(
    "check",
    [pytest.param(check, id=f"{check.name}-{i}") for i, heads in enumerate(COLUMNS) for check in _columns(heads)],
)
def test_mixed_columns_pass(check):
    check()


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=f"{name}-{'-'.join(map(str, options.values()))}-{check.name}")
        for kind, name, options, shapes in OTHER_OPTIONS
        for check in checks(default_registry().find(kind, name).part, shapes=shapes, **options)
    ],
)
def test_built_in_parts_pass_with_other_options(check):
    check()


# --- datasets of files ------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    """A folder with a .npy, a .npz, a .csv, an .idx file, sounds, volumes, and the four IDX files of a small MNIST."""
    events = torch.randn(60, 2, 3, generator=torch.Generator().manual_seed(0))
    np.save(tmp_path / "events.npy", events.numpy())
    train, valid, test = events.split([40, 10, 10])
    np.savez(tmp_path / "events.npz", train=train.numpy(), valid=valid.numpy(), test=test.numpy())
    zarr.create_array(store=str(tmp_path / "events.zarr"), data=events.numpy(), chunks=(8, 2, 3))
    # a bit, a category of which two levels are rare, a number that some rows lack, and a whole number
    kinds = [("x", "rare"), ("y", "rarer"), *[("x", "often"), ("y", "usual")] * 29]
    rows = [f"{a},{b},{'' if i % 7 == 0 else i * i % 91 / 8},{i % 5}" for i, (a, b) in enumerate(kinds)]
    (tmp_path / "events.csv").write_text("\n".join(["bit,category,number,whole", *rows]) + "\n")
    (tmp_path / "events.idx").write_bytes(idx_bytes(events.numpy(), 13))
    for k, event in enumerate(events[:12].numpy()):
        (tmp_path / "volumes").mkdir(exist_ok=True)
        np.save(tmp_path / "volumes" / f"{k}.npy", event[None])
        soundfile.write(tmp_path / f"{'ab'[k % 2]}_{k}.wav", np.resize(event / 9, 40 + k), 8000)
    for part, count in (("train", 360), ("t10k", 120)):
        labels = np.arange(count, dtype=np.uint8) * 7 % 10
        noise = np.random.default_rng(count).integers(0, 56, (count, 28, 28))
        images = (20 * labels[:, None, None] + noise).astype(np.uint8)
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(images)))
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(labels)))
    return tmp_path


@pytest.mark.parametrize(
    "spec",
    [
        *("npy:path={}/events.npy", "npz:path={}/events.npz", "table:path={}/events.csv"),
        *("idx:path={}/events.idx", "series:path={}/events.csv,window=3,columns=whole", "volumes:path={}/volumes"),
        *("audio:path={},window=16", "audio:path={},window=16,labels=prefix,rate=4000"),
        "zarr:path={}/events.zarr",
        *("mnist:path={}", "mnist:path={},labels=true,binarize=dynamic", "idx:path={}", "idx:path={},labels=true"),
    ],
)
def test_datasets_of_files_pass(spec, files):
    assert _failures(spec.format(files)) == {}


REAL = [
    *("mnist", "mnist:labels=true", "mnist:binarize=dynamic", "mnist:binarize=static"),
    "npz:path={}/caltech_silhouettes/caltech_silhouettes_16.npz,packed=true",
    *("npz:path={}/uci_binary/mushrooms.npz,packed=true", "npz:path={}/uci_binary/adult.npz,packed=true"),
    *("npz:path={}/uci_continuous/wine_red.npz", "npz:path={}/uci_continuous/wine_white.npz"),
]


@pytest.mark.slow
@pytest.mark.parametrize("spec", REAL)
def test_real_datasets_pass(spec, data_folder):
    os.environ.setdefault("TENSORAR_DATA", str(data_folder))
    assert _failures(spec.format(data_folder)) == {}


def _failures(spec):
    registry, spec = default_registry(), PartSpec.parse(spec)
    part, options = registry.find("dataset", spec.name).part, registry.options("dataset", spec)
    results = {check.name: check.run() for check in checks(part, **options)}
    return {name: result.reason for name, result in results.items() if result.status == "failed"}
