"""Sequences of two slopes, whose likelihood is known exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float64, Int, Real
from torch import Tensor
from torch.distributions import Categorical

from tensorar import Dataset, Evidence, ShapeError, SpecError, Splits, SupportError
from tensorar_plugins.datasets.seeded_streams import stream
from tensorar_plugins.datasets.toy_likelihood import Interval

SPLIT_SIZES = {"train": 10_000, "valid": 2_000, "test": 10_000}
# examples x cuts x coefficients in one chunk of the exact likelihood; bounds memory
MAX_ELEMENTS_PER_CALL = 2**22


@dataclass(frozen=True, kw_only=True)
class Toy(Dataset):
    """Sequences of length T in 0 .. 2T-1 made of two straight parts of random slope; log-likelihoods are exact.

    Every sequence starts at ``x[0] = T``. A part that starts at index ``s`` has ``x[s + k] = floor(T + slope k)``, with
    its slope uniform in [-1, 1]. The second part starts at a cut uniform in ``0 .. T-1``; if that is 0, there is no
    first part. (A cut uniform in ``1 .. T``, where ``T`` leaves no second part, gives the same distribution.)

    The likelihood: given the cut, ``x[s + k] = v`` restricts the slope of the part to ``(v - T) / k <= slope <
    (v - T + 1) / k``. The probability of a part is half the length of the intersection of its intervals, and ``p(x)``
    is the mean over the cuts of the product of the two. The entropy, summed over all 357,502 sequences of length 32, is
    11.9537 nats.

    >>> toy = Toy(length=3)
    >>> toy.log_prob(torch.tensor([[3, 3, 3], [3, 3, 6]])).exp()
    tensor([0.4167, 0.0000], dtype=torch.float64)

    Options:
        length: Length T of the sequences, which have 2T levels.
        seed: Seed of the training, validation and test sequences.
        fixed: Number of sequences in a fixed training set (none: every training batch is newly generated).
    """

    name = "toy"
    length: int = 32
    seed: int = 0
    fixed: int | None = None

    def __post_init__(self) -> None:
        for option, value in (("length", self.length), ("fixed", self.fixed)):
            if value is not None and value < 1:
                raise SpecError(
                    expected=f"{option} of {self.name} to be positive", got=str(value), remedy="set it to 1 or more"
                )

    def load(self) -> Splits:
        sizes = {**SPLIT_SIZES, "train": self.fixed or SPLIT_SIZES["train"]}
        return Splits(**{name: self._simulate(n, stream(self.seed, f"toy {name}")) for name, n in sizes.items()})

    @property
    def suggested_head(self) -> str:
        # the highest values are too rare to occur in every sample
        return f"categorical:levels={2 * self.length},one_hot=true"

    def simulate(self, n: int, generator: torch.Generator) -> Int[Tensor, "n length"] | None:
        return None if self.fixed else self._simulate(n, generator)

    def log_prob(self, x: Real[Tensor, "batch *event"]) -> Float64[Tensor, " batch"]:
        """The exact log-likelihood in nats, in float64 on the CPU; minus infinity for impossible sequences.

        Raises ``ShapeError`` for sequences of another length.
        """
        self._check_shape(x.shape[1:])
        x = x.detach().cpu().double()
        known = torch.ones_like(x, dtype=torch.bool)
        p = [(first.probability() * second.probability()).mean(1) for first, second in self._slopes(x, known)]
        # the intervals of slopes also admit values between the integers
        return torch.where((x == x.floor()).all(1), torch.cat(p).log(), -torch.inf)

    def conditional(self, evidence: Evidence) -> Categorical:
        """The exact distribution of the first unknown coefficient over its ``2T`` values, in float64 on the CPU.

        Raises ``ShapeError`` unless the known coefficients are the beginning of a sequence and at least one is unknown,
        and ``SupportError`` if the evidence has probability 0.
        """
        mask, x = evidence.mask.cpu(), evidence.value.detach().cpu().double()
        self._check_shape(mask.shape[1:])
        first_unknown = self._first_unknown(mask)
        chunks = zip(self._slopes(x, mask), first_unknown.split(self._chunk_size), strict=True)
        joint = torch.cat([self._with_next(first, second, t) for (first, second), t in chunks])
        if not bool((joint.sum(1) > 0).all()) or not bool((x == x.floor()).all()):
            raise SupportError(
                expected=f"the beginning of a possible sequence of {self.name} (x[0] = {self.length})",
                got="evidence of probability 0",
                remedy="observe values that the dataset can generate",
            )
        return Categorical(probs=joint)

    def _simulate(self, n: int, generator: torch.Generator) -> Int[Tensor, "n length"]:
        cut = torch.randint(self.length, (n, 1), generator=generator)
        slopes = 2 * torch.rand(n, 2, generator=generator, dtype=torch.float64) - 1
        second = torch.arange(self.length) >= cut
        slope = slopes.gather(1, second.long())
        return self.length + (slope * (torch.arange(self.length) - cut * second)).floor().long()

    @cached_property
    def _in_second(self) -> Bool[Tensor, "cuts length"]:
        """Whether a coefficient is in the second part, for each cut."""
        return torch.arange(self.length) >= torch.arange(self.length)[:, None]

    @cached_property
    def _steps(self) -> Float64[Tensor, "cuts length"]:
        """The distance of a coefficient from the start of its part, for each cut."""
        return (torch.arange(self.length) - torch.arange(self.length)[:, None] * self._in_second).double()

    @property
    def _chunk_size(self) -> int:
        return max(1, MAX_ELEMENTS_PER_CALL // self.length**2)

    def _slopes(
        self, x: Float64[Tensor, "batch length"], known: Bool[Tensor, "batch length"]
    ) -> Iterator[tuple[Interval, Interval]]:
        """The possible slopes of the two parts given the known values, ``(examples, cuts)`` each, chunk by chunk."""
        for value, mask in zip(x.split(self._chunk_size), known.split(self._chunk_size), strict=True):
            slopes = Interval.from_rise(value[:, None] - self.length, self._steps)  # (examples, cuts, length)
            first, second = mask[:, None] & ~self._in_second, mask[:, None] & self._in_second
            yield slopes.where(first).intersect_along(-1), slopes.where(second).intersect_along(-1)

    def _with_next(
        self, first: Interval, second: Interval, t: Int[Tensor, " examples"]
    ) -> Float64[Tensor, "examples values"]:
        """The joint probability of the evidence and each value of the next coefficient, whose index is ``t``."""
        values = torch.arange(2 * self.length, dtype=torch.float64) - self.length
        slopes = Interval.from_rise(values, self._steps.T[t].unsqueeze(-1))  # (examples, cuts, values)
        in_second = self._in_second.T[t].unsqueeze(-1)
        in_first_part = slopes.where(~in_second).intersect(first.unsqueeze(-1))
        in_second_part = slopes.where(in_second).intersect(second.unsqueeze(-1))
        return (in_first_part.probability() * in_second_part.probability()).mean(1)

    def _first_unknown(self, mask: Bool[Tensor, "batch length"]) -> Int[Tensor, " batch"]:
        count = mask.sum(1)
        if not bool((mask == (torch.arange(self.length) < count[:, None])).all()):
            raise ShapeError(
                expected="evidence that is the beginning of a sequence",
                got="a known coefficient after an unknown one",
                remedy="observe coefficients without a gap, starting at x[0]",
            )
        if bool((count == self.length).any()):
            raise ShapeError(
                expected="at least one unknown coefficient",
                got="a complete event",
                remedy="set a mask entry to False",
            )
        return count

    def _check_shape(self, shape: torch.Size) -> None:
        if tuple(shape) != (self.length,):
            raise ShapeError(
                expected=f"sequences of shape ({self.length},)",
                got=f"{tuple(shape)}",
                remedy=f"set length of {self.name}",
            )
