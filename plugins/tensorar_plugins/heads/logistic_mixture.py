"""Ordinal or real coefficients with a mixture of logistics each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor
from torch.distributions import MixtureSameFamily, constraints
from torch.distributions.constraints import Constraint
from torch.distributions.transforms import Transform

from tensorar import Head
from tensorar.errors import DataError, SpecError
from tensorar.transforms import Shift
from tensorar_plugins.heads.distributions import DiscretizedLogistic, Logistic
from tensorar_plugins.heads.in_units import HeadInUnits
from tensorar_plugins.heads.levels import (
    MAX_FREE_LEVELS,
    level_support,
    normalize_levels,
    observed_values,
    required_levels,
    whole_range,
)
from tensorar_plugins.heads.mixtures import mixture
from tensorar_plugins.heads.scales import check_options, long_tailed

# beyond, float32 hardly distinguishes the bins
MAX_LEVELS = 2**20
BYTES = 256
# a column of a table that uses a smaller part of the range needs a distribution of its own
NARROW = 8
# as in PixelCNN++; above 7 all mass is in the tails, and the bins between underflow
LOG_SCALE_RANGE = (-7.0, 7.0)


@dataclass(frozen=True, kw_only=True)
class LogisticMixtureHead(HeadInUnits):
    """A mixture of logistics per coefficient: over the integers 0 .. levels - 1, or over the real numbers.

    Salimans, Karpathy, Chen, Kingma, "PixelCNN++", ICLR 2017. Its means that depend on the other channels of a pixel
    need no code here: a channel is an axis, and each channel may depend on those visited before it.

    Options:
        components: Number of mixture components.
        levels: Number of levels; values are integers from 0 to ``levels - 1``. ``auto`` takes the lowest and the
            highest integer from the data (none: values are real numbers).
    """

    name = "logistic_mixture"
    components: int = 10
    levels: int | Literal["auto"] | None = None
    feature_count = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_options(self.name, components=self.components)
        if self.levels is None:
            return
        if self.units not in ("auto", "none"):
            raise SpecError(
                expected=f"either levels or units for {self.name}, since levels have no units",
                got=f"levels={self.levels} and units={self.units}",
                remedy="omit one of them",
            )
        if self.levels != "auto":
            self._check_count(self.levels)
            self._set_found((0, self.levels))

    def _check_count(self, count: int) -> None:
        level_support(count, self.name)
        if count > MAX_LEVELS:
            raise SpecError(
                expected=f"at most {MAX_LEVELS} levels for {self.name}",
                got=str(count),
                remedy="omit levels: values are then real numbers",
            )

    @property
    def _lowest_and_count(self) -> tuple[int, int] | None:
        """The lowest integer and their number; None for real values. Raises ``SpecError`` without data."""
        if self.levels is None:
            return None
        found: tuple[int, int] | None = self.found
        if found is None:
            raise SpecError(
                expected=f"the integers of the data, for levels=auto of {self.name}",
                got="a head that was given no data",
                remedy="use head.for_data(train), or set the number of levels",
            )
        return found

    @cached_property
    def parameter_count(self) -> int:  # type: ignore[override]
        return 3 * self.components

    @cached_property
    def support(self) -> Constraint:  # type: ignore[override]
        found = self._lowest_and_count
        return constraints.real if found is None else level_support(found[1], self.name)

    # --- values -----------------------------------------------------------------------------------------------------

    def transform(self, coefficients: Int[Tensor, "..."] | None = None) -> Transform | None:
        found = self._lowest_and_count
        if found is None:
            return super().transform(coefficients)
        device = torch.device("cpu") if coefficients is None else coefficients.device
        return Shift(found[0], device) if found[0] else None

    def for_data(self, train: Real[Tensor, "n *event"], *others: Real[Tensor, "_ *event"]) -> Head:
        if self.levels is None:
            return super().for_data(train, *others)
        return self._with_integers(*_extent(self.name, train, *others)) if self.levels == "auto" else self

    def data_state(self) -> dict[str, Tensor]:
        found = self._lowest_and_count
        if found is None:
            return super().data_state()
        return {"lowest": torch.tensor(found[:1]), "levels": torch.tensor(found[1:])} if self.levels == "auto" else {}

    def with_data_state(self, state: dict[str, Tensor]) -> Head:
        if self.levels != "auto" or not state:
            return super().with_data_state(state)
        if state.keys() != {"lowest", "levels"} or not all(
            t.numel() == 1 and t.isfinite().all() for t in state.values()
        ):
            raise SpecError(
                expected=f"the lowest integer and the number of levels, for levels=auto of {self.name}",
                got=", ".join(state),
                remedy="restore them from a copy",
            )
        return self._with_integers(int(state["lowest"]), int(state["levels"]))

    def _with_integers(self, lowest: int, count: int) -> Head:
        self._check_count(count)
        return self.with_found((lowest, count))

    def describe_values(self) -> str:
        found = self._lowest_and_count
        return super().describe_values() if found is None else f"integers from {found[0]} to {sum(found) - 1}"

    # --- the distribution -------------------------------------------------------------------------------------------

    def encode(
        self, value: Float[Tensor, "*coefficients"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Float[Tensor, "*coefficients features"]:
        found = self._lowest_and_count
        return (value if found is None else normalize_levels(value, found[1])).unsqueeze(-1)

    def distribution(
        self, parameters: Float[Tensor, "*coefficients parameters"], coefficients: Int[Tensor, "..."] | None = None
    ) -> MixtureSameFamily:
        return mixture(parameters, self._logistic)

    def _logistic(
        self, location: Float[Tensor, "*coefficients k"], raw_scale: Float[Tensor, "*coefficients k"]
    ) -> Logistic:
        # the log scale of untrained components is -1: their scale is about a fifth of the range of levels
        found, (low, high) = self._lowest_and_count, LOG_SCALE_RANGE
        if found is None:
            return Logistic(location, (raw_scale - 1).clamp(low, high))
        narrowest = min(low, -math.log(found[1]))
        return DiscretizedLogistic(location, (raw_scale - 1).clamp(narrowest, high), found[1])

    @classmethod
    def options_for(cls, values: Real[Tensor, "..."]) -> dict[str, Any] | None:
        levels = required_levels(values)
        if levels is not None:
            return {"levels": levels}
        found = whole_range(values)
        if found is None or found[1] - found[0] >= MAX_LEVELS or not _alike(values, found[1] - found[0]):
            return None
        return {"levels": "auto"}

    @classmethod
    def image_options(cls, values: Real[Tensor, "..."]) -> dict[str, Any] | None:
        levels = required_levels(values)
        if levels is None or levels <= MAX_FREE_LEVELS:
            return None
        # bytes are 256 levels, unless only a small part of them occurs
        return {"levels": BYTES if values.dtype == torch.uint8 and 2 * levels > BYTES else levels}


def _extent(name: str, *splits: Tensor) -> tuple[int, int]:
    """The lowest integer of the data, and the number of integers from it to the highest."""
    ranges = [whole_range(observed_values(split)) for split in splits]
    ends = [end for found in ranges if found is not None for end in found]
    if None in ranges:
        raise DataError(
            expected=f"integers, for levels=auto of {name}", got="other numbers", remedy="omit levels for real numbers"
        )
    return min(ends), max(2, max(ends) - min(ends) + 1)


def _alike(values: Tensor, extent: int) -> bool:
    """Whether no coefficient uses only a small part of the range, as counts beside prices do."""
    if values.ndim == 2 and bool((NARROW * (values.amax(0) - values.amin(0)).double() < extent).any()):
        return False
    return not bool(values.min() >= 0) or not long_tailed(values)
