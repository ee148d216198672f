"""Heads: from the numbers that a backbone gives for a coefficient to the distribution of that coefficient."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Bool, Float, Int, Real
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.distributions.constraints import Constraint

from tensorar.errors import SupportError
from tensorar.noise import draw_from, noise_size
from tensorar.parts.part import Part


class Head(Part, ABC):
    """Says how many numbers describe a coefficient's distribution, which distribution, and how a value looks to a net.

    ``parameter_count``: numbers per coefficient that the backbone gives. ``feature_count``: numbers per coefficient
    that a network sees. ``support``: the values that have a probability.
    """

    parameter_count: int
    feature_count: int
    support: Constraint

    @abstractmethod
    def encode(self, value: Float[Tensor, "*coefficients"]) -> Float[Tensor, "*coefficients features"]:
        """How values are shown to a network: ``(...) -> (..., feature_count)``, of about unit size."""

    @abstractmethod
    def distribution(
        self,
        parameters: Float[Tensor, "*coefficients parameters"],
        coefficients: Int[Tensor, "..."] | None = None,
    ) -> Distribution:
        """The distribution over ``(...)`` given ``(..., parameter_count)``.

        ``coefficients`` holds the flat indices of the coefficients, broadcastable to ``(...)``, for a head that
        differs between them.
        """

    @cached_property
    def noise_size(self) -> int | None:
        """How many uniform numbers make one draw, or None where the head draws by rejection."""
        return noise_size(self.distribution(torch.zeros(self.parameter_count), torch.zeros((), dtype=torch.long)))

    def draw(
        self,
        parameters: Float[Tensor, "*coefficients parameters"],
        noise: Float[Tensor, "*coefficients noise"],
        coefficients: Int[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "*coefficients"]:
        """Values as a function of ``noise_size`` numbers each, uniform in (0, 1): the same noise, the same values.

        By default of the distribution's inverse CDF, or what comes nearest to it (``tensorar.noise``).
        """
        return draw_from(self.distribution(parameters, coefficients), noise)

    @classmethod
    def options_for(cls, values: Tensor) -> dict[str, Any] | None:
        """The options with which this head takes such data, or None where it does not. Used for suggestions."""
        return None

    def marginal_parameters(self, values: Real[Tensor, "n *event"]) -> Float[Tensor, "*event parameters"] | None:
        """The parameters of each coefficient's distribution when nothing else is seen, where they are easily had.

        Training begins there: a backbone need not learn first what a count of the data tells.
        """
        return None

    def check(
        self,
        values: Real[Tensor, "batch *event"],
        *,
        known: Bool[Tensor, "batch *event"] | None = None,
        what: str = "the data",
        suggestion: str = "",
        dtype: torch.dtype | None = None,
    ) -> None:
        """Raise ``SupportError`` when a value (one that is ``known``) has no probability under this head, or is NaN.

        ``suggestion`` says what to do instead (``suggest_heads`` finds it among the installed heads), ``dtype`` what a
        model will round the values to before it sees them.
        """
        known = torch.ones_like(values, dtype=torch.bool) if known is None else known
        for rows, looked_at in zip(values.split(1024), known.split(1024), strict=True):
            rows = rows if rows.is_floating_point() else rows.to(torch.get_default_dtype())
            seen = rows if dtype is None else rows.to(dtype)
            bad = ~self._takes(seen) & looked_at
            if bad.any():
                raise SupportError(
                    expected=f"values that the head {self.name!r} takes ({describe_support(self.support)})",
                    got=f"{self._told(rows[bad][0], seen[bad][0])} in {what}",
                    remedy=suggestion or "choose a head or a dataset option that fits the values",
                )

    def _takes(self, values: Tensor) -> Tensor:
        inside: Tensor = self.support.check(values)
        return inside & values.isfinite()

    def _told(self, value: Tensor, seen: Tensor) -> str:
        """A bad value in words, as it is written where only rounding made it bad."""
        rounded = f"{seen.item():g}"
        return f"{value.item()}, rounded to {rounded}," if bool(self._takes(value)) else rounded


def seen_dtype() -> torch.dtype:
    """The dtype in which a new model sees its values: torch's default, but never half precision."""
    return torch.promote_types(torch.get_default_dtype(), torch.float32)


def describe_support(support: Constraint) -> str:
    """A constraint in words.

    >>> describe_support(torch.distributions.constraints.boolean)
    '0 or 1'
    >>> describe_support(torch.distributions.constraints.positive)
    'real numbers above 0'
    """
    bounds = [getattr(support, name, None) for name in ("lower_bound", "upper_bound")]
    if support is constraints.boolean:
        return "0 or 1"
    kind = "integers" if support.is_discrete else "real numbers"
    if bounds[0] is None:
        return kind
    included = bool(support.check(torch.tensor(float(bounds[0]))))
    if bounds[1] is None:
        return f"{kind} from {bounds[0]:g} on" if included else f"{kind} above {bounds[0]:g}"
    between = f"from {bounds[0]:g} to" if included else f"strictly between {bounds[0]:g} and"
    return f"{kind} {between} {bounds[1]:g}"


def suggested_specs(heads: Sequence[type[Head]], values: Tensor) -> list[tuple[str, dict[str, Any]]]:
    """The heads that take such data, in the order given, each with the options it needs."""
    # what a head would refuse once it is rounded is not to be suggested
    values = values.to(seen_dtype()) if values.is_floating_point() else values
    offers = [(head.name, head.options_for(values)) for head in heads]
    return [(name, options) for name, options in offers if options is not None]
