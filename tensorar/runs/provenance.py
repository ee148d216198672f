"""Provenance of a run: the shapes its model was built for, and the plugins its parts came from."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from tensorar.axes import check_axes
from tensorar.errors import PluginError, RunError, ShapeError, SpecError
from tensorar.parts.registry import Registry
from tensorar.runs import stages
from tensorar.runs.fields import TABLE, TEXT, Field, check_fields, integer, list_of, table_of
from tensorar.runs.recipe import PARTS, Recipe
from tensorar.utils.memory import require_memory
from tensorar.utils.npy_format import READABLE_DTYPES

# torch's tensors have at most 64 axes, batch and features included
FIELDS = {
    "event_shape": list_of(integer(1), 60),
    "axes": list_of(TEXT, 60),
    "dtype": Field(f"one of {', '.join(READABLE_DTYPES)}", lambda value: value in READABLE_DTYPES),
    "context_features": integer(),
    "head": Field("a table of numbers, or the name of a file", lambda value: isinstance(value, dict | str)),
    "checksum": TEXT,
    "initial": table_of(TEXT, "a table of text"),
    stages.KEY: list_of(TABLE, 10_000),
    "plugins": TABLE,
    "paths": TABLE,
}
OPTIONAL = ("axes", "dtype", "context_features", "head", "checksum", "initial", stages.KEY, "plugins", "paths")
# of the tables with an entry for each kind of part
ENTRIES = {"plugins": TABLE, "paths": table_of(TEXT, "a table of text")}
SOURCE = {"plugin": TEXT, "distribution": TEXT, "version": TEXT}
# of distributions and versions on package indices (PEP 508 and PEP 440)
DISTRIBUTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
VERSION = re.compile(r"[0-9][A-Za-z0-9.!+_-]{0,98}")


def provenance_of(
    recipe: Recipe, event_shape: tuple[int, ...], context_features: int, registry: Registry
) -> dict[str, Any]:
    """The table ``[provenance]`` of a new run. Raises ``SpecError`` for an unknown part."""
    sources = {kind: registry.find(kind, getattr(recipe, kind).name).source for kind in PARTS}
    plugins = {
        kind: {"plugin": source.plugin, "distribution": source.distribution, "version": source.version}
        for kind, source in sources.items()
    }
    return {"event_shape": list(event_shape), "context_features": context_features, "plugins": plugins}


def check_provenance(provenance: dict[str, Any], file: Path) -> None:
    """Check every field of a run's provenance. Raises ``RunError``."""
    remedy = "restore recipe.toml from a copy, or train again"
    check_fields(provenance, FIELDS, where=f"[provenance] of {file}", remedy=remedy, omissible=OPTIONAL)
    for name, entry in ENTRIES.items():
        kinds: dict[str, Field] = dict.fromkeys(PARTS, entry)
        where = f"[provenance.{name}] of {file}"
        check_fields(provenance.get(name, {}), kinds, where=where, remedy=remedy, omissible=PARTS)
    for kind, source in provenance.get("plugins", {}).items():
        check_fields(source, SOURCE, where=f"[provenance.plugins.{kind}] of {file}", remedy=remedy)
    stages.check_stages(provenance.get(stages.KEY, []), file, remedy)
    size = math.prod(provenance["event_shape"])
    # of an order: two integers of 64 bits for each coefficient
    require_memory(
        16 * size, f"an order of {size} coefficients, from event_shape in {file}", remedy=remedy, error=RunError
    )
    _check_axes(provenance, file, remedy)


def _check_axes(provenance: dict[str, Any], file: Path, remedy: str) -> None:
    """Raise ``RunError`` unless there is a name for each axis, or none at all."""
    try:
        if "axes" in provenance:
            check_axes(tuple(provenance["axes"]), tuple(provenance["event_shape"]))
    except ShapeError as error:
        expected = f"axes in [provenance] of {file} with {error.expected}"
        raise RunError(expected=expected, got=error.got, remedy=remedy) from error


def require_plugins(recipe: Recipe, provenance: dict[str, Any], folder: Path, registry: Registry) -> None:
    """Raise ``PluginError``, with the way to install it, when no loaded plugin provides a part of the recipe."""
    plugins = provenance.get("plugins")
    for kind in PARTS:
        name = getattr(recipe, kind).name
        try:
            registry.find(kind, name)
        except SpecError as error:
            raise PluginError(
                expected=f"the {kind} {name!r}, with which {folder} was trained",
                got="no installed plugin that provides it",
                remedy=_how_to_get(plugins.get(kind) if isinstance(plugins, dict) else None),
            ) from error


def _how_to_get(source: Any) -> str:
    """The way to get a plugin, as far as the recipe names a file or a distribution; nobody has checked that name."""
    known = source if isinstance(source, dict) else {}
    distribution, version = str(known.get("distribution", "")), str(known.get("version", ""))
    if distribution and not version and distribution.isprintable():
        return f"load it with load_file({distribution!r}), the file that the recipe names"
    if DISTRIBUTION.fullmatch(distribution) and VERSION.fullmatch(version):
        return f"install it: pip install {distribution}=={version} (if you trust that name, which is from the recipe)"
    return "install the plugin that provides it"
