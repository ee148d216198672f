"""The hooks that a plugin may implement. Each takes no arguments and returns a list of parts or recipes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from tensorar.backbone import Backbone
    from tensorar.dataset import Dataset
    from tensorar.head import Head
    from tensorar.ordering import Ordering
    from tensorar.runs.recipe import Recipe

PROJECT = "tensorar"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def tensorar_orderings() -> list[type[Ordering]]:  # type: ignore[empty-body]
    """List the orderings of this plugin."""


@hookspec
def tensorar_heads() -> list[type[Head]]:  # type: ignore[empty-body]
    """List the heads of this plugin."""


@hookspec
def tensorar_backbones() -> list[type[Backbone]]:  # type: ignore[empty-body]
    """List the backbones of this plugin."""


@hookspec
def tensorar_datasets() -> list[type[Dataset]]:  # type: ignore[empty-body]
    """List the datasets of this plugin."""


@hookspec
def tensorar_recipes() -> list[Recipe]:  # type: ignore[empty-body]
    """List the recipes of this plugin: named combinations of a dataset, a model and training settings."""
