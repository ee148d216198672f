"""Hypothesis strategies: shapes, orders, parts that go together, evidence and whole models with random weights."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.distributions import constraints, transform_to

from tensorar.backbone import Backbone
from tensorar.build import build
from tensorar.evidence import Evidence
from tensorar.head import Head
from tensorar.model import AutoregressiveModel
from tensorar.order import Order
from tensorar.ordering import Ordering
from tensorar.parts.registry import Registry, default_registry
from tensorar.parts.spec import PartSpec
from tensorar.testing.check import Draw, composite
from tensorar.testing.generate.small_options import small_options
from tensorar.testing.kinds import ordering_takes, takes_raster
from tensorar.testing.oracles import levels_of, support_values

seeds = st.integers(0, 2**32 - 1)


# --- shapes and orders -----------------------------------------------------------------------------------------------


@composite
def event_shapes(
    draw: Draw, *, max_rank: int = 4, max_coefficients: int = 12, min_coefficients: int = 1
) -> tuple[int, ...]:
    """Shapes of 0 to 4 axes, axes of size 1 among them, and not too many coefficients."""
    shape: list[int] = []
    for _ in range(draw(st.integers(0, max_rank))):
        shape.append(draw(st.integers(1, max(max_coefficients // math.prod(shape), 1))))
    while math.prod(shape) < min_coefficients:
        shape = [*shape, 2][-max_rank:]
    return tuple(shape)


@composite
def orders(draw: Draw, event_shape: tuple[int, ...]) -> Order:
    """Any permutation of the coefficients."""
    return Order(torch.tensor(draw(st.permutations(range(math.prod(event_shape))))), event_shape)


@composite
def raster_orders(draw: Draw, event_shape: tuple[int, ...]) -> Order:
    """The raster order up to flips and a permutation of the axes."""
    axes = draw(st.permutations(range(len(event_shape))))
    flips = draw(st.lists(st.sampled_from(range(len(event_shape))), unique=True)) if event_shape else []
    index = torch.arange(math.prod(event_shape)).reshape(event_shape)
    return Order(index.flip(flips).permute(tuple(axes)).flatten(), event_shape)


@composite
def raster_like(draw: Draw, event_shape: tuple[int, ...]) -> str:
    """A raster ordering with any nesting and flips, as a spec."""
    d = len(event_shape)
    options: dict[str, Any] = {}
    if d and draw(st.booleans()):
        options["axes"] = " ".join(map(str, draw(st.permutations(range(d)))))
    if d and draw(st.booleans()):
        options["flip"] = " ".join(map(str, draw(st.lists(st.integers(0, d - 1), unique=True))))
    return str(PartSpec("raster", options))


@composite
def einops_orderings(draw: Draw, event_shape: tuple[int, ...]) -> str:
    """A random rearrangement, some axes cut in two, as a spec."""
    left: list[str] = []
    names: list[str] = []
    sizes: dict[str, Any] = {}
    for axis, size in enumerate(event_shape):
        name = "abcd"[axis]
        cut = draw(st.sampled_from([d for d in range(1, size + 1) if size % d == 0]))
        if draw(st.booleans()):
            sizes[f"{name}2"] = cut
            left.append(f"({name}1 {name}2)")
            names += [f"{name}1", f"{name}2"]
        else:
            left.append(name)
            names.append(name)
    pattern = f"{' '.join(left)} -> ({' '.join(draw(st.permutations(names)))})"
    return str(PartSpec("einops", {"pattern": pattern, **sizes}))


def accepts(ordering: str, event_shape: tuple[int, ...], registry: Registry | None = None) -> bool:
    """Whether an ordering takes a shape."""
    return ordering_takes((registry or default_registry()).create("ordering", ordering), event_shape)


@composite
def orderings(draw: Draw, event_shape: tuple[int, ...], *, fixed: bool | None = None) -> str:
    """The spec of any installed ordering that takes the shape."""
    parts = default_registry().parts("ordering")
    kinds: dict[str, type[Ordering]] = {name: r.part for name, r in parts.items() if not r.part.ensemble}
    names = [name for name, kind in kinds.items() if fixed is None or kind.fixed == fixed]
    name = draw(st.sampled_from([n for n in names if n in ("raster", "einops") or accepts(n, event_shape)]))
    if name in ("raster", "einops"):
        spec: str = draw(raster_like(event_shape) if name == "raster" else einops_orderings(event_shape))
        return spec
    return f"{name}:seed={draw(st.integers(0, 99))}" if "seed" in kinds[name].option_parameters() else name


# --- parts in small --------------------------------------------------------------------------------------------------


@cache
def small_head_specs() -> tuple[str, ...]:
    """All installed heads, with few levels where an option decides how many there are."""
    kinds: dict[str, type[Head]] = {name: r.part for name, r in default_registry().parts("head").items()}
    return tuple(str(PartSpec(name, small_options(kind))) for name, kind in kinds.items())


@composite
def heads(draw: Draw, *, discrete: bool | None = None) -> str:
    """The spec of any installed head, in a small form; ``discrete`` says of which kind."""
    made = {spec: default_registry().create("head", spec) for spec in small_head_specs()}
    found: str = draw(st.sampled_from([s for s, h in made.items() if discrete in (None, h.support.is_discrete)]))
    return found


@cache
def small_backbone_specs() -> tuple[str, ...]:
    """All installed backbones, their widths made small."""
    kinds: dict[str, type[Backbone]] = {name: r.part for name, r in default_registry().parts("backbone").items()}
    return tuple(str(PartSpec(name, small_options(kind))) for name, kind in kinds.items())


def kind_of(backbone: str, registry: Registry | None = None) -> type[Backbone]:
    """The class of a backbone spec."""
    kind: type[Backbone] = (registry or default_registry()).find("backbone", PartSpec.parse(backbone).name).part
    return kind


def takes_shape(backbone: str, event_shape: tuple[int, ...], registry: Registry | None = None) -> bool:
    """Whether a backbone takes raster orders of a shape."""
    return takes_raster(kind_of(backbone, registry), event_shape)


# --- models and what goes into them ----------------------------------------------------------------------------------


def randomise(model: AutoregressiveModel, seed: int, *, spread: float = 0.7) -> AutoregressiveModel:
    """Every parameter drawn afresh, so that no leak hides behind a zero; float64, no dropout."""
    generator = torch.Generator().manual_seed(seed)
    model.double().eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=spread, generator=generator)
    return model


@composite
def models(
    draw: Draw,
    *,
    backbone: str,
    head: str = "bernoulli",
    max_coefficients: int = 6,
    min_coefficients: int = 1,
    context_features: int = 0,
    fixed: bool | None = None,
    ordering: str | None = None,
    registry: Registry | None = None,
) -> AutoregressiveModel:
    """A model of a shape and an ordering (any, or the one named) that its backbone takes, with random weights."""
    shapes = event_shapes(max_coefficients=max_coefficients, min_coefficients=min_coefficients)
    shape = draw(shapes.filter(lambda s: takes_shape(backbone, s, registry)))
    raster_only = kind_of(backbone, registry).orders == "raster"
    ordering = ordering or draw(raster_like(shape) if raster_only else orderings(shape, fixed=fixed))
    model = build(shape, ordering, head, backbone, context_features=context_features, registry=registry)
    return randomise(model, draw(seeds))


def events_of(model: AutoregressiveModel, batch: int, seed: int) -> Tensor:
    """Random events in the support of a model's head."""
    return values_of(model.head, (batch, *model.event_shape), seed)


