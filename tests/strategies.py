"""Hypothesis strategies: shapes, orders, parts that go together, evidence and whole models with random weights."""

from __future__ import annotations

import inspect
import math
import random
from functools import cache, wraps

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from tensorar import (
    AutoregressiveModel,
    Backbone,
    Evidence,
    Head,
    Order,
    PartSpec,
    Registry,
    ShapeError,
    Signature,
    build,
    default_registry,
)

# every built-in head in forms with few levels; a head that is not here is tried with its defaults
HEADS = {
    "bernoulli": ("bernoulli",),
    "categorical": ("categorical:levels=3", "categorical:levels=3,one_hot=true"),
    "logistic_mixture": ("logistic_mixture:levels=3,components=2", "logistic_mixture:components=2"),
    "gaussian_mixture": ("gaussian_mixture:components=2",),
}
SMALL = 8
SHALLOW = ("blocks", "layers")
seeds = st.integers(0, 2**32 - 1)


def composite(function):
    """``st.composite`` for strategies that run checked code: beartype draws from ``random`` which items it looks at,
    and Hypothesis wants that state untouched.
    """

    @wraps(function)
    def leaving_random_alone(*args, **kwargs):
        state = random.getstate()
        try:
            return function(*args, **kwargs)
        finally:
            random.setstate(state)

    return st.composite(leaving_random_alone)


@composite
def event_shapes(draw, *, max_rank: int = 4, max_coefficients: int = 12, min_coefficients: int = 1):
    """Shapes of 0 to 4 axes, axes of size 1 among them, and not too many coefficients."""
    shape: list[int] = []
    for _ in range(draw(st.integers(0, max_rank))):
        shape.append(draw(st.integers(1, max(max_coefficients // math.prod(shape), 1))))
    while math.prod(shape) < min_coefficients:
        shape = [*shape, 2][-max_rank:]
    return tuple(shape)


@composite
def orders(draw, event_shape: tuple[int, ...]):
    """Any permutation of the coefficients."""
    return Order(torch.tensor(draw(st.permutations(range(math.prod(event_shape))))), event_shape)


@composite
def raster_like(draw, event_shape: tuple[int, ...]):
    """A raster ordering with any nesting and flips, as a spec."""
    d = len(event_shape)
    options = {}
    if d and draw(st.booleans()):
        options["axes"] = " ".join(map(str, draw(st.permutations(range(d)))))
    if d and draw(st.booleans()):
        options["flip"] = " ".join(map(str, draw(st.lists(st.integers(0, d - 1), unique=True))))
    return str(PartSpec("raster", options))


@composite
def einops_orderings(draw, event_shape: tuple[int, ...]):
    """A random rearrangement, some axes cut in two, as a spec."""
    left, names, sizes = [], [], {}
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
    try:
        (registry or default_registry()).create("ordering", ordering).order(event_shape)
    except ShapeError:
        return False
    return True


@composite
def orderings(draw, event_shape: tuple[int, ...], *, fixed: bool | None = None):
    """The spec of any installed ordering that takes the shape."""
    parts = default_registry().parts("ordering")
    kinds = {name: r.part for name, r in parts.items() if not r.part.ensemble}
    names = [name for name, kind in kinds.items() if fixed is None or kind.fixed == fixed]
    name = draw(st.sampled_from([n for n in names if n in ("raster", "einops") or accepts(n, event_shape)]))
    if name == "raster":
        return draw(raster_like(event_shape))
    if name == "einops":
        return draw(einops_orderings(event_shape))
    return f"{name}:seed={draw(st.integers(0, 99))}" if "seed" in parts[name].part.option_parameters() else name


@cache
def head_specs() -> tuple[str, ...]:
    """All installed heads."""
    return tuple(spec for name in default_registry().parts("head") for spec in HEADS.get(name, (name,)))


@cache
def discrete_head_specs() -> tuple[str, ...]:
    """The installed heads over few values."""
    from tests.oracles import levels_of

    made = {spec: default_registry().create("head", spec) for spec in head_specs()}
    return tuple(spec for spec, head in made.items() if (levels_of(head) or 99) < 5)


@cache
def continuous_head_specs() -> tuple[str, ...]:
    """The installed heads over the real numbers."""
    made = {spec: default_registry().create("head", spec) for spec in head_specs()}
    return tuple(spec for spec, head in made.items() if not head.support.is_discrete)


@cache
def backbone_specs() -> tuple[str, ...]:
    """All installed backbones, their widths made small."""
    return tuple(_small(name, r.part) for name, r in default_registry().parts("backbone").items())


def _small(name: str, kind: type[Backbone]) -> str:
    parameters = kind.option_parameters().items()
    wide = {k for k, p in parameters if type(p.default) is int and p.default > SMALL}
    free = {k for k, p in parameters if p.default is None and "hidden" in k}
    required = {k for k, p in parameters if p.default is inspect.Parameter.empty}
    deep = {k: 2 for k, p in parameters if k in SHALLOW and type(p.default) is int and p.default > 2}
    return str(PartSpec(name, dict.fromkeys(sorted(wide | free | required), SMALL) | deep))


def pairs() -> list[tuple[str, str]]:
    """Backbones with heads: each of both in some pair, without trying all heads on all backbones."""
    few = ("bernoulli", "categorical:levels=3,one_hot=true")
    plain = [spec for spec in backbone_specs() if PartSpec.parse(spec).name in ("fvsbn", "mlp")]
    return [(b, h) for b in backbone_specs() for h in (head_specs() if b in plain else few)]


def kind_of(backbone: str, registry: Registry | None = None) -> type[Backbone]:
    """The class of a backbone spec."""
    return (registry or default_registry()).find("backbone", PartSpec.parse(backbone).name).part


def takes_shape(backbone: str, event_shape: tuple[int, ...], registry: Registry | None = None) -> bool:
    """Whether a backbone takes raster orders of a shape."""
    try:
        kind_of(backbone, registry).adapt(Signature(event_shape, 1, 1, orders=(Order.raster(event_shape),)))
    except ShapeError:
        return False
    return True


def randomise(model: AutoregressiveModel, seed: int, *, spread: float = 0.7) -> AutoregressiveModel:
    """Every parameter drawn afresh, so that no leak hides behind a zero; float64, no dropout."""
    generator = torch.Generator().manual_seed(seed)
    model.double().eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=spread, generator=generator)
    return model


@composite
def models(
    draw,
    *,
    backbone: str,
    head: str = "bernoulli",
    max_coefficients: int = 6,
    min_coefficients: int = 1,
    context_features: int = 0,
    fixed: bool | None = None,
    ordering: str | None = None,
    registry: Registry | None = None,
):
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
    from tests.oracles import levels_of

    generator = torch.Generator().manual_seed(seed)
    if head.support.is_discrete:
        return torch.randint(levels_of(head) or 10, shape, generator=generator).double()
    real = torch.randn(shape, generator=generator, dtype=torch.float64)
    bounds = [getattr(head.support, name, None) for name in ("lower_bound", "upper_bound")]
    if None not in bounds:
        return bounds[0] + (bounds[1] - bounds[0]) * real.sigmoid()
    return real if bounds[0] is None else bounds[0] + real.exp()


@composite
def evidence(draw, model: AutoregressiveModel, batch: int):
    """Any coefficients known, different ones in each example."""
    generator = torch.Generator().manual_seed(draw(seeds))
    share = torch.rand(batch, *[1] * len(model.event_shape), generator=generator)
    mask = torch.rand(batch, *model.event_shape, generator=generator) < share * 1.2
    return Evidence(mask, events_of(model, batch, draw(seeds)))
