"""What the order of the rows of a table tells: rows at regular times are steps of a series."""

from __future__ import annotations

from jaxtyping import Float64
from torch import Tensor

from tensorar.parts.spec import PartSpec
from tensorar.tables.schema import Schema

# the dates of fewer rows may ascend by chance
MIN_STEPS = 8


def describe_series(schema: Schema, events: Float64[Tensor, "n columns"], path: str) -> list[str]:
    """A line on a column of regular times: the rows of a table know nothing of those before."""
    series = PartSpec("series", {"path": path})
    return [
        f"the times of {column.name} are steps of a series, but rows are modelled one by one; for forecasts: {series}"
        for i, (column, is_flag) in enumerate(schema.coefficients)
        if column.kind == "date" and not is_flag and _are_regular(events[:, i])
    ]


def _are_regular(times: Float64[Tensor, " n"]) -> bool:
    """Whether times ascend or descend, most by the same step, as those of months do."""
    steps = times.diff()
    same_sign = bool((steps > 0).all() or (steps < 0).all())
    return len(steps) >= MIN_STEPS and same_sign and int((steps == steps.mode().values).sum()) > len(steps) / 2
