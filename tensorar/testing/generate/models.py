"""Strategies for models of installed parts, and small specs of these."""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tensorar.backbone import Backbone
from tensorar.head import Head
from tensorar.model import AutoregressiveModel
from tensorar.ordering import Ordering
from tensorar.parts.registry import Registry, default_registry, typed_options
from tensorar.parts.spec import PartSpec
from tensorar.testing.generate.cases import model_cases
from tensorar.testing.generate.orderings import orderings, raster_like
from tensorar.testing.generate.shapes import event_shapes
from tensorar.testing.generate.small_options import small_options
from tensorar.testing.kinds import Shape, takes_raster
from tensorar.testing.properties import Draw, composite


@cache
def small_head_specs() -> tuple[str, ...]:
    """All installed heads, with few levels where an option sets their number."""
    kinds: dict[str, type[Head]] = {name: r.part for name, r in default_registry().parts("head").items()}
    return tuple(str(PartSpec(name, small_options(kind))) for name, kind in kinds.items())


@cache
def small_backbone_specs() -> tuple[str, ...]:
    """All installed backbones, with small widths and depths."""
    kinds: dict[str, type[Backbone]] = {name: r.part for name, r in default_registry().parts("backbone").items()}
    return tuple(str(PartSpec(name, small_options(kind))) for name, kind in kinds.items())


@composite
def heads(draw: Draw, *, discrete: bool | None = None) -> str:
    """The spec of any installed head with small options, or only of discrete or of continuous ones."""
    made = {spec: default_registry().create("head", spec) for spec in small_head_specs()}
    found: str = draw(st.sampled_from([s for s, h in made.items() if discrete in (None, h.support.is_discrete)]))
    return found


def backbone_class(backbone: str, registry: Registry | None = None) -> type[Backbone]:
    """The class of a backbone spec."""
    found: type[Backbone] = (registry or default_registry()).find("backbone", PartSpec.parse(backbone).name).part
    return found


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
    """A model with random weights, of any shape and ordering (or the one given) that its backbone takes."""
    registry = registry or default_registry()
    network = backbone_class(backbone, registry)

    def orderings_of(shape: Shape) -> SearchStrategy[Ordering]:
        raster = network.orders == "raster"
        specs = raster_like(shape) if raster else orderings(shape, fixed=fixed)
        return (specs if ordering is None else st.just(ordering)).map(lambda spec: registry.create("ordering", spec))

    shapes = event_shapes(max_coefficients=max_coefficients, min_coefficients=min_coefficients)
    cases = model_cases(
        shapes.filter(lambda shape: takes_raster(network, shape)),
        orderings_of,
        heads=[registry.create("head", head)],
        contexts=[context_features],
        backbone=network,
        options=typed_options(network, PartSpec.parse(backbone), registry),
    )
    model: AutoregressiveModel = draw(cases).model()
    return model
