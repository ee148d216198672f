"""Strategies for specs of installed orderings."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tensorar.ordering import Ordering
from tensorar.parts.registry import Registry, default_registry
from tensorar.parts.spec import PartSpec
from tensorar.testing.kinds import Shape, ordering_takes
from tensorar.testing.properties import Draw, composite


@composite
def raster_like(draw: Draw, event_shape: Shape) -> str:
    """A raster ordering with any nesting and flips."""
    d = len(event_shape)
    options: dict[str, Any] = {}
    if d and draw(st.booleans()):
        options["axes"] = " ".join(map(str, draw(st.permutations(range(d)))))
    if d and draw(st.booleans()):
        options["flip"] = " ".join(map(str, draw(st.lists(st.integers(0, d - 1), unique=True))))
    return str(PartSpec("raster", options))


@composite
def einops_orderings(draw: Draw, event_shape: Shape) -> str:
    """A random rearrangement, with some axes split in two."""
    left: list[str] = []
    names: list[str] = []
    sizes: dict[str, Any] = {}
    for axis, size in enumerate(event_shape):
        name = "abcd"[axis]
        inner = draw(st.sampled_from([d for d in range(1, size + 1) if size % d == 0]))
        if draw(st.booleans()):
            sizes[f"{name}2"] = inner
            left.append(f"({name}1 {name}2)")
            names += [f"{name}1", f"{name}2"]
        else:
            left.append(name)
            names.append(name)
    pattern = f"{' '.join(left)} -> ({' '.join(draw(st.permutations(names)))})"
    return str(PartSpec("einops", {"pattern": pattern, **sizes}))


def accepts(ordering: str, event_shape: Shape, registry: Registry | None = None) -> bool:
    """Whether an ordering takes a shape."""
    return ordering_takes((registry or default_registry()).create("ordering", ordering), event_shape)


@composite
def orderings(draw: Draw, event_shape: Shape, *, fixed: bool | None = None) -> str:
    """Any installed ordering that takes the shape, except for ensembles and adaptive ones."""
    parts = default_registry().parts("ordering")
    kinds: dict[str, type[Ordering]] = {
        name: r.part for name, r in parts.items() if not r.part.ensemble and not r.part.adaptive
    }
    names = [name for name, kind in kinds.items() if fixed is None or kind.fixed == fixed]
    name = draw(st.sampled_from([n for n in names if n in ("raster", "einops") or accepts(n, event_shape)]))
    if name in ("raster", "einops"):
        spec: str = draw(raster_like(event_shape) if name == "raster" else einops_orderings(event_shape))
        return spec
    return f"{name}:seed={draw(st.integers(0, 99))}" if "seed" in kinds[name].option_parameters() else name
