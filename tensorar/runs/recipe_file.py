"""Recipes as TOML."""

from __future__ import annotations

import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tomli_w

from tensorar.errors import RunError, SpecError
from tensorar.parts.spec import PartSpec, nearest
from tensorar.recipe import Recipe
from tensorar.settings import TrainingSettings

FORMAT = 1
PARTS = ("dataset", "ordering", "head", "backbone")


def recipe_toml(recipe: Recipe, made: dict[str, Any] | None = None) -> str:
    """A recipe as TOML; ``made`` is what a run adds about the model that was made of it."""
    settings = {key: value for key, value in asdict(recipe.training).items() if value is not None}
    document: dict[str, Any] = {"format": FORMAT, "name": recipe.name, "description": recipe.description}
    document["parts"] = {part: str(getattr(recipe, part)) for part in PARTS}
    document["training"] = settings
    if made is not None:
        document["made"] = made
    return tomli_w.dumps(document)


def read_recipe(path: Path) -> tuple[Recipe, dict[str, Any]]:
    """The recipe in a TOML file, and what a run added to it. Raises ``RunError`` or ``SpecError``."""
    document = _document(path)
    try:
        parts = {part: PartSpec.parse(document["parts"][part]) for part in PARTS}
        training = TrainingSettings.from_dict(document.get("training", {}))
    except (KeyError, TypeError) as error:
        raise RunError(
            expected=f"{path} to have a table [parts] with {', '.join(PARTS)}",
            got=f"none for {error}",
            remedy="add it as name or name:key=value",
        ) from error
    except SpecError as error:
        raise SpecError(expected=error.expected, got=f"{error.got} in {path}", remedy=error.remedy) from error
    name, description = str(document.get("name", "custom")), str(document.get("description", ""))
    return Recipe(**parts, training=training, name=name, description=description), document.get("made", {})


def _document(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise RunError(expected=f"a recipe at {path}", got="no such file", remedy="check the path") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RunError(
            expected=f"{path} to be a TOML file", got=str(error), remedy="correct it, or restore it from a copy"
        ) from error
    if document.get("format") != FORMAT:
        raise RunError(
            expected=f"{path} to be of format {FORMAT}",
            got=f"format {document.get('format', 'none')}",
            remedy="use the version of tensorar that wrote it, or train again from its [parts] and [training]",
        )
    keys = {"format", "name", "description", "parts", "training", "made"}
    for key in document:
        if key not in keys:
            raise RunError(expected=f"a key of a recipe in {path}", got=repr(key), remedy=nearest(key, keys))
    return document
