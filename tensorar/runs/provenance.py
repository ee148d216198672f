"""Provenance of a run: the shapes its model was built for, and the plugins its parts came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from tensorar.errors import PluginError, RunError, SpecError
from tensorar.parts.registry import Kind, Registry
from tensorar.runs.recipe import PARTS, Recipe


def provenance_of(
    recipe: Recipe, event_shape: tuple[int, ...], context_features: int, registry: Registry
) -> dict[str, Any]:
    """The table ``[provenance]`` of a new run. Raises ``SpecError`` for an unknown part."""
    sources = {kind: registry.find(_kind(kind), getattr(recipe, kind).name).source for kind in PARTS}
    plugins = {
        kind: {"plugin": source.plugin, "distribution": source.distribution, "version": source.version}
        for kind, source in sources.items()
    }
    return {"event_shape": list(event_shape), "context_features": context_features, "plugins": plugins}


def read_event_shape(provenance: dict[str, Any], file: Path) -> tuple[int, ...]:
    """The shape of the model's events. Raises ``RunError`` when it is missing or invalid."""
    shape = provenance.get("event_shape")
    if not isinstance(shape, list) or not all(isinstance(size, int) for size in shape):
        raise _invalid(file, "event_shape to be a list of sizes", shape)
    return tuple(shape)


def read_context_features(provenance: dict[str, Any], file: Path) -> int:
    """The length of the model's contexts. Raises ``RunError`` when it is invalid."""
    count = provenance.get("context_features", 0)
    if not isinstance(count, int) or count < 0:
        raise _invalid(file, "context_features to be an integer >= 0", count)
    return count


def _invalid(file: Path, expected: str, got: object) -> RunError:
    return RunError(
        expected=f"provenance.{expected} in {file}",
        got=str(got),
        remedy="restore recipe.toml from a copy, or train again",
    )


def require_plugins(recipe: Recipe, provenance: dict[str, Any], folder: Path, registry: Registry) -> None:
    """Raise ``PluginError``, with the way to install it, when no loaded plugin provides a part of the recipe."""
    plugins = provenance.get("plugins")
    for kind in PARTS:
        name = getattr(recipe, kind).name
        try:
            registry.find(_kind(kind), name)
        except SpecError as error:
            raise PluginError(
                expected=f"the {kind} {name!r}, with which {folder} was trained",
                got="no installed plugin that provides it",
                remedy=_how_to_get(plugins.get(kind) if isinstance(plugins, dict) else None),
            ) from error


def _how_to_get(source: Any) -> str:
    known = source if isinstance(source, dict) else {}
    distribution, version = known.get("distribution", ""), known.get("version", "")
    if not distribution:
        return "install the plugin that provides it"
    if not version:
        return f"load it with load_file({distribution!r})"
    return f"install it: pip install {distribution}=={version}"


def _kind(name: str) -> Kind:
    kinds: tuple[Kind, ...] = get_args(Kind)
    return next(kind for kind in kinds if kind == name)
