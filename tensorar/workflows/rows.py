"""The rows of the tables of results: what was published, and what was recorded here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tensorar.errors import SpecError
from tensorar.parts.registry import Registry, default_registry
from tensorar.parts.spec import nearest
from tensorar.runs.recipe import Recipe
from tensorar.runs.result import read_result
from tensorar.runs.row import Row


@dataclass(frozen=True)
class RowSummary:
    """A row in a line. ``ours`` and its ``standard_error`` are those of the recorded result, None if there is none."""

    name: str
    description: str
    group: str
    theirs: float | None
    ours: float | None
    standard_error: float | None
    unit: str
    minutes: float
    machine: str

    def as_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


def list_rows(registry: Registry | None = None) -> list[RowSummary]:
    """All rows, by table. Raises ``RunError`` for a damaged result."""
    rows = [_summary(recipe, recipe.row) for recipe in _recipes(registry) if recipe.row is not None]
    return sorted(rows, key=lambda row: row.group)


def find_row(name: str, registry: Registry | None = None) -> Recipe:
    """The recipe of a row. Raises ``SpecError`` for a name that none has."""
    rows = {recipe.name: recipe for recipe in _recipes(registry) if recipe.row is not None}
    if name not in rows:
        raise SpecError(expected="the name of a row", got=repr(name), remedy=nearest(name, rows))
    return rows[name]


def _recipes(registry: Registry | None) -> list[Recipe]:
    parts = (registry or default_registry()).parts("recipe")
    return [registered.part for registered in parts.values()]


def _summary(recipe: Recipe, row: Row) -> RowSummary:
    result = None if recipe.recorded is None else read_result(recipe.recorded)
    figure, error = (None, None) if result is None else (result["figure"], result["standard_error"])
    return RowSummary(
        recipe.name,
        recipe.description,
        row.group,
        row.theirs,
        figure,
        error,
        row.unit,
        row.minutes,
        row.machine,
    )
