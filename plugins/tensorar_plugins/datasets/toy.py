"""Sequences of two slopes, whose likelihood is known exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch.distributions import Categorical

from tensorar import Dataset, ShapeError, SpecError, Splits, SupportError
from tensorar_plugins.datasets.seeded_streams import stream
from tensorar_plugins.datasets.toy_likelihood import Interval

SIZES = {"train": 10_000, "valid": 2_000, "test": 10_000}
# what bounds the memory of the exact likelihood: examples x cuts x coefficients at once
MOST_AT_ONCE = 2**22


@dataclass(frozen=True, kw_only=True)
class Toy(Dataset):
    """Sequences of length T in 0 .. 2T-1 made of two straight parts of random slope; log-likelihoods are exact.

    Every sequence starts at ``x[0] = T``. A part that starts at index ``s`` has ``x[s + k] = floor(T + slope k)``, its
    slope uniform in [-1, 1]. Counting positions from 1, the second part starts at a cut uniform in ``1 .. T``: its
    index ``s`` is uniform in ``0 .. T-1``, and at ``s = 0`` there is no first part. (Cutting at an index uniform in
    ``1 .. T``, where ``T`` leaves no second part, gives the very same distribution.)

    The likelihood: given the cut, ``x[s + k] = v`` confines the part's slope to ``(v - T) / k <= slope <
    (v - T + 1) / k``, so a part has half the length of its intersected intervals as probability, and ``p(x)`` is the
    mean over the cuts of the product of the two. The entropy, summed over all 357,502 sequences of length 32, is
    11.9537 nats.

    >>> toy = Toy(length=3)
    >>> toy.log_prob(torch.tensor([[3, 3, 3], [3, 3, 6]])).exp()
    tensor([0.4167, 0.0000], dtype=torch.float64)
    """

    name = "toy"
    length: int = 32
    seed: int = 0
    fixed: int | None = None

    def __post_init__(self):
        for option, value in (("length", self.length), ("fixed", self.fixed)):
            if value is not None and value < 1:
                raise SpecError(
                    expected=f"{self.name}'s {option} to be positive", got=str(value), remedy="give 1 or more"
                )

    def load(self):
        sizes = {**SIZES, "train": self.fixed or SIZES["train"]}
        return Splits(**{part: self._draw(n, stream(self.seed, f"toy {part}")) for part, n in sizes.items()})

    @property
    def suggested_head(self):
        # the highest values are too rare to be seen in every sample
        return f"categorical:levels={2 * self.length}"

    def simulate(self, n, generator):
        return None if self.fixed else self._draw(n, generator)

    def log_prob(self, x):
        """Exact, in float64 on the CPU; minus infinity for what cannot happen. Raises ``ShapeError``."""
        self._check_shape(x.shape[1:])
        x = x.detach().cpu().double()
        known = torch.ones_like(x, dtype=torch.bool)
        likely = [(first.length() * second.length()).mean(1) for first, second in self._slopes(x, known)]
        # a part's intervals of slopes would also take numbers between the integers
        return torch.where((x == x.floor()).all(1), torch.cat(likely).log(), -torch.inf)

    def conditional(self, evidence):
        """Over the ``2T`` values of the first unknown coefficient, in float64 on the CPU.

        Raises ``ShapeError`` where what is known is not the start of a sequence with something left unknown, and
        ``SupportError`` where it cannot happen.
        """
        mask, x = evidence.mask.cpu(), evidence.value.detach().cpu().double()
        self._check_shape(mask.shape[1:])
        rank = self._next(mask)
        chunks = zip(self._slopes(x, mask), rank.split(self._rows), strict=True)
        joint = torch.cat([self._with_next(first, second, at) for (first, second), at in chunks])
        if not bool((joint.sum(1) > 0).all()) or not bool((x == x.floor()).all()):
            raise SupportError(
                expected=f"the start of a sequence that {self.name} can make (x[0] = {self.length})",
                got="one of probability 0",
                remedy="observe what the dataset could have drawn",
            )
        return Categorical(probs=joint)

    def _draw(self, n, generator):
        cut = torch.randint(self.length, (n, 1), generator=generator)
        slopes = 2 * torch.rand(n, 2, generator=generator, dtype=torch.float64) - 1
        second = torch.arange(self.length) >= cut
        slope = slopes.gather(1, second.long())
        return self.length + (slope * (torch.arange(self.length) - cut * second)).floor().long()

    @cached_property
    def _second(self):
        """Whether a coefficient is in the second part, by cut: ``(T, T)``."""
        return torch.arange(self.length) >= torch.arange(self.length)[:, None]

    @cached_property
    def _steps(self):
        """How far a coefficient is from the start of its part, by cut: ``(T, T)``."""
        return (torch.arange(self.length) - torch.arange(self.length)[:, None] * self._second).double()

    @property
    def _rows(self):
        return max(1, MOST_AT_ONCE // self.length**2)

    def _slopes(self, x, known) -> Iterator[tuple[Interval, Interval]]:
        """The slopes that each part may have, ``(rows, cuts)``, for some rows at a time."""
        for value, seen in zip(x.split(self._rows), known.split(self._rows), strict=True):
            allowed = Interval.of(value[:, None] - self.length, self._steps)
            yield tuple(allowed.where(seen[:, None] & part).intersect(-1) for part in (~self._second, self._second))

    def _with_next(self, first, second, at):
        """The probability of what is known together with each value of the next coefficient: ``(rows, 2T)``."""
        values = torch.arange(2 * self.length, dtype=torch.float64) - self.length
        allowed = Interval.of(values, self._steps.T[at].unsqueeze(-1))
        in_second = self._second.T[at].unsqueeze(-1)
        earlier = allowed.where(~in_second).within(first.unsqueeze(-1))
        later = allowed.where(in_second).within(second.unsqueeze(-1))
        return (earlier.length() * later.length()).mean(1)

    def _next(self, mask):
        count = mask.sum(1)
        if not bool((mask == (torch.arange(self.length) < count[:, None])).all()):
            raise ShapeError(
                expected="evidence that is the start of a sequence",
                got="a gap",
                remedy="observe coefficients from x[0] on",
            )
        if bool((count == self.length).any()):
            raise ShapeError(
                expected="evidence with something left unknown", got="a complete event", remedy="hide a coefficient"
            )
        return count

    def _check_shape(self, shape):
        if tuple(shape) != (self.length,):
            raise ShapeError(
                expected=f"sequences of shape ({self.length},)",
                got=f"{tuple(shape)}",
                remedy=f"set {self.name}'s length",
            )
