"""Heads that are made of several: their coefficients of one kind as a head, and the events that they suit."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution
from torch.distributions.constraints import Constraint
from torch.distributions.transforms import Transform

from tensorar.errors import SpecError, TensorarError
from tensorar.head import Head
from tensorar.testing.generate.values import values_of

# coefficients of the events that a head of any number of them is fitted to
MANY_COEFFICIENTS = 199
# the largest table whose number of columns is found by trying
MAX_COLUMNS = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class HeadOfKind(Head):
    """The coefficients of one kind of a head for events of ``count`` coefficients, numbered from 0 on.

    The support and the number of parameters are those of the member, and everything else is computed by the whole
    head, so that what holds for a head of one distribution can be required of each kind.
    """

    whole: Head
    member_index: int
    count: int

    @cached_property
    def name(self) -> str:  # type: ignore[override]
        """The name of the member."""
        return self._member.name

    @property
    def _member(self) -> Head:
        return self.whole.members[self.member_index]

    @cached_property
    def places_in_events(self) -> Tensor:
        """The flat indices of these coefficients in an event."""
        return (self.whole.kinds(torch.arange(self.count)) == self.member_index).nonzero()[:, 0]

    def _index(self, coefficients: Tensor | None) -> Tensor:
        places = self.places_in_events
        return places if coefficients is None else places.to(coefficients.device)[coefficients]

    # --- what a head declares ---------------------------------------------------------------------------------------

    @property
    def parameter_count(self) -> int:  # type: ignore[override]
        """That of the member."""
        return self._member.parameter_count

    @property
    def feature_count(self) -> int:  # type: ignore[override]
        """That of the whole head, whose other features are zero."""
        return self.whole.feature_count

    @property
    def support(self) -> Constraint:  # type: ignore[override]
        """That of the member."""
        return self._member.support

    @property
    def point_masses(self) -> tuple[float, ...]:  # type: ignore[override]
        """Those of the member."""
        return self._member.point_masses

    def supports(self, values: Tensor, coefficients: Tensor | None = None) -> Tensor:
        """Whether the whole head supports the values."""
        return self.whole.supports(values, self._index(coefficients))

    def describe_values(self) -> str:
        """The member's values in words."""
        return self._member.describe_values()

    # --- features, distributions and samples ------------------------------------------------------------------------

    def encode(self, value: Tensor, coefficients: Tensor | None = None) -> Tensor:
        """All features of the whole head."""
        return self.whole.encode(value, self._index(coefficients))

    def distribution(self, parameters: Tensor, coefficients: Tensor | None = None) -> Distribution:
        """That of the whole head, given parameters that are padded with zeros."""
        return self.whole.distribution(self._padded(parameters), self._index(coefficients))

    def log_prob(self, parameters: Tensor, value: Tensor, coefficients: Tensor | None = None) -> Tensor:
        """The shortcut of the whole head."""
        return self.whole.log_prob(self._padded(parameters), value, self._index(coefficients))

    @cached_property
    def noise_size(self) -> int:
        """That of the whole head."""
        return self.whole.noise_size

    @cached_property
    def draws_one_by_one(self) -> bool:
        """Whether the whole head does."""
        return self.whole.draws_one_by_one

    def draw(self, parameters: Tensor, noise: Tensor, coefficients: Tensor | None = None) -> Tensor:
        """Draws of the whole head."""
        return self.whole.draw(self._padded(parameters), noise, self._index(coefficients))

    def _padded(self, parameters: Tensor) -> Tensor:
        return F.pad(parameters, (0, self.whole.parameter_count - parameters.shape[-1]))

    # --- the data ---------------------------------------------------------------------------------------------------

    def transform(self, coefficients: Tensor | None = None) -> Transform | None:
        """That of the whole head."""
        return self.whole.transform(self._index(coefficients))

    def for_data(self, train: Tensor, *others: Tensor) -> Head:
        """The whole head, fitted to these values among ordinary ones of the other kinds."""
        return replace(self, whole=self.whole.for_data(*map(self._among_others, (train, *others))))

    def data_state(self) -> dict[str, Tensor]:
        """What the whole head found, if the member takes something from the data."""
        return self.whole.data_state() if self._member.data_state() else {}

    def with_data_state(self, state: dict[str, Tensor]) -> Head:
        """The whole head with what it once found."""
        return replace(self, whole=self.whole.with_data_state(state))

    def marginal_parameters(self, values: Tensor) -> Tensor | None:
        """Those of the whole head, if the member has any."""
        found = self.whole.marginal_parameters(self._among_others(values))
        if found is None or self._member.marginal_parameters(values) is None:
            return None
        return found[self.places_in_events, : self.parameter_count].reshape(*values.shape[1:], -1)

    def _among_others(self, values: Tensor) -> Tensor:
        """Whole events with these values, and ordinary ones of the other kinds."""
        index = torch.arange(self.count)
        events = self.whole.restore(values_of(self.whole, (len(values), self.count), 0), index).to(values.dtype)
        events[:, self.places_in_events] = values.flatten(1)
        return events


def event_size(head: Head) -> int | None:
    """The least number of coefficients of an event in which all kinds of a head occur; None if any number suits it.

    Raises ``SpecError`` if no number up to 64 does.
    """
    if len(head.members) == 1 and _suits(head, MANY_COEFFICIENTS):
        return None
    for count in range(len(head.members), MAX_COLUMNS + 1):
        if len(head.kinds(torch.arange(count)).unique()) == len(head.members) and _suits(head, count):
            return count
    raise SpecError(
        expected=f"a head whose kinds all occur in events of at most {MAX_COLUMNS} coefficients",
        got=f"{head.name!r}",
        remedy="pass the event shapes to try (shapes=, --shape)",
    )


def _suits(head: Head, count: int) -> bool:
    """Whether a head can be fitted to events of so many coefficients."""
    with suppress(TensorarError):
        index = torch.arange(count)
        head.for_data(head.restore(values_of(head, (3, count), 0), index))
        return True
    return False
