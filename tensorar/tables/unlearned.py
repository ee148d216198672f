"""What the training rows of a table cannot teach: levels, and missing cells, that only other rows have."""

from __future__ import annotations

from jaxtyping import Float64
from torch import Tensor

from tensorar.tables.codec import decode_cells
from tensorar.tables.schema import Column, Schema
from tensorar.utils.reading import shorten

ELSEWHERE = "no training row, but validation or test rows"


def describe_unlearned(
    schema: Schema, training: Float64[Tensor, "n columns"], others: Float64[Tensor, "m columns"]
) -> list[str]:
    """A line on the columns that miss cells in other rows only, and one on levels that are in other rows only."""
    blank, levels = [], []
    for i, (column, flag) in enumerate(schema.coefficients):
        if flag:
            continue
        own, rest = training[:, i], others[:, i]
        if not bool(own.isnan().any()) and bool(rest.isnan().any()):
            blank.append(column.name)
        levels += _new_levels(column, own[~own.isnan()], rest[~rest.isnan()], schema.form.decimal)
    notes = [f"{ELSEWHERE} have empty cells in: {shorten(', '.join(blank), 100)}"] if blank else []
    return notes + (
        [f"{ELSEWHERE} have: {shorten(', '.join(levels), 100)}; min_count joins rare levels"] if levels else []
    )


def _new_levels(column: Column, own: Float64[Tensor, " n"], rest: Float64[Tensor, " m"], decimal: str) -> list[str]:
    """The levels in the rest that are not among a column's own; none if nothing was observed there."""
    if not column.levels or not len(own):
        return []
    found = sorted(set(rest.tolist()) - set(own.tolist()))
    texts = decode_cells(rest.new_tensor(found).numpy(), column, decimal)
    return [f"{column.name}={text}" for text in texts]
