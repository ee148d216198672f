"""Paths of data in the specs of a run: kept absolute and relative to the run, so that either may move."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from tensorar.errors import DataError
from tensorar.parts.part import Kind, Part
from tensorar.parts.registry import Registry
from tensorar.parts.spec import PartSpec
from tensorar.runs.recipe import PARTS, Recipe
from tensorar.utils.reading import expand

# by kind of part, then by option
RelativePaths = dict[str, dict[str, str]]


def with_absolute_paths(recipe: Recipe, registry: Registry) -> Recipe:
    """The recipe with absolute paths; those with ``~`` or ``$VARIABLES`` stay as they were written."""
    changes: dict[str, Any] = {
        kind: _changed(spec, {name: _absolute(path) for name, path in paths.items()})
        for kind, (spec, paths) in _paths(recipe, registry).items()
    }
    return replace(recipe, **changes)


def relative_paths(recipe: Recipe, folder: Path, registry: Registry) -> RelativePaths:
    """The paths that exist, relative to a run folder."""
    found = {
        kind: {
            name: os.path.relpath(_real(path), _real(folder)) for name, path in paths.items() if _first_existing([path])
        }
        for kind, (_, paths) in _paths(recipe, registry).items()
    }
    return {kind: paths for kind, paths in found.items() if paths}


def with_found_paths(recipe: Recipe, relative: RelativePaths, folder: Path) -> Recipe:
    """The recipe with paths that exist: those of the spec, or else those relative to the run.

    Paths that exist in neither place stay as they are.
    """
    changes: dict[str, Any] = {}
    for kind, paths in relative.items():
        tried = {name: _tried(getattr(recipe, kind), name, path, folder) for name, path in paths.items()}
        found = {name: _first_existing(places) for name, places in tried.items()}
        changes[kind] = _changed(getattr(recipe, kind), {name: path for name, path in found.items() if path})
    return replace(recipe, **changes)


def require_paths(recipe: Recipe, relative: RelativePaths, folder: Path) -> None:
    """Raise ``DataError``, with all paths that were tried, when a path that the run was trained with is missing."""
    for kind, paths in relative.items():
        spec: PartSpec = getattr(recipe, kind)
        for name, path in paths.items():
            tried = _tried(spec, name, path, folder)
            if not _first_existing(tried):
                raise DataError(
                    expected=f"the {name} of the {kind} {spec.name} at {' or '.join(dict.fromkeys(tried))}",
                    got="no such file or directory",
                    remedy="check the path, restore the file, or move it along with the run",
                )


def without_paths(spec: PartSpec, part: type[Part]) -> PartSpec:
    """The spec of a part without the options that are paths."""
    paths = path_options(part)
    return replace(spec, options={name: value for name, value in spec.options.items() if name not in paths})


def path_options(part: type[Part]) -> set[str]:
    """The names of the options that are paths, by their annotation."""
    parameters = part.option_parameters()
    return {name for name, option in parameters.items() if Path in (option.annotation, *get_args(option.annotation))}


def _paths(recipe: Recipe, registry: Registry) -> dict[Kind, tuple[PartSpec, dict[str, str]]]:
    """The given paths of each part."""
    specs: dict[Kind, PartSpec] = {kind: getattr(recipe, kind) for kind in PARTS}
    return {
        kind: (spec, _given(spec, path_options(registry.find(kind, spec.name).part))) for kind, spec in specs.items()
    }


def _given(spec: PartSpec, names: set[str]) -> dict[str, str]:
    return {name: str(value) for name, value in spec.options.items() if name in names and str(value)}


def _changed(spec: PartSpec, options: dict[str, str]) -> PartSpec:
    return replace(spec, options={**spec.options, **options}) if options else spec


def _absolute(path: str) -> str:
    absolute = str(Path(path).absolute())
    needs_expansion = (path.startswith("~") or "$" in path) and not Path(path).exists()
    # a spec cannot quote a text that contains both kinds of quotes
    return path if needs_expansion or {"'", '"'} <= set(absolute) else absolute


def _tried(spec: PartSpec, name: str, path: str, folder: Path) -> list[str]:
    """The path in the spec, and the one relative to the run."""
    return [str(spec.options.get(name, path)), os.path.normpath(Path(_real(folder), path))]


def _first_existing(paths: list[str]) -> str | None:
    """The first path that exists, or else the first one with which the names of files begin."""
    return next((path for holds in (_exists, _is_beginning) for path in paths if holds(path)), None)


def _exists(path: str) -> bool:
    try:
        return expand(path).exists()
    except (OSError, ValueError):
        # a name that is too long, has null characters, or names no variable or user
        return False


def _is_beginning(path: str) -> bool:
    try:
        beginning = expand(path)
        return any(entry.name.startswith(beginning.name) for entry in beginning.parent.iterdir())
    except (OSError, ValueError):
        return False


def _real(path: str | Path) -> str:
    return os.path.realpath(expand(path))
