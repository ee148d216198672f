"""Tables of mixed kinds from text, Parquet and Excel files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from tensorar import DataError, Parsed, RunError, SpecError, Splits
from tensorar.tables import (
    DELIMITERS,
    WHAT,
    Schema,
    TextTable,
    Wishes,
    describe_left_out,
    describe_series,
    describe_unlearned,
    encode,
    encode_target,
    infer,
    read_table,
)
from tensorar.utils.reading import digest_of
from tensorar_plugins.datasets.file_classes import class_by_name
from tensorar_plugins.datasets.splitting import SplitFile

# more features take long to factorize for each evidence
MAX_REGRESSION_INPUTS = 128


@dataclass(frozen=True, kw_only=True)
class Table(SplitFile):
    """Your own table: text (csv, tsv, also gzipped), Parquet or Excel, an event per row; shuffled and split.

    The kind of each column is inferred and printed: bit, category, whole number, real number, date, constant. Columns
    that count the rows, and ids that all differ, are left out. Empty cells (also NA, NaN, N/A, null, none, ? and -)
    were not observed: models are trained on what was.

    Options:
        types: Kinds of columns, as in ``"age=real,deck=category"``.
        columns: The columns to use, separated by commas (none: all).
        drop: Columns to leave out, separated by commas.
        target: A column of few values that is the class: a context, one-hot, of the others.
        min_count: Levels of a category that occur less often become one, ``other``.
        missing: ``observed`` models what was observed of a row; ``model`` also whether a cell is missing, as a
            coefficient of its own before that of the column.
        heads: Heads of columns, separated by semicolons, as in ``"income=log_normal; age=student_t"``.
        delimiter: Delimiter of the cells, one character, ``tab`` or ``space`` (none: found).
        decimal: Decimal sign, a point or a comma (none: found).
        header: Whether the first row holds the names of the columns (none: if none of its cells is a number).
    """

    name = "table"
    file_endings = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".pq", ".xlsx")
    types: str | None = None
    columns: str | None = None
    drop: str | None = None
    target: str | None = None
    min_count: int | None = None
    missing: Literal["observed", "model"] = "observed"
    heads: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    header: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self._wishes
        if self.min_count is not None and self.min_count < 1:
            raise SpecError(
                expected="min_count of table to be 1 or more",
                got=str(self.min_count),
                remedy="write for example min_count=5",
            )
        if self.decimal not in (None, ".", ","):
            raise SpecError(expected="decimal of table to be . or ,", got=repr(self.decimal), remedy="use one of them")
        if self.delimiter is not None and len(self.delimiter) > 1 and self.delimiter not in DELIMITERS:
            raise SpecError(
                expected="the delimiter of table to be one character, tab or space",
                got=repr(self.delimiter),
                remedy="write for example delimiter=;",
            )

    @cached_property
    def _wishes(self) -> Wishes:
        return Wishes(
            types=_pairs("types", self.types, ","),
            heads=_pairs("heads", self.heads, ";"),
            columns=_names(self.columns),
            drop=_names(self.drop),
            target=self.target,
            min_count=self.min_count,
            models_missing=self.missing == "model",
        )

    # --- the file ---------------------------------------------------------------------------------------------------

    @cached_property
    def table(self) -> TextTable:
        """The cells of the file. Raises ``DataError``."""
        self.__dict__["_digest"] = digest_of(self.path, WHAT)
        return read_table(self.path, delimiter=self.delimiter, decimal=self.decimal, header=self.header)

    @cached_property
    def schema(self) -> Schema:
        """The columns of the file and their kinds. Raises ``DataError``, ``SpecError`` for options that do not fit."""
        return infer(self.table, self._wishes)

    def with_schema(self, document: Mapping[str, Any], where: str) -> Table:
        found = replace(self)
        found.__dict__["schema"] = Schema.from_dict(document, where)
        return found

    @property
    def schema_document(self) -> dict[str, Any]:
        return self.schema.as_dict()

    @property
    def coefficient_names(self) -> list[str]:
        return self.schema.coefficient_names

    @property
    def level_counts(self) -> list[int]:
        categories = (column.kind == "category" and not flag for column, flag in self.schema.coefficients)
        each = zip(categories, self.schema.coefficients, strict=True)
        return [len(column.levels) if category else 0 for category, (column, _) in each]

    def describe_place(self, part: int, event: int, coefficient: int) -> str:
        return self.schema.describe_place(coefficient, int(self._rows[part][event]), str(self.path))

    @property
    def column_kinds(self) -> list[tuple[str, str, str]]:
        return self.schema.describe()

    @property
    def notes(self) -> list[str]:
        training, *others = (self._events[rows] for rows in self._rows)
        unlearned = describe_unlearned(self.schema, training, torch.cat(others))
        series = describe_series(self.schema, self._events, str(self.path))
        return [*self.table.notes, *describe_left_out(self.schema), *unlearned, *series]

    # --- events -----------------------------------------------------------------------------------------------------

    @cached_property
    def _events(self) -> Float64[Tensor, "n columns"]:
        """The rows of the file as events."""
        return encode(self.table, self.schema)

    @cached_property
    def _classes(self) -> Float[Tensor, "n classes"] | None:
        """The classes of the rows, one-hot."""
        return encode_target(self.table, self.schema)

    @cached_property
    def _rows(self) -> list[Int[Tensor, " rows"]]:
        """The rows of the file in each split."""
        return self.split_rows(len(self._events))

    def load(self) -> Splits:
        events = self._events
        if not bool(events.isfinite().any(1).all()):
            row = int((~events.isfinite().any(1)).int().argmax())
            raise DataError(
                expected=f"an observed cell in each row of {self.path}",
                got=f"none in row {row + 1}",
                remedy="drop the row",
            )
        return Splits(*(events[rows] for rows in self._rows))

    def load_contexts(self) -> Splits | None:
        classes = self._classes
        return None if classes is None else Splits(*(classes[rows] for rows in self._rows))

    # --- numbers that a run keeps -----------------------------------------------------------------------------------

    @property
    def parsed_path(self) -> str | Path:
        return self.path

    def parsed(self) -> Parsed | None:
        if "_digest" not in self.__dict__:
            return None
        classes = {} if self._classes is None else {"classes": self._classes.bool()}
        return Parsed(self.__dict__["_digest"], {"events": self._events, **classes})

    def with_parsed(self, parsed: Parsed, document: Mapping[str, Any], where: str) -> Table:
        found = self.with_schema(document, where)
        target, tensors = found.schema.target_column, parsed.tensors
        count = len(tensors.get("events", ()))
        expected = {"events": (torch.float64, (count, len(found.schema.coefficients)))}
        expected |= {} if target is None else {"classes": (torch.bool, (count, len(target.levels)))}
        if {name: (part.dtype, tuple(part.shape)) for name, part in tensors.items()} != expected:
            raise RunError(expected=f"the rows of a table in {where}", got="other tensors", remedy="remove the file")
        found.__dict__["_events"] = tensors["events"]
        found.__dict__["_classes"] = None if target is None else tensors["classes"].float()
        return found

    @property
    def class_names(self) -> list[str] | None:
        return None if self.schema.target_column is None else list(self.schema.target_column.levels)

    def parse_context(self, text: str) -> Float[Tensor, " context"]:
        """A class by its level, one-hot."""
        column = self.schema.target_column
        if column is None:
            return super().parse_context(text)
        return class_by_name(text, column.levels)

    @property
    def suggested_head(self) -> str:
        return f'columns:heads="{self.schema.head}"'

    @property
    def suggested_backbone(self) -> str | None:
        # columns are no sequence, however many there are
        numbers = any(column.is_ordered and not column.levels for column in self.schema.modelled)
        few = self.schema.network_inputs <= MAX_REGRESSION_INPUTS
        return "regression" if numbers and few else None


def _names(text: str | None) -> tuple[str, ...]:
    return () if text is None else tuple(name.strip() for name in text.split(","))


def _pairs(option: str, text: str | None, separator: str) -> dict[str, str]:
    """Pairs ``column=value``. Raises ``SpecError`` for other text."""
    pairs = [] if text is None else [item.partition("=") for item in text.split(separator)]
    for name, _, value in pairs:
        if not name.strip() or not value.strip():
            raise SpecError(
                expected=f"{option} of table to be COLUMN=..., separated by {separator!r}",
                got=repr(text),
                remedy='write for example types="age=real,deck=category", heads="income=log_normal"',
            )
    return {name.strip(): value.strip() for name, _, value in pairs}
