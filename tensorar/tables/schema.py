"""The schema of a table: the kind of each column and what reading and writing its cells takes, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float64

from tensorar.errors import RunError
from tensorar.tables.forms import FileForm
from tensorar.tables.number_style import PLAIN, NumberStyle

ColumnKind = Literal["bit", "category", "whole", "real", "date", "constant", "left out"]
KINDS: tuple[ColumnKind, ...] = get_args(ColumnKind)
MISSING_OF = "{} is missing"


@dataclass(frozen=True)
class Column:
    """A column of a table.

    ``levels`` are the values of a bit, a category or a whole number of few values, as text; a whole number or a real
    one without levels has a density. ``other`` is the level of values that are no level. ``decimals`` are written after
    the decimal sign (None: six digits in all), with ``prefix``, ``suffix`` and a sign between each ``group`` of three
    digits before it; ``date_format`` is that of dates, which are multiples of ``date_step`` seconds. ``missing``: some
    cells were empty. ``head`` is the spec of its distribution; ``note`` says why a column was left out, ``constant``
    what all its cells hold.
    """

    name: str
    kind: ColumnKind
    levels: tuple[str, ...] = ()
    other: str | None = None
    decimals: int | None = 0
    date_format: str | None = None
    date_step: int = 0
    missing: bool = False
    head: str = ""
    note: str = ""
    constant: str = ""
    prefix: str = ""
    suffix: str = ""
    group: str = ""

    @property
    def style(self) -> NumberStyle:
        """What the cells of a number have besides it."""
        return NumberStyle(self.prefix, self.suffix, self.group)

    @property
    def modelled(self) -> bool:
        """Whether it is part of the events."""
        return self.kind not in ("constant", "left out")

    @property
    def is_ordered(self) -> bool:
        """Whether its values are numbers or dates."""
        return self.kind in ("whole", "real", "date")

    @cached_property
    def level_numbers(self) -> Float64[np.ndarray, " levels"]:
        """The levels of a whole number, as numbers."""
        return np.array([float(level) for level in self.levels])


@dataclass(frozen=True)
class Schema:
    """The columns of a table in the order of the file, its form, and the column that is the class (``target``).

    With ``models_missing``, whether a cell is missing is a coefficient of its own before that of the column.
    """

    columns: tuple[Column, ...]
    form: FileForm
    target: str | None = None
    models_missing: bool = False

    @cached_property
    def modelled(self) -> tuple[Column, ...]:
        """The columns of the events, in their order."""
        return tuple(column for column in self.columns if column.modelled and column.name != self.target)

    @cached_property
    def target_column(self) -> Column | None:
        """The column of the class, if there is one."""
        return next((column for column in self.columns if column.name == self.target), None)

    @cached_property
    def coefficients(self) -> tuple[tuple[Column, bool], ...]:
        """The column of each coefficient, and whether the coefficient is that of its being missing."""
        found = []
        for column in self.modelled:
            found += [(column, True)] if self.models_missing and column.missing else []
            found.append((column, False))
        return tuple(found)

    @property
    def coefficient_names(self) -> list[str]:
        """The name of each coefficient."""
        return [MISSING_OF.format(column.name) if flag else column.name for column, flag in self.coefficients]

    @property
    def head(self) -> str:
        """The specs of the heads of all coefficients, separated by semicolons."""
        return "; ".join("bernoulli" if flag else column.head for column, flag in self.coefficients)

    @property
    def network_inputs(self) -> int:
        """About how many numbers a network receives of a row: one of each level of a category, else one."""
        one_hot = [
            len(column.levels) if column.kind == "category" and not flag else 1 for column, flag in self.coefficients
        ]
        return sum(one_hot)

    def place(self, name: str, *, flag: bool = False) -> int:
        """The coefficient of a modelled column, or of its being missing."""
        return next(i for i, (column, own) in enumerate(self.coefficients) if column.name == name and own == flag)

    def describe_place(self, coefficient: int, row: int, path: str) -> str:
        """The cell of a coefficient in words: its column, and its row, counted from 1, in a file."""
        return f"column {self.coefficients[coefficient][0].name}, row {row + 1} of {path}"

    def find(self, name: str) -> Column | None:
        """The column of a name."""
        return next((column for column in self.columns if column.name == name), None)

    def as_dict(self) -> dict[str, Any]:
        """The schema as JSON values; what is as by default is left out."""
        default = asdict(Column("", "bit"))
        columns = [
            {
                key: list(value) if key == "levels" else value
                for key, value in asdict(column).items()
                if key in ("name", "kind") or value != default[key]
            }
            for column in self.columns
        ]
        rest = {"form": asdict(self.form), "target": self.target, "models_missing": self.models_missing}
        return {"columns": columns, **rest}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], where: str) -> Schema:
        """The schema that ``as_dict`` returned. Raises ``RunError``, naming ``where`` it was read."""
        try:
            known = {field.name for field in fields(Column)}
            columns = []
            for entry in document["columns"]:
                if entry["kind"] not in KINDS or not entry.keys() <= known or not isinstance(entry["name"], str):
                    raise ValueError(str(entry))
                columns.append(Column(**{**entry, "levels": tuple(map(str, entry.get("levels", ())))}))
            return cls(
                tuple(columns), FileForm(**document["form"]), document["target"], bool(document["models_missing"])
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunError(
                expected=f"the schema of a table in {where}", got="other values", remedy="restore it from a copy"
            ) from error

    def describe(self) -> list[tuple[str, str, str]]:
        """Name, kind and details of each column, for a table."""
        return [(column.name, _kind_of(column, self.target), _details(column)) for column in self.columns]


def _kind_of(column: Column, target: str | None) -> str:
    return "target" if column.name == target else column.kind


def _details(column: Column) -> str:
    if column.kind == "left out":
        return column.note
    if column.kind == "constant":
        return f"always {column.constant}"
    blanks = ["some missing"] if column.missing else []
    few = column.levels if len(column.levels) <= 4 else (*column.levels[:3], "...", column.levels[-1])
    levels = [f"{len(column.levels)} levels: {', '.join(few)}"] if column.levels else []
    form = [f"as {column.date_format}, nats per day"] if column.date_format else []
    style = [f"as {column.style}"] if column.style != PLAIN else []
    return "; ".join([*levels, *form, *style, column.head, *blanks])
