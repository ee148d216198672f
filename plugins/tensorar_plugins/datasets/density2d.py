"""Points of a plane whose density is a picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Float64, Int, Real
from torch import Tensor
from torch.distributions import Categorical

from tensorar import DataError, Dataset, Evidence, ShapeError, Splits, SupportError
from tensorar.utils.reading import expand
from tensorar_plugins.datasets.image_files import PictureReader
from tensorar_plugins.datasets.ranges import require_between
from tensorar_plugins.datasets.seeded_streams import stream

SPLIT_SIZES = {"train": 80_000, "valid": 10_000, "test": 20_000}
MAX_LEVELS = 1024


@dataclass(frozen=True, kw_only=True)
class Density2d(Dataset):
    """Two coefficients, row and column of a pixel drawn by its brightness in a picture; likelihoods are exact.

    After Berkeley's CS294-158 (homework 1, question 2), whose pictures are not part of this package: ``path`` takes
    them. The picture is scaled to ``levels x levels`` gray pixels; a pixel is as probable as its share of their sum.

    Options:
        path: Picture whose bright pixels are probable (none: a face that smiles).
        levels: Number of rows, and of columns.
        seed: Seed of the points.
    """

    name = "density2d"
    path: str | Path | None = None
    levels: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        require_between(self.name, "levels", self.levels, 2, MAX_LEVELS)

    def load(self) -> Splits:
        return Splits(
            **{name: self._draw(n, stream(self.seed, f"density2d {name}")) for name, n in SPLIT_SIZES.items()}
        )

    @property
    def suggested_head(self) -> str:
        # dark rows and columns need not occur in a sample
        return f"categorical:levels={self.levels}"

    @cached_property
    def probabilities(self) -> Float64[Tensor, "levels levels"]:
        """The probability of each pixel. Raises ``DataError`` for a picture that cannot be read, or is black."""
        brightness = smiling_face(self.levels) if self.path is None else self._read(self.path)
        if not bool((brightness > 0).any()):
            raise DataError(
                expected=f"a bright pixel in {self.path}", got="a black picture", remedy="use another, or invert it"
            )
        return brightness / brightness.sum()

    def log_prob(self, x: Real[Tensor, "batch *event"]) -> Float64[Tensor, " batch"]:
        """The exact log-likelihood in nats, in float64 on the CPU; minus infinity for numbers that are no pixels.

        Raises ``ShapeError`` for events of another shape.
        """
        _check_shape(x.shape[1:])
        x = x.detach().cpu().double()
        possible = (x >= 0) & (x < self.levels) & (x == x.floor())
        row, column = torch.where(possible, x, 0).long().unbind(1)
        return torch.where(possible.all(1), self.probabilities[row, column].log(), -torch.inf)

    def conditional(self, evidence: Evidence) -> Categorical:
        """The exact distribution of the row, or of the column given the row, in float64 on the CPU.

        Raises ``ShapeError`` unless the column is unknown, and ``SupportError`` if the row has probability 0.
        """
        _check_shape(evidence.mask.shape[1:])
        mask, x = evidence.mask.cpu(), evidence.value.detach().cpu().double()[:, 0]
        if bool(mask[:, 1].any()):
            raise ShapeError(expected="an unknown column", got="a known one", remedy="observe the row, or nothing")
        rows = self.probabilities.sum(1)
        possible = (x >= 0) & (x < self.levels) & (x == x.floor())
        given = self.probabilities[torch.where(possible, x, 0).long()] * possible[:, None]
        if not bool(((given.sum(1) > 0) | ~mask[:, 0]).all()):
            raise SupportError(
                expected=f"a row with bright pixels, from 0 to {self.levels - 1}",
                got="evidence of probability 0",
                remedy="observe values that the dataset can generate",
            )
        return Categorical(probs=torch.where(mask[:, :1], given, rows))

    def _draw(self, n: int, generator: torch.Generator) -> Int[Tensor, "n 2"]:
        below = self.probabilities.flatten().cumsum(0)
        uniform = torch.rand(n, generator=generator, dtype=torch.float64) * below[-1]
        pixels = torch.searchsorted(below, uniform, right=True)
        return torch.stack([pixels // self.levels, pixels % self.levels], 1)

    def _read(self, path: str | Path) -> Float64[Tensor, "levels levels"]:
        size = (self.levels, self.levels)
        reader = PictureReader(size=size, colors=False, levels=256, fit="stretch", background=(0, 0, 0))
        return torch.from_numpy(reader.read(expand(path)).levels[..., 0]).double()


def smiling_face(levels: int) -> Float64[Tensor, "levels levels"]:
    """A dim disc with bright rim, eyes and mouth, on black."""
    place = (torch.arange(levels, dtype=torch.float64) + 0.5) / levels * 2 - 1
    y, x = torch.meshgrid(place, place, indexing="ij")
    radius = (x**2 + y**2).sqrt()
    face = radius < 0.95
    rim = face & (radius > 0.82)
    eyes = (((x.abs() - 0.33) / 0.12) ** 2 + ((y + 0.3) / 0.18) ** 2) < 1
    mouth = ((radius - 0.52).abs() < 0.08) & (y > 0.15)
    return 40 * face.double() + 215 * (rim | eyes | mouth).double()


def _check_shape(shape: torch.Size) -> None:
    if tuple(shape) != (2,):
        raise ShapeError(expected="events of shape (2,)", got=f"{tuple(shape)}", remedy="pass a row and a column")
