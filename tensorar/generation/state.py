"""State shared by all sampling methods: a batch to complete, its order, its noise and its chooser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from jaxtyping import Bool, Float
from torch import Tensor

from tensorar.factorization import Factorization
from tensorar.generation.choosers import Choose, Chooser
from tensorar.generation.visits import Visits
from tensorar.order import Order


@dataclass(eq=False)
class SamplingState:
    """A batch of events to complete in one order, in one for each event, or in those that an adaptive ordering chooses.

    ``value`` ``(batch, N)`` holds what is observed; sampling fills in the rest. ``observed`` is None if nothing is.
    Under an adaptive ordering equally many coefficients of each example are observed, and come first. ``noise`` is
    ``(batch, N, k)`` by step; an example's numbers lie together, so that on a CPU they do not depend on how many
    examples are drawn at once. ``report_steps`` is called with the number of steps since the last call.
    """

    model: Factorization
    visits: Visits
    value: Float[Tensor, "batch n"]
    observed: Bool[Tensor, "batch n"] | None
    context: Float[Tensor, "batch context"] | None
    noise: Float[Tensor, "batch n k"]
    chooser: Chooser
    report_steps: Callable[[int], None]
    choose: Choose = field(init=False)

    def __post_init__(self) -> None:
        self.choose = self.chooser.bind(self.model.head)

    @property
    def order(self) -> Order:
        """The order of a batch of one order."""
        return self.visits.orders[0]

    def noise_by_step(self) -> tuple[Tensor, ...]:
        """The noise of each step, ``(batch, k)``."""
        return self.noise.transpose(0, 1).contiguous().unbind()

    def unknown_rows(self) -> list[Tensor | None]:
        """For each step the examples whose coefficient is drawn; None if it is drawn in all of them."""
        if self.observed is None:
            return [None] * self.value.shape[1]
        unknown = ~self.visits.by_step(self.observed).T
        return [
            None if everywhere else row.nonzero()[:, 0]
            for row, everywhere in zip(unknown, unknown.all(1).tolist(), strict=True)
        ]

    def full_precision(self, parameters: Tensor) -> Tensor:
        """Parameters as the head takes them: never in half precision."""
        return parameters if parameters.dtype == self.value.dtype else parameters.to(self.value.dtype)
