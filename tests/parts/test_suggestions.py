"""Suggested heads accept the data, and suggested backbones suit shape and head."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import (
    Dataset,
    PartSpec,
    Registry,
    ShapeError,
    Splits,
    build,
    default_registry,
    suggest_backbone,
    suggest_heads,
)
from tensorar.parts.plugins import Plugins
from tensorar.suggestions import suggest_ordering
from tensorar.testing import seeds
from tensorar_plugins.backbones.pixelcnn.image_size import image_size


def _suggested(values):
    return [str(spec) for spec in suggest_heads(values)]


@given(
    low=st.integers(-3, 3),
    levels=st.integers(1, 300),
    dtype=st.sampled_from([torch.int64, torch.float32, torch.float64]),
    seed=seeds,
)
def test_a_suggested_head_accepts_the_data(low, levels, dtype, seed):
    generator = torch.Generator().manual_seed(seed)
    values = torch.randint(low, low + levels, (50, 2), generator=generator).to(dtype)
    specs = suggest_heads(values)
    assert specs
    for spec in specs:
        default_registry().create("head", spec).for_data(values).check(values)


@pytest.mark.parametrize(
    ("values", "specs"),
    [
        ([[0, 1], [1, 0]], ["bernoulli", "categorical:levels=2", "logistic_mixture:levels=2"]),
        ([[0, 7], [3, 3]], ["categorical:levels=8", "logistic_mixture:levels=8"]),
        ([[0.0, 255.0]], ["categorical:levels=256", "logistic_mixture:levels=256"]),
    ],
)
def test_the_narrowest_head_comes_first(values, specs):
    assert _suggested(torch.tensor(values))[: len(specs)] == specs


def test_only_heads_over_the_real_numbers_take_the_rest():
    for values in ([-1.5, 0.0], [0.5, 1.0], [0.0, 5e6]):
        assert _suggested(torch.tensor([values])) == ["gaussian_mixture"]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_nothing_is_suggested_for_what_is_not_finite(bad):
    assert suggest_heads(torch.tensor([[0.0, bad], [1.0, 2.0]])) == []


@pytest.mark.parametrize(
    ("location", "scale"), [(123_456.0, 1.0), (-0.00123, 1e-4), (5e6, 300.0), (0.0, 1e-9), (0.3, 1)]
)
def test_suggested_units_make_the_data_standard(location, scale):
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(5000, 1, generator=generator, dtype=torch.float64) * scale + location
    (spec,) = suggest_heads(values)
    seen = default_registry().create("head", spec).for_data(values).standardize(values)
    assert abs(seen.mean().item()) < 1e-6
    assert abs(seen.std(correction=0).item() - 1) < 1e-6


def test_a_constant_has_units_too():
    (spec,) = suggest_heads(torch.full((5, 1), 7.25))
    head = default_registry().create("head", spec).for_data(torch.full((5, 1), 7.25))
    assert head.standardize(torch.tensor([7.25])).item() == 0


@pytest.mark.parametrize(
    ("shape", "top", "dtype", "head"),
    [
        ((9, 9), 255, torch.uint8, "logistic_mixture:levels=256"),
        ((9, 9), 200, torch.uint8, "logistic_mixture:levels=256"),
        ((9, 9), 63, torch.uint8, "logistic_mixture:levels=64"),
        ((9, 9, 3), 200, torch.int64, "logistic_mixture:levels=201"),
        ((9, 9), 15, torch.uint8, "categorical:levels=16"),
        ((9, 9), 1, torch.uint8, "bernoulli"),
        ((81,), 255, torch.uint8, "categorical:levels=256"),
    ],
)
def test_many_levels_of_images_get_an_ordered_distribution(shape, top, dtype, head):
    class Stamps(Dataset):
        name = "stamps"

        def load(self):
            events = torch.arange(4 * math.prod(shape)).reshape(4, *shape) % (top + 1)
            return Splits(*[events.to(dtype)] * 3)

    assert str(suggest_heads(Stamps())[0]) == head
    assert len({spec.name for spec in suggest_heads(Stamps())}) == len(suggest_heads(Stamps()))


# --- backbones -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "head", "backbone", "ordering"),
    [
        ((64, 64), "bernoulli", "fvsbn", "raster"),
        ((), "bernoulli", "fvsbn", "raster"),
        ((65, 64), "bernoulli", "convnet", "raster"),
        ((1, 28, 28), "categorical:levels=4", "convnet", "raster"),
        ((17,), "gaussian", "convnet", "raster"),
        ((16,), "gaussian", "mlp", "shuffled"),
        ((3, 4, 5, 6), "gaussian", "mlp", "shuffled"),
    ],
)
def test_the_first_backbone_that_suits_shape_and_head_is_suggested(shape, head, backbone, ordering):
    spec = suggest_backbone(shape, default_registry().create("head", head))
    assert str(spec) == backbone
    assert str(suggest_ordering(spec)) == ordering


@pytest.mark.parametrize(
    ("shape", "axes", "is_image"),
    [
        ((28, 28), "height width", True),
        ((1, 28, 28), "channel height width", True),
        ((8, 8, 3), "height width channel", True),
        ((7, 28), "height width", False),
        ((28, 28, 5), "height width channel", False),
        ((28, 28), "time pitch", False),
        ((9, 9, 9), "depth height width", False),
        ((28,), "position", False),
    ],
)
def test_images_get_a_network_for_images(shape, axes, is_image):
    head = default_registry().create("head", "bernoulli")
    spec = suggest_backbone(shape, head, axes=tuple(axes.split()))
    assert (spec.name == "gated_pixelcnn") == is_image
    if is_image:
        build(shape, suggest_ordering(spec), head, spec).log_prob(torch.zeros(1, *shape))
        assert suggest_backbone(shape, head, axes=tuple(axes.split()), missing=True).name != "gated_pixelcnn"


def test_the_network_for_images_is_sized_for_the_machine(monkeypatch):
    def chosen(shape, threads=1, gpu=False):
        monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
        return image_size(shape)

    small, large = chosen((28, 28), threads=4)[0], chosen((64, 64, 3), threads=4)[0]
    assert small["channels"] > large["channels"], "larger images get a smaller network"
    assert chosen((28, 28), threads=16)[0]["channels"] > small["channels"]
    options, words = chosen((32, 32, 3), gpu=True)
    assert options["channels"] == 64 and "sized for a GPU" in words
    assert "sized for 2 CPU cores, about 14 ms of training per image" in chosen((32, 32, 3), threads=2)[1]


def test_dense_networks_get_scattered_orders_for_images_only():
    image = {"event_shape": (28, 28), "axes": ("height", "width")}
    for name in ("made", "nade", "fvsbn"):
        assert str(suggest_ordering(PartSpec(name), **image)) == "random"
        assert str(suggest_ordering(PartSpec(name), event_shape=(784,), axes=("position",))) == "raster"
    assert str(suggest_ordering(PartSpec("gated_pixelcnn"), **image)) == "raster"


def test_without_a_suitable_backbone_the_error_names_the_argument():
    nothing = Registry(Plugins())
    with pytest.raises(ShapeError, match=r"got \(3,\) and 'bernoulli'; choose one with `backbone`"):
        suggest_backbone((3,), default_registry().create("head", "bernoulli"), registry=nothing)
