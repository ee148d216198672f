"""Coefficients that take one of a few values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64, Int, Real
from torch import Tensor
from torch.distributions.constraints import Constraint

from tensorar import Head
from tensorar.errors import DataError, SpecError
from tensorar.noise import ordinal
from tensorar.transforms import Table
from tensorar_plugins.heads.distributions import Levels
from tensorar_plugins.heads.found_in_data import HeadFoundInData
from tensorar_plugins.heads.levels import (
    distinct_values,
    level_support,
    normalize_levels,
    observed_values,
    required_levels,
)

# a value occurs so many times, on average, in data of few distinct values
MIN_OCCURRENCES = 10
# fewer of the levels than one in so many occur: a table of values is smaller
SPARSE_LEVELS = 8
# a softmax over more values does not fit in memory
MAX_VALUES = 2**16


@dataclass(frozen=True, kw_only=True)
class CategoricalHead(HeadFoundInData):
    """One of several levels or values: a probability for each, without further assumptions.

    By default a network receives a level as one number from -1 to 1, which suits gray levels and counts.

    Options:
        levels: Number of levels; values are integers from 0 to ``levels - 1``.
        values: The values that occur, instead of levels: ``auto`` finds them in the data, numbers separated by spaces
            set them (none: integers). A network receives the rank of a value among them.
        one_hot: Whether to encode a level as a one-hot vector, which suits categories without an order.
    """

    name = "categorical"
    levels: int = 256
    values: str | None = None
    one_hot: bool = False

    def __post_init__(self) -> None:
        if self.values is None:
            level_support(self.levels, self.name)
        elif self.values != "auto":
            self._set_found(_parse(self.values))

    @property
    def table(self) -> Float64[Tensor, " values"] | None:
        """The values by level; None for integers. Raises ``SpecError`` if they are to be found in data first."""
        found: Tensor | None = self.found
        if self.values is not None and found is None:
            raise SpecError(
                expected="the values of the data, for values=auto of categorical",
                got="a head that was given no data",
                remedy="use head.for_data(train), or write the values, such as values='-1 1'",
            )
        return found

    @cached_property
    def _count(self) -> int:
        return self.levels if self.table is None else len(self.table)

    @cached_property
    def parameter_count(self) -> int:  # type: ignore[override]
        return self._count

    @cached_property
    def feature_count(self) -> int:  # type: ignore[override]
        return self._count if self.one_hot else 1

    @cached_property
    def support(self) -> Constraint:  # type: ignore[override]
        return level_support(self._count, self.name)

    # --- values -----------------------------------------------------------------------------------------------------

    def transform(self, coefficients: Int[Tensor, "..."] | None = None) -> Table | None:
        return None if self.table is None else Table(self.table)

    def for_data(self, train: Real[Tensor, "n *event"], *others: Real[Tensor, "_ *event"]) -> Head:
        if self.values != "auto":
            return self
        table = distinct_values(*map(observed_values, (train, *others)), at_most=MAX_VALUES)
        if table is None:
            raise DataError(
                expected=f"at most {MAX_VALUES} distinct, finite values, for values=auto of {self.name}",
                got="more",
                remedy="use a head for real numbers, such as gaussian_mixture",
            )
        # a constant has one value, and a distribution over one value no parameters to learn
        return self.with_found(table if len(table) > 1 else torch.cat([table, table + 1]))

    def data_state(self) -> dict[str, Tensor]:
        return {"values": self.table} if self.values == "auto" and self.table is not None else {}

    def with_data_state(self, state: dict[str, Tensor]) -> Head:
        if not state:
            return self
        table = state.get("values")
        if state.keys() != {"values"} or table is None or not _is_table(table):
            raise SpecError(
                expected="at least two finite values in ascending order, for values=auto of categorical",
                got=", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in state.items()),
                remedy="restore them from a copy",
            )
        return self.with_found(table.double())

    def describe_values(self) -> str:
        if self.table is None:
            return super().describe_values()
        if len(self.table) <= 4:
            return "one of " + ", ".join(f"{value:g}" for value in self.table.tolist())
        return f"one of {len(self.table)} values from {float(self.table[0]):g} to {float(self.table[-1]):g}"

    # --- levels -----------------------------------------------------------------------------------------------------

    def encode(
        self, value: Float[Tensor, "*coefficients"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Float[Tensor, "*coefficients features"]:
        if not self.one_hot:
            return normalize_levels(value, self._count).unsqueeze(-1)
        known = value.isfinite()
        hot = F.one_hot(torch.where(known, value, 0.0).long(), self._count).to(value.dtype)
        return torch.where(known.unsqueeze(-1), hot, torch.nan)

    def distribution(
        self, parameters: Float[Tensor, "*coefficients parameters"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Levels:
        return Levels(logits=parameters, validate_args=False)

    @cached_property
    def noise_size(self) -> int:
        return self._count if self.one_hot else 1

    def draw(
        self,
        parameters: Float[Tensor, "*coefficients parameters"],
        noise: Float[Tensor, "*coefficients noise"],
        coefficients: Int[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "*coefficients"]:
        # The inverse CDF over ordered levels: a small change of the logits changes a draw by little, so fixed-point
        # sampling converges fast. Categories have no order, and the Gumbel-max trick treats all alike.
        if self.one_hot:
            return super().draw(parameters, noise, coefficients)
        return ordinal(parameters.softmax(-1), noise[..., 0]).to(noise.dtype)

    @classmethod
    def options_for(cls, values: Real[Tensor, "..."]) -> dict[str, Any] | None:
        levels, table = required_levels(values), distinct_values(values)
        few = table is not None and MIN_OCCURRENCES * len(table) <= values.numel()
        if levels is None or (few and table is not None and SPARSE_LEVELS * len(table) < levels):
            return {"values": "auto"} if few else None
        return {"levels": levels}


def _parse(text: str) -> Tensor:
    try:
        table: Tensor = torch.tensor([float(word) for word in text.split()], dtype=torch.float64).unique()
    except ValueError:
        table = torch.empty(0)
    if not _is_table(table):
        raise SpecError(
            expected="values of categorical to be auto, or at least two distinct numbers",
            got=repr(text),
            remedy="write for example values='-1 1'",
        )
    return table


def _is_table(table: Tensor) -> bool:
    sound = table.ndim == 1 and len(table) > 1 and bool(table.isfinite().all())
    return sound and bool((table[1:] > table[:-1]).all())
