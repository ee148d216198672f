"""Choosers: the value of a coefficient as a function of its conditional distribution and noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.distributions import Distribution

from tensorar.errors import SpecError
from tensorar.generation.truncation import MAX_VALUES, masses_of, tempered, truncated
from tensorar.head import Head
from tensorar.noise import draw_from, noise_size, ordinal

Choose = Callable[[Tensor, Tensor, Tensor], Tensor]
# values, log-probabilities, probabilities, their order, and masks
BUFFERS_PER_VALUE = 8


@dataclass(frozen=True)
class Chooser:
    """Draws values from the model's conditionals, or from sharpened and truncated ones.

    ``temperature`` below 1 sharpens every conditional, above 1 flattens it. Discrete heads may draw from the ``top_k``
    most likely values only, and from the fewest that together have the probability ``top_p``; ``top_k=1`` is the most
    likely value. Such samples do not follow the model's distribution.

    Raises ``SpecError`` for options out of range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.temperature < math.inf:
            raise SpecError(
                expected="`temperature` > 0", got=str(self.temperature), remedy="use top_k=1 for the most likely value"
            )
        if self.top_k is not None and self.top_k < 1:
            raise SpecError(expected="`top_k` >= 1", got=str(self.top_k), remedy="use 1 for the most likely value")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise SpecError(expected="0 < `top_p` <= 1", got=str(self.top_p), remedy="use a probability such as 0.9")

    @property
    def is_exact(self) -> bool:
        """Whether values are drawn from the model's own conditionals."""
        return self.temperature == 1 and self.top_k is None and self.top_p in (None, 1)

    def __str__(self) -> str:
        options = {"temperature": self.temperature, "top_k": self.top_k, "top_p": self.top_p}
        changed = {name: value for name, value in options.items() if value not in (None, 1.0) or name == "top_k"}
        return ", ".join(f"{name}={value:g}" for name, value in changed.items() if value is not None)

    def noise_size(self, head: Head) -> int:
        """The number of uniform numbers per value. Raises ``SpecError`` if the head does not support these options."""
        if self.is_exact:
            return head.noise_size
        if len(head.members) > 1:
            return max(map(self.noise_size, head.members))
        if head.support.is_discrete:
            return 1
        untrained = self._sharpened(head, torch.zeros(head.parameter_count), torch.zeros((), dtype=torch.long))
        size = noise_size(untrained)
        if size is None:
            raise SpecError(
                expected="a tempered distribution that tensorar.noise can draw from",
                got=type(untrained).__name__,
                remedy="use temperature=1.0, or register it with tensorar.noise.noise_size and draw_from",
            )
        return size

    def numbers_per_value(self, head: Head) -> int:
        """An estimate of the numbers held per example while a value is chosen."""
        if len(head.members) > 1:
            return max(map(self.numbers_per_value, head.members))
        if self.is_exact or not head.support.is_discrete:
            return 0
        levels = getattr(head.support, "upper_bound", MAX_VALUES if hasattr(head.support, "lower_bound") else 1)
        return BUFFERS_PER_VALUE * (int(levels) + 1)

    def bind(self, head: Head) -> Choose:
        """The function of ``parameters (*batch, P)``, ``noise (*batch, k)`` and ``coefficients`` that gives values.

        Shapes: ``coefficients`` are flat indices that broadcast to ``(*batch)``; values ``(*batch)``.
        """
        if self.is_exact:
            return head.draw
        if len(head.members) > 1:
            return self._choose_by_member(head)
        return self._choose_discrete(head) if head.support.is_discrete else self._choose_continuous(head)

    def _choose_by_member(self, head: Head) -> Choose:
        choose = [self.bind(member) for member in head.members]

        def choose_each(
            parameters: Float[Tensor, "*batch parameters"],
            noise: Float[Tensor, "*batch noise"],
            coefficients: Int[Tensor, "..."],
        ) -> Float[Tensor, "*batch"]:
            return head.by_member(choose, parameters, noise, coefficients)

        return choose_each

    def _choose_discrete(self, head: Head) -> Choose:
        def choose(
            parameters: Float[Tensor, "*batch parameters"],
            noise: Float[Tensor, "*batch noise"],
            coefficients: Int[Tensor, "..."],
        ) -> Float[Tensor, "*batch"]:
            masses = masses_of(head.distribution(parameters, coefficients), head.support, self.temperature)
            probabilities = truncated(masses, self.temperature, self.top_k, self.top_p)
            # rounding must not lead beyond the last value that is kept
            last = probabilities.shape[-1] - 1 - (probabilities > 0).flip(-1).int().argmax(-1)
            place = ordinal(probabilities, noise[..., 0]).minimum(last)
            values = masses.values.expand(probabilities.shape).gather(-1, place.unsqueeze(-1))
            return values.squeeze(-1).to(noise.dtype)

        return choose

    def _choose_continuous(self, head: Head) -> Choose:
        def choose(
            parameters: Float[Tensor, "*batch parameters"],
            noise: Float[Tensor, "*batch noise"],
            coefficients: Int[Tensor, "..."],
        ) -> Float[Tensor, "*batch"]:
            return draw_from(self._sharpened(head, parameters, coefficients), noise)

        return choose

    def _sharpened(self, head: Head, parameters: Tensor, coefficients: Tensor) -> Distribution:
        if self.top_k is not None or self.top_p not in (None, 1):
            raise SpecError(
                expected="a head of discrete values, for `top_k` and `top_p`",
                got=f"{head.name!r}, whose values are real numbers",
                remedy="use `temperature` instead",
            )
        return tempered(head.distribution(parameters, coefficients), self.temperature)
