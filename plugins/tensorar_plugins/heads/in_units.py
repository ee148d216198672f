"""Base class of the heads that work in standard units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int, Real
from torch import Tensor
from torch.distributions import constraints
from torch.distributions.transforms import Transform

from tensorar import Head, SpecError
from tensorar.normal_scores import NormalScores, find_normal_scores
from tensorar.outliers import describe_outliers, deviations, outlying
from tensorar.transforms import affine
from tensorar.units import GROUPINGS, Units, choose_grouping, find_units, grouped, sample_for_statistics
from tensorar_plugins.heads.found_in_data import HeadFoundInData

NORMAL = "normal"
# the square of a distance in scales, and of that in the smallest scales, must be finite
LARGEST_SQUARE = 0.4


@dataclass(frozen=True, kw_only=True)
class HeadInUnits(HeadFoundInData):
    """A head with a location and a scale per group of coefficients, found in the data.

    Options:
        units: Location and scale of the data. ``auto`` finds them in the training data: per coefficient for events of
            one axis, per channel for images and volumes, for matrices per column or row if these differ. ``shared``,
            ``channel`` (first axis), ``column`` (last axis) and ``coefficient`` fix the grouping; ``none`` leaves
            values as they are; pairs ``location/scale``, separated by spaces, set one for all or one per column.
            ``normal`` (heads of Gaussians) makes each group of ``auto`` standard normal by an increasing function.
    """

    # whether there are units ``normal``
    normal_scores: ClassVar[bool] = False
    units: str = "auto"

    def __post_init__(self) -> None:
        if self.units == NORMAL and not self.normal_scores:
            raise SpecError(
                expected=f"units of {self.name} to be a location and a scale",
                got=repr(NORMAL),
                remedy="use gaussian or gaussian_mixture",
            )
        if not self._finds_units:
            self._set_found(Units.parse(self.units, name=self.name))

    @property
    def _finds_units(self) -> bool:
        return self.units == NORMAL or self.units in GROUPINGS

    @property
    def found_units(self) -> Units | None:
        """The units in use; None for values as they are."""
        found = self.found
        return found if isinstance(found, Units) else None

    def transform(self, coefficients: Int[Tensor, "..."] | None = None) -> Transform | None:
        device = torch.device("cpu") if coefficients is None else coefficients.device
        if isinstance(self.found, NormalScores):
            return self.found.transform(coefficients, device)
        units = self.found_units
        return None if units is None else affine(units, coefficients, device)

    def for_data(self, train: Real[Tensor, "n *event"], *others: Real[Tensor, "_ *event"]) -> Head:
        if self.units == NORMAL:
            # validation events choose how smooth the functions are
            return self.with_found(find_normal_scores(train, others[0] if others else None))
        if not self._finds_units:
            return self
        return self.with_found(find_units(self.measured(train), self.units))

    def measured(self, train: Real[Tensor, "n *event"]) -> Real[Tensor, "n *event"]:
        """What location and scale are those of: the data, or a function of them."""
        return train

    def data_state(self) -> dict[str, Tensor]:
        return self.found.state() if self.found is not None and self._finds_units else {}

    def with_data_state(self, state: dict[str, Tensor]) -> Head:
        kind = NormalScores if self.units == NORMAL else Units
        return self.with_found(kind.from_state(state)) if state else self

    def notes(self, train: Real[Tensor, "n *event"]) -> list[str]:
        if not self._finds_units or self.units == "none":
            return []
        values = sample_for_statistics(train)
        measured = self.measured(values)
        grouping = choose_grouping(measured) if self.units in ("auto", NORMAL) else self.units
        _, deviation = deviations(grouped(measured, grouping))
        outlier = outlying(deviation)
        if not bool(outlier.any()):
            return []
        return [describe_outliers(grouped(values, grouping), outlier, grouping)]

    def supports(
        self, values: Float[Tensor, "*batch"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Bool[Tensor, "*batch"]:
        # false for NaN and infinity
        near = values.abs() <= self.largest(values.dtype)
        return near if self.support is constraints.real else super().supports(values, coefficients) & near

    def describe_values(self) -> str:
        return f"{super().describe_values()} within {self.largest(torch.float32):.0e} scales of the location"

    @staticmethod
    def largest(dtype: torch.dtype) -> float:
        """The largest distance from the location, in scales: squares of it stay finite."""
        return float(torch.finfo(dtype).max ** LARGEST_SQUARE)
