"""Numbers of one coefficient whose distribution is known: a discretized normal, or a mixture of two."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float64, Int, Real
from torch import Tensor
from torch.distributions import Categorical, Normal

from tensorar import Dataset, Evidence, ShapeError, Splits
from tensorar_plugins.datasets.ranges import require_choice
from tensorar_plugins.datasets.seeded_streams import stream


@dataclass(frozen=True)
class Source:
    """Normals of equal weights by mean and standard deviation, and the numbers of levels and of values."""

    normals: tuple[tuple[float, float], ...]
    levels: int
    train: int
    test: int


SOURCES = {1: Source(((0.4, 0.1),), 20, 800, 200), 2: Source(((0.3, 0.1), (0.8, 0.05)), 100, 8000, 2000)}
VALID = 2000


@dataclass(frozen=True, kw_only=True)
class Mixture1d(Dataset):
    """One coefficient in 100 levels, a mixture of two normals; log-likelihoods are exact.

    The values of Berkeley's CS294-158 (homework 1, question 1): with ``seed=0`` training and test values are those of
    the course, and validation values are drawn from the same distribution. A draw ``z`` from one of the normals, cut
    off at 0 and 1, becomes the number of edges ``k / (levels - 1)`` that are at most ``z``, at most ``levels - 1``.

    >>> mixture = Mixture1d()
    >>> mixture.log_prob(torch.tensor([[30], [80]])).exp()
    tensor([0.0201, 0.0402], dtype=torch.float64)

    Options:
        components: 2 for equal parts of normals of means 0.3 and 0.8 and standard deviations 0.1 and 0.05; 1 for a
            simpler one, 1000 values of one normal (0.4, 0.1) in 20 levels.
        seed: Seed of the training, validation and test values.
    """

    name = "mixture1d"
    components: Literal[2, 1] = 2
    seed: int = 0

    def __post_init__(self) -> None:
        require_choice(self.name, "components", self.components, tuple(SOURCES))

    def load(self) -> Splits:
        values = self._course_values()
        valid = self.probabilities.multinomial(VALID, True, generator=stream(self.seed, "mixture1d valid"))
        return Splits(values[: self._source.train], valid[:, None], values[self._source.train :])

    @property
    def suggested_head(self) -> str:
        # the extreme levels are too rare to occur in every sample
        return f"categorical:levels={self._source.levels}"

    @property
    def _source(self) -> Source:
        return SOURCES[self.components]

    @cached_property
    def probabilities(self) -> Float64[Tensor, " levels"]:
        """The exact probability of each level, 0 for level 0."""
        levels = self._source.levels
        edges = torch.arange(1, levels - 1, dtype=torch.float64) / (levels - 1)
        below = torch.stack([Normal(*normal).cdf(edges) for normal in self._source.normals]).mean(0)
        zero, one = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
        return torch.cat([zero, torch.cat([zero, below, one]).diff()])

    def log_prob(self, x: Real[Tensor, "batch *event"]) -> Float64[Tensor, " batch"]:
        """The exact log-likelihood in nats, in float64 on the CPU; minus infinity for numbers that are no levels.

        Raises ``ShapeError`` for events of another shape.
        """
        _check_shape(x.shape[1:])
        value = x.detach().cpu().double()[:, 0]
        possible = (value >= 0) & (value < self._source.levels) & (value == value.floor())
        return torch.where(possible, self.probabilities[torch.where(possible, value, 0).long()].log(), -torch.inf)

    def conditional(self, evidence: Evidence) -> Categorical:
        """The exact distribution of the coefficient. Raises ``ShapeError`` if it is known already."""
        _check_shape(evidence.mask.shape[1:])
        if bool(evidence.mask.any()):
            raise ShapeError(
                expected="at least one unknown coefficient", got="a complete event", remedy="set a mask entry to False"
            )
        return Categorical(probs=self.probabilities.expand(len(evidence.mask), -1))

    def _course_values(self) -> Int[Tensor, "n 1"]:
        """Training and test values, by numpy's generator of the course, whose numbers will not change."""
        source, random = self._source, np.random.RandomState(self.seed % 2**32)
        n = source.train + source.test
        draws = [mean + deviation * random.randn(n) for mean, deviation in source.normals]
        z = draws[0] if len(draws) == 1 else np.where(random.rand(n) < 0.5, *draws)
        edges = np.linspace(0, 1, source.levels)
        values = np.digitize(z.clip(0, 1), edges).clip(max=source.levels - 1)
        return torch.from_numpy(values).long()[:, None]


def _check_shape(shape: torch.Size) -> None:
    if tuple(shape) != (1,):
        raise ShapeError(expected="events of shape (1,)", got=f"{tuple(shape)}", remedy="pass numbers with that axis")