def values_of(head: Head, shape: tuple[int, ...], seed: int) -> Tensor:
    """Random values in the support of a head, float64."""
    generator = torch.Generator().manual_seed(seed)
    enumerated = support_values(head)
    if enumerated is not None:
        return enumerated[torch.randint(len(enumerated), shape, generator=generator)]
    if head.support.is_discrete:
        lowest = getattr(head.support, "lower_bound", 0)
        return lowest + torch.randint(levels_of(head) or 10, shape, generator=generator).double()
    real = torch.randn(shape, generator=generator, dtype=torch.float64)
    low, high = (getattr(head.support, name, None) for name in ("lower_bound", "upper_bound"))
    if low is not None and high is not None:
        real = float(low) + (float(high) - float(low)) * real.sigmoid()
    elif low is not None:
        real = float(low) + real.exp()
    elif head.support is not constraints.real:
        real = transform_to(head.support)(real)
    return real


@composite
def evidence(draw: Draw, model: AutoregressiveModel, batch: int) -> Evidence:
    """Any coefficients known, different ones in each example."""
    generator = torch.Generator().manual_seed(draw(seeds))
    share = torch.rand(batch, *[1] * len(model.event_shape), generator=generator)
    mask = torch.rand(batch, *model.event_shape, generator=generator) < share * 1.2
    return Evidence(mask, events_of(model, batch, draw(seeds)))
