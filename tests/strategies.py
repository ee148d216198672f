"""The strategies of ``tensorar.testing``, and which forms of the built-in parts our own tests are about."""

from __future__ import annotations

from functools import cache

from tensorar import PartSpec, default_registry
from tensorar.testing.generate.strategies import (
    accepts,
    build,
    composite,
    einops_orderings,
    event_shapes,
    events_of,
    evidence,
    kind_of,
    models,
    orderings,
    orders,
    randomise,
    raster_like,
    seeds,
    takes_shape,
    values_of,
)
from tensorar.testing.generate.strategies import small_backbone_specs as backbone_specs
from tensorar.testing.oracles import levels_of

__all__ = [
    "accepts",
    "backbone_specs",
    "build",
    "composite",
    "continuous_head_specs",
    "discrete_head_specs",
    "einops_orderings",
    "event_shapes",
    "events_of",
    "evidence",
    "head_specs",
    "kind_of",
    "models",
    "orderings",
    "orders",
    "pairs",
    "randomise",
    "raster_like",
    "seeds",
    "takes_shape",
    "values_of",
]

# every built-in head in forms with few levels; a head that is not here is tried with its defaults
HEADS = {
    "bernoulli": ("bernoulli",),
    "categorical": ("categorical:levels=3", "categorical:levels=3,one_hot=true"),
    "logistic_mixture": ("logistic_mixture:levels=3,components=2", "logistic_mixture:components=2"),
    "gaussian_mixture": ("gaussian_mixture:components=2",),
}


@cache
def head_specs() -> tuple[str, ...]:
    """All installed heads."""
    return tuple(spec for name in default_registry().parts("head") for spec in HEADS.get(name, (name,)))


@cache
def discrete_head_specs() -> tuple[str, ...]:
    """The installed heads over few values."""
    made = {spec: default_registry().create("head", spec) for spec in head_specs()}
    return tuple(spec for spec, head in made.items() if (levels_of(head) or 99) < 5)


@cache
def continuous_head_specs() -> tuple[str, ...]:
    """The installed heads over the real numbers."""
    made = {spec: default_registry().create("head", spec) for spec in head_specs()}
    return tuple(spec for spec, head in made.items() if not head.support.is_discrete)


def pairs() -> list[tuple[str, str]]:
    """Backbones with heads: each of both in some pair, without trying all heads on all backbones."""
    few = ("bernoulli", "categorical:levels=3,one_hot=true")
    plain = [spec for spec in backbone_specs() if PartSpec.parse(spec).name in ("fvsbn", "mlp")]
    return [(b, h) for b in backbone_specs() for h in (head_specs() if b in plain else few)]
