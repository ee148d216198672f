"""Specs of the installed heads and backbones that tests are parametrized with."""

from __future__ import annotations

from functools import cache

from tensorar import PartSpec, default_registry
from tensorar.testing import levels_of
from tensorar.testing.generate.models import backbone_class
from tensorar.testing.generate.models import small_backbone_specs as backbone_specs

__all__ = [
    "backbone_class",
    "backbone_specs",
    "continuous_head_specs",
    "discrete_head_specs",
    "head_specs",
    "pairs",
]

# several forms of a head, with few levels; other heads are tested with their defaults
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
    """The installed heads with fewer than five values."""
    made = {spec: default_registry().create("head", spec) for spec in head_specs()}
    return tuple(spec for spec, head in made.items() if (levels_of(head) or 99) < 5)


@cache
def continuous_head_specs() -> tuple[str, ...]:
    """The installed heads with a density."""
    made = {spec: default_registry().create("head", spec) for spec in head_specs()}
    return tuple(spec for spec, head in made.items() if not head.support.is_discrete)


def pairs() -> list[tuple[str, str]]:
    """Pairs of backbones and heads: all heads with two simple backbones, two heads with the others."""
    few = ("bernoulli", "categorical:levels=3,one_hot=true")
    simple = [spec for spec in backbone_specs() if PartSpec.parse(spec).name in ("fvsbn", "mlp")]
    return [(b, h) for b in backbone_specs() for h in (head_specs() if b in simple else few)]
