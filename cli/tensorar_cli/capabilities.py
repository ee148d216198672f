"""Capabilities of backbones, from their declarations: orders, shapes, and how they are trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tensorar_cli.output import table

if TYPE_CHECKING:
    from rich.table import Table

    from tensorar import Backbone


def capabilities(backbone: type[Backbone]) -> dict[str, Any]:
    """The declarations of a backbone, for JSON and for the table."""
    from tensorar import CausalBackbone

    ranks, causal = backbone.event_ranks, issubclass(backbone, CausalBackbone)
    return {
        "orders": backbone.orders,
        "axes": None if ranks is None else sorted(ranks),
        "axes_of_size_1_count": not backbone.ignores_unit_axes,
        "all_conditionals_in_one_pass": causal,
        "all_unknown_in_one_pass": causal or bool(getattr(backbone, "dense", False)),
        "sequential_over": backbone.sequential_over,
        "any_evidence": not causal,
        "any_order": backbone.orders == "any",
        "blind_spot": backbone.blind_spot,
        "defaults": defaults(backbone),
    }


def defaults(backbone: type[Backbone]) -> dict[str, Any]:
    """The ordering, that for images, and the training settings that are used where nothing else is asked for."""
    from dataclasses import asdict

    from tensorar import TrainingSettings

    settings = asdict(TrainingSettings().changed(backbone.recommended))
    named = {name: settings[name] for name in ("learning_rate", "batch_size", "weight_decay", "ema", "warmup", "clip")}
    ordering = backbone.preferred_ordering
    return {"ordering": ordering, "image_ordering": backbone.image_ordering or ordering, **named}


def backbone_table(backbones: dict[str, dict[str, Any]]) -> Table:
    """A table of backbones: orders, axes, what one training pass computes, and whether one network serves any order."""
    rows = [
        (name, _orders(t), _axes(t), _training(t), "yes" if t["any_order"] else "no", t["blind_spot"] or "none")
        for name, t in backbones.items()
    ]
    return table("backbone", "orders", "axes", "trains on", "any-order", "blind spot", rows=rows)


def _orders(t: dict[str, Any]) -> str:
    return "any" if t["orders"] == "any" else "raster (any nesting, flips)"


def _axes(t: dict[str, Any]) -> str:
    if t["axes"] is None:
        return "any"
    first, last = t["axes"][0], t["axes"][-1]
    span = f"{first}-{last}" if t["axes"] == list(range(first, last + 1)) and first < last else _listed(t["axes"])
    return span if t["axes_of_size_1_count"] else f"{span} longer than 1"


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))


def _training(t: dict[str, Any]) -> str:
    if t["any_evidence"]:
        return "all unknown (uniform orders)" if t["all_unknown_in_one_pass"] else "one conditional"
    return "all, in parallel" if t["sequential_over"] is None else f"all, sequentially over {t['sequential_over']}"
