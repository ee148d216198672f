"""Recipes: a dataset, a model and its training settings, as a TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from tensorar.errors import RunError, SpecError
from tensorar.parts.spec import PartSpec, nearest
from tensorar.runs.settings import TrainingSettings


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The part specs and training settings from which a model is trained.

    ``name`` and ``description`` identify the recipes that plugins provide.
    """

    dataset: PartSpec
    ordering: PartSpec
    head: PartSpec
    backbone: PartSpec
    training: TrainingSettings = field(default_factory=TrainingSettings)
    name: str = "custom"
    description: str = ""


FORMAT = 2
PARTS = ("dataset", "ordering", "head", "backbone")


def recipe_toml(recipe: Recipe, provenance: dict[str, Any] | None = None) -> str:
    """A recipe as TOML; a run adds the ``provenance`` of its model."""
    settings = {key: value for key, value in asdict(recipe.training).items() if value is not None}
    document: dict[str, Any] = {"format": FORMAT, "name": recipe.name, "description": recipe.description}
    document["parts"] = {part: str(getattr(recipe, part)) for part in PARTS}
    document["training"] = settings
    if provenance is not None:
        document["provenance"] = provenance
    return tomli_w.dumps(document)


def read_recipe(path: Path) -> tuple[Recipe, dict[str, Any]]:
    """The recipe in a TOML file, and its provenance if it is a run's. Raises ``RunError`` or ``SpecError``."""
    document = _document(path)
    specs, provenance = _table(document, "parts", path), _table(document, "provenance", path)
    _check_parts(specs, path)
    try:
        parts = {part: PartSpec.parse(specs[part]) for part in PARTS}
        training = TrainingSettings.from_dict(_table(document, "training", path))
    except SpecError as error:
        raise SpecError(expected=error.expected, got=f"{error.got} in {path}", remedy=error.remedy) from error
    name, description = str(document.get("name", "custom")), str(document.get("description", ""))
    return Recipe(**parts, training=training, name=name, description=description), provenance


def _table(document: dict[str, Any], name: str, path: Path) -> dict[str, Any]:
    table = document.get(name, {})
    if not isinstance(table, dict):
        raise RunError(expected=f"{name} to be a table in {path}", got=repr(table), remedy=f"start it with [{name}]")
    return table


def _check_parts(specs: dict[str, Any], path: Path) -> None:
    for part in PARTS:
        if not isinstance(specs.get(part), str):
            raise RunError(
                expected=f"the {part} under [parts] in {path}",
                got=repr(specs[part]) if part in specs else "none",
                remedy=f'write {part} = "name" or "name:key=value"',
            )


def _document(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise RunError(expected=f"a recipe at {path}", got="no such file", remedy="check the path") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RunError(
            expected=f"{path} to be a TOML file", got=str(error), remedy="fix it, or restore it from a copy"
        ) from error
    if document.get("format") != FORMAT:
        raise RunError(
            expected=f"{path} to have format {FORMAT}",
            got=f"format {document.get('format', 'none')}",
            remedy="use the version of tensorar that wrote it, or train again from its [parts] and [training]",
        )
    keys = {"format", "name", "description", "parts", "training", "provenance"}
    for key in document:
        if key not in keys:
            raise RunError(expected=f"a key of a recipe in {path}", got=repr(key), remedy=nearest(key, keys))
    return document
