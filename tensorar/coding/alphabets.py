"""The values of a coefficient as symbols with probabilities: the one place where distributions become tables."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

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
# beyond so many entries in one of two tables, three cost less: a mixture holds each entry for each component
ENTRIES_OF_TWO = 2048
# far out in a tail, where a group may have a probability of 0; less than the coder resolves
SMALLEST_MASS = 1e-30
# of the log odds that a bit is 1, in those that it is 0 and that it is 1
SIGNS = torch.tensor([-1.0, 1.0], dtype=torch.float64)


class LevelAlphabet(Alphabet):
    """All values of a finite support, in ascending order."""

    def __init__(self, levels: Float64[Tensor, " levels"]) -> None:
        self.lowest, self.levels = int(levels[0]), levels
        self.rows = max(1, MAX_TABLE_ENTRIES // len(levels))

    def code(
        self, stream: SymbolStream, distribution: Distribution, values: Int64[np.ndarray, " n"] | None
    ) -> Int[np.ndarray, " n"]:
        """Code levels."""
        symbols = values - self.lowest if values is not None and self.lowest else values
        found = self._code_symbols(stream, distribution, symbols)
        return found + self.lowest if self.lowest else found

    def likeliest(self, distribution: Distribution) -> Int[np.ndarray, " n"]:
        """The mode."""
        modes: Int[np.ndarray, " n"] = level_probabilities(distribution, self.levels).argmax(-1)
        return modes + self.lowest

    def _code_symbols(
        self, stream: SymbolStream, distribution: Distribution, symbols: Int64[np.ndarray, " n"] | None
    ) -> Int[np.ndarray, " n"]:
        """Code levels by their number among all."""
        return stream.code(symbols, level_probabilities(distribution, self.levels))


class DigitAlphabet(LevelAlphabet):
    """Many levels of a distribution with a CDF, by digits: first a group of neighbours, then the level among them.

    Short tables take the place of a long one. The CDF is computed at the ends of groups where it is not known yet.
    The first group is the lowest level alone: coefficients that have it in all examples, such as the border of images,
    need no other digit.
    """

    def __init__(self, levels: Float64[Tensor, " levels"]) -> None:
        super().__init__(levels)
        self._two, self._three = Digits.of(levels, 2), Digits.of(levels, 3)

    def laid_out(self, parameters: Float64[Tensor, "n parameters"]) -> Float64[Tensor, "n parameters"]:
        """By parameter, not by example: mixtures have few components of many examples."""
        return _by_column(parameters)

    def _code_symbols(
        self, stream: SymbolStream, distribution: Distribution, symbols: Int64[np.ndarray, " n"] | None
    ) -> Int64[np.ndarray, " n"]:
        (n,), cdf = distribution.batch_shape, _cdf_of(distribution)
        digits = self._two if n * self._two.base <= ENTRIES_OF_TWO else self._three
        rest, columns = None if symbols is None else symbols + digits.shift, np.arange(n)
        start, below, upto = np.full(n, -float(digits.shift)), np.zeros(n), np.ones(n)
        for stride, ends in zip(digits.strides, digits.ends, strict=True):
            first = stride == digits.strides[0]
            # the ends of the first digit are the same for all examples
            inner = cdf(ends if first else ends + torch.from_numpy(start)).numpy()
            cumulative = np.concatenate((below[None], inner, upto[None]))
            digit = stream.code(None if rest is None else rest // stride, _masses(cumulative))
            if first and not digit.any():
                return np.zeros(n, np.int64)
            start += float(stride) * digit
            if stride > 1:
                rest = None if rest is None else rest - stride * digit
                end = n * digit + columns
                below, upto = cumulative.take(end), cumulative.take(end + n)
        return start.astype(np.int64)


@dataclass(frozen=True)
class Digits:
    """How levels are written as digits, once ``shift`` is added to their numbers.

    ``strides`` tell for each digit how many levels one of it is worth, ``ends`` the last level of each but the last of
    its groups, counted from where the digit starts (of the first: from level 0). All digits have the same base, because
    streams write tables together that have the same width.
    """

    base: int
    shift: int
    strides: list[int]
    ends: list[Float64[Tensor, "ends 1"]]

    @classmethod
    def of(cls, levels: Float64[Tensor, " levels"], count: int) -> Digits:
        """The smallest base for so many digits."""
        base = next(base for base in itertools.count(2) if len(levels) + base ** (count - 1) - 1 <= base**count)
        strides = [base**place for place in reversed(range(count))]
        counts = torch.arange(1, base, dtype=torch.float64).unsqueeze(1)
        ends = [stride * counts + (levels[0] - 1) for stride in strides]
        # the first digit starts at the same level in all examples
        return cls(base, strides[0] - 1, strides, [ends[0] - (strides[0] - 1), *ends[1:]])


def _by_column(numbers: Float64[Tensor, "n m"]) -> Float64[Tensor, "n m"]:
    return numbers.T.contiguous().T


def _cdf_of(distribution: Distribution) -> Callable[[Tensor], Float64[Tensor, "ends n"]]:
    """The CDF; that of a mixture with its weights in the memory layout of its components."""
    if not isinstance(distribution, MixtureSameFamily):
        return distribution.cdf
    weights, component = _by_column(distribution.mixture_distribution.logits).exp(), distribution.component_distribution
    return lambda ends: (component.cdf(ends.unsqueeze(-1)) * weights).sum(-1)


def _masses(cumulative: Float64[np.ndarray, "ends n"]) -> Float64[np.ndarray, "n masses"]:
    """The probabilities between ascending ends; numpy's calls take less time for so few numbers."""
    masses = np.empty((cumulative.shape[1], len(cumulative) - 1))
    np.subtract(cumulative[1:].T, cumulative[:-1].T, out=masses)
    return np.maximum(masses, SMALLEST_MASS, out=masses)


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
        by_digits = len(levels) >= MANY_LEVELS and has_cdf(_any_distribution(head))
        return (DigitAlphabet if by_digits else LevelAlphabet)(levels)
    if low is None or high is not None:
        raise SpecError(
            expected=f"a head with at most {MAX_LEVELS} values, or with counts from a lowest one, to code them",
            got=f"{head.name!r} ({head.describe_values()})",
            remedy="use fewer levels",
        )
    return CountAlphabet(int(low))


def _any_distribution(head: Head) -> Distribution:
    zeros = torch.zeros(1, head.parameter_count, dtype=torch.float64)
    return head.distribution(zeros, torch.zeros(1, dtype=torch.long))
