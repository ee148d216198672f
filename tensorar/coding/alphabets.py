"""The values of a coefficient as symbols with probabilities: the one place where distributions become tables."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float64, Int, Int64
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, MixtureSameFamily

from tensorar.coding.alphabet import Alphabet
from tensorar.coding.counts import CountAlphabet
from tensorar.coding.streams import SymbolStream
from tensorar.errors import SpecError
from tensorar.head import Head
from tensorar.support import MAX_LEVELS, bounds, support_values

# bounds memory; mixtures hold a table for each component
MAX_TABLE_ENTRIES = 2**20
# from so many levels on, two short tables cost less than one long
MANY_LEVELS = 64
# far out in a tail, where a group may have a probability of 0; less than the coder resolves
SMALLEST_MASS = 1e-30
# of the log odds that a bit is 1, in those that it is 0 and that it is 1
SIGNS = torch.tensor([-1.0, 1.0], dtype=torch.float64)


class LevelAlphabet(Alphabet):
    """All values of a finite support, in ascending order.

    Of many levels, a group of neighbours is coded first, and then the level among them, if the distribution has a CDF:
    two short tables then take the place of a long one.
    """

    def __init__(self, levels: Float64[Tensor, " levels"]) -> None:
        self.lowest, self.levels = int(levels[0]), levels
        self.rows = max(1, MAX_TABLE_ENTRIES // len(levels))
        # as many levels in a group as there are groups, or more
        self._size = math.isqrt(len(levels) - 1) + 1
        ends = levels[0] - 1 + self._size * torch.arange(self._size + 1, dtype=torch.float64)
        self._ends = ends.clamp(max=float(levels[-1])).unsqueeze(1)
        self._group = torch.arange(-1, self._size, dtype=torch.float64).unsqueeze(1)

    def code(
        self, stream: SymbolStream, distribution: Distribution, values: Int64[np.ndarray, " n"] | None
    ) -> Int[np.ndarray, " n"]:
        """Code levels."""
        symbols = values - self.lowest if values is not None and self.lowest else values
        if len(self.levels) >= MANY_LEVELS and has_cdf(distribution):
            found = self._code_in_groups(stream, distribution, symbols)
        else:
            found = stream.code(symbols, level_probabilities(distribution, self.levels))
        return found + self.lowest if self.lowest else found

    def likeliest(self, distribution: Distribution) -> Int[np.ndarray, " n"]:
        """The mode."""
        modes: Int[np.ndarray, " n"] = level_probabilities(distribution, self.levels).argmax(-1)
        return modes + self.lowest

    def _code_in_groups(
        self, stream: SymbolStream, distribution: Distribution, symbols: Int64[np.ndarray, " n"] | None
    ) -> Int64[np.ndarray, " n"]:
        group = stream.code(None if symbols is None else symbols // self._size, self._of_groups(distribution))
        start = self._size * group.astype(np.int64)
        within = self._within_groups(distribution, start)
        levels: Int64[np.ndarray, " n"] = start + stream.code(None if symbols is None else symbols - start, within)
        return levels

    def _of_groups(self, distribution: Distribution) -> Float64[np.ndarray, "n size"]:
        """The probability of each group; as many groups as a group has levels, of which the last may be empty."""
        return _masses(distribution, self._ends)

    def _within_groups(
        self, distribution: Distribution, start: Int64[np.ndarray, " n"]
    ) -> Float64[np.ndarray, "n size"]:
        """The probability of each level from the start of a group, given the group."""
        masses = _masses(distribution, self._group + torch.from_numpy(start + self.lowest))
        masses /= masses.sum(1, keepdims=True)
        return masses


def _masses(distribution: Distribution, ends: Float64[Tensor, "ends _"]) -> Float64[np.ndarray, "n masses"]:
    """The probabilities between ascending ends, in numpy, whose calls take less time for so few numbers."""
    cumulative = distribution.cdf(ends).numpy().T
    masses: Float64[np.ndarray, "n masses"] = np.maximum(
        cumulative[:, 1:] - cumulative[:, :-1], SMALLEST_MASS, order="C"
    )
    return masses


def has_cdf(distribution: Distribution) -> bool:
    """Whether a distribution has a CDF."""
    one = distribution.component_distribution if isinstance(distribution, MixtureSameFamily) else distribution
    return type(one).cdf is not Distribution.cdf


def level_probabilities(
    distribution: Distribution, levels: Float64[Tensor, " levels"]
) -> Float64[np.ndarray, "n levels"]:
    """The probability of each level."""
    if isinstance(distribution, Bernoulli):
        # as few calls as possible: small networks take hardly longer for a step
        return torch.outer(distribution.logits, SIGNS).sigmoid().numpy()
    if isinstance(distribution, Categorical):
        return distribution.logits.exp().numpy()
    return distribution.log_prob(levels.unsqueeze(-1)).exp().double().T.contiguous().numpy()


def alphabet_of(head: Head) -> Alphabet:
    """The alphabet of a head for one kind of coefficients. Raises ``SpecError`` if it cannot be coded."""
    if not head.support.is_discrete:
        raise SpecError(
            expected="a head over whole numbers, whose values have probabilities, to code them",
            got=f"{head.name!r}, whose values are real numbers ({head.describe_values()})",
            remedy="quantise the data, and train with a head such as categorical:values=auto or "
            "logistic_mixture:levels=auto",
        )
    levels, (low, high) = support_values(head), bounds(head)
    if levels is not None:
        return LevelAlphabet(levels)
    if low is None or high is not None:
        raise SpecError(
            expected=f"a head with at most {MAX_LEVELS} values, or with counts from a lowest one, to code them",
            got=f"{head.name!r} ({head.describe_values()})",
            remedy="use fewer levels",
        )
    return CountAlphabet(int(low))
