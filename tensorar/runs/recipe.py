"""Recipes: a dataset, a model and its training settings, as a TOML file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import tomli_w

from tensorar.errors import RunError, SpecError
from tensorar.parts.part import Kind
from tensorar.parts.spec import PartSpec, nearest
from tensorar.runs.fields import TEXT, check_fields, shortened
from tensorar.runs.row import Row
from tensorar.runs.settings import TrainingSettings
from tensorar.runs.toml import read_toml


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The part specs and training settings from which a model is trained.

    ``name`` and ``description`` identify the recipes that plugins provide. A recipe with a ``row`` reproduces a
    published result. ``quick`` has what its trial in seconds changes: specs of parts, by kind, and settings.
    ``recorded`` is the file of the result that came with the recipe, if it has been trained.
    """

    dataset: PartSpec
    ordering: PartSpec
    head: PartSpec
    backbone: PartSpec
    training: TrainingSettings = field(default_factory=TrainingSettings)
    name: str = "custom"
    description: str = ""
    row: Row | None = None
    quick: dict[str, Any] = field(default_factory=dict)
    recorded: Path | None = field(default=None, compare=False)


FORMAT = 3
PARTS: tuple[Kind, ...] = ("dataset", "ordering", "head", "backbone")


def recipe_toml(recipe: Recipe, provenance: dict[str, Any] | None = None) -> str:
    """A recipe as TOML; a run adds the ``provenance`` of its model."""
    return tomli_w.dumps(recipe_document(recipe, provenance))


def recipe_document(recipe: Recipe, provenance: dict[str, Any] | None = None) -> dict[str, Any]:
    """The tables of a recipe's file."""
    settings = {key: value for key, value in asdict(recipe.training).items() if value is not None}
    document: dict[str, Any] = {"format": FORMAT, "name": recipe.name, "description": recipe.description}
    document["parts"] = {part: str(getattr(recipe, part)) for part in PARTS}
    document["training"] = settings
    if recipe.row is not None:
        document["row"] = recipe.row.as_dict()
    if recipe.quick:
        document["quick"] = dict(recipe.quick)
    if provenance is not None:
        document["provenance"] = provenance
    return document


def read_recipe(path: Path) -> tuple[Recipe, dict[str, Any]]:
    """The recipe in a TOML file, and its provenance if it is a run's. Raises ``RunError`` or ``SpecError``."""
    return parse_recipe(read_document(path), path)


def read_recipes(folder: Path, results: Path | None = None) -> list[Recipe]:
    """The recipes in the TOML files of a folder, by file name: what a plugin's ``tensorar_recipes`` returns.

    ``results`` is the folder of recorded results, ``NAME.json`` each. Raises ``RunError`` or ``SpecError``.
    """
    recipes = [read_recipe(path)[0] for path in sorted(folder.glob("*.toml"))]
    return recipes if results is None else [_with_result(recipe, results) for recipe in recipes]


def _with_result(recipe: Recipe, results: Path) -> Recipe:
    file = results / f"{recipe.name}.json"
    return replace(recipe, recorded=file) if file.is_file() else recipe


def read_document(path: Path) -> dict[str, Any]:
    """The tables of a recipe's file, of this version. Raises ``RunError``."""
    document = read_toml(path)
    if document.get("format") != FORMAT:
        raise RunError(
            expected=f"{path} to have format {FORMAT}",
            got=f"format {shortened(document['format'])}" if "format" in document else "no format",
            remedy="use the version of tensorar that wrote it, or copy its [parts] and [training] to a file with "
            f"format = {FORMAT}, and train that as a recipe",
        )
    keys = {"format", "name", "description", "parts", "training", "row", "quick", "provenance"}
    for key in document:
        if key not in keys:
            raise RunError(expected=f"a key of a recipe in {path}", got=shortened(key), remedy=nearest(key, keys))
    return document


def parse_recipe(document: dict[str, Any], path: Path) -> tuple[Recipe, dict[str, Any]]:
    """The recipe and the provenance in the tables of a file. Raises ``RunError`` or ``SpecError``."""
    specs, provenance = _table(document, "parts", path), _table(document, "provenance", path)
    _check_parts(specs, path)
    settings = _table(document, "training", path)
    row, quick = _table(document, "row", path), _table(document, "quick", path)
    for table in (settings, row, quick):
        _check_values(table, path)
    try:
        parts: dict[str, Any] = {part: PartSpec.parse(specs[part]) for part in PARTS}
        training = TrainingSettings.from_dict(settings)
        published = Row.from_dict(row) if row else None
    except SpecError as error:
        raise SpecError(expected=error.expected, got=f"{error.got} in {path}", remedy=error.remedy) from error
    words: dict[str, Any] = {key: document[key] for key in ("name", "description") if key in document}
    check_fields(words, dict.fromkeys(words, TEXT), where=str(path), remedy="write it in quotes")
    return Recipe(**parts, training=training, row=published, quick=quick, **words), provenance


def _table(document: dict[str, Any], name: str, path: Path) -> dict[str, Any]:
    table = document.get(name, {})
    if not isinstance(table, dict):
        raise RunError(
            expected=f"{name} to be a table in {path}", got=shortened(table), remedy=f"start it with [{name}]"
        )
    return table


def _check_parts(specs: dict[str, Any], path: Path) -> None:
    for key in specs:
        if key not in PARTS:
            raise RunError(expected=f"a part under [parts] in {path}", got=shortened(key), remedy=nearest(key, PARTS))
    for part in PARTS:
        if not isinstance(specs.get(part), str):
            raise RunError(
                expected=f"the {part} under [parts] in {path}",
                got=shortened(specs[part]) if part in specs else "none",
                remedy=f'write {part} = "name" or "name:key=value"',
            )


def _check_values(settings: dict[str, Any], path: Path) -> None:
    for key, value in settings.items():
        if not isinstance(value, bool | int | float | str):
            raise RunError(
                expected=f"the setting {shortened(key)} in {path} to be a number or a word",
                got=shortened(value),
                remedy="write a single value",
            )
