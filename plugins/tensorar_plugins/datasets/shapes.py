"""Generated images of a shape each, in two levels or in colors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float64, Int, Real, UInt8
from torch import Tensor

from tensorar import ShapeError, Splits
from tensorar_plugins.datasets.class_labels import ClassLabels
from tensorar_plugins.datasets.coloring import MAX_LEVELS, in_random_colors, log_prob_of_colors
from tensorar_plugins.datasets.labelled_images import LabelledImages
from tensorar_plugins.datasets.ranges import require_between
from tensorar_plugins.datasets.seeded_streams import stream
from tensorar_plugins.datasets.shape_figures import KINDS, Figures

SPLIT_SIZES = {"train": 10_000, "valid": 2_000, "test": 4_000}
SMALLEST, LARGEST = 5, 256


@dataclass(frozen=True, kw_only=True)
class Shapes(LabelledImages):
    """Images of 20 x 20 pixels of a disc, rectangle, triangle or cross, bits or in colors; likelihoods are exact.

    After the shapes of Berkeley's CS294-158 (homework 1), whose own files cannot be generated again: results on the two
    are not comparable. Kind, sides (from a fifth to three fifths of the image's), the corner of a triangle's right
    angle, and position are uniform. In colors, the shape and its background have two different ones, every pair equally
    likely.

    >>> shapes = Shapes()
    >>> print(f"{-shapes.log_prob(shapes.test).mean() / 400:.4f} nats per pixel")
    0.0238 nats per pixel

    Options:
        size: Height and width of the images.
        colours: Number of levels of red, green and blue, such as 4 (none: bits, the shape is 1).
        labels: Whether to use the kinds as contexts (one-hot), for models of ``p(image | kind)``; the exact likelihood
            is then not provided.
        seed: Seed of the images.
    """

    name = "shapes"
    size: int = 20
    colours: int | None = None
    labels: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        require_between(self.name, "size", self.size, SMALLEST, LARGEST)
        require_between(self.name, "colours", self.colours, 2, MAX_LEVELS)

    @property
    def axes(self) -> tuple[str, ...]:
        return ("channel", "height", "width") if self.colours is None else ("height", "width", "channel")

    @property
    def suggested_head(self) -> str | None:
        return None if self.colours is None else f"categorical:levels={self.colours}"

    def load(self) -> Splits:
        return Splits(**{name: images for name, (images, _) in self._drawn.items()})

    def load_labels(self) -> Splits:
        return Splits(**{name: kinds for name, (_, kinds) in self._drawn.items()})

    @cached_property
    def classes(self) -> ClassLabels:
        return ClassLabels(torch.arange(len(KINDS)), names=KINDS)

    def log_prob(self, x: Real[Tensor, "batch *event"]) -> Float64[Tensor, " batch"] | None:
        """The exact log-likelihood in nats, in float64 on the CPU; minus infinity for other images; None with labels.

        Raises ``ShapeError`` for images of another shape.
        """
        shape = (1, self.size, self.size) if self.colours is None else (self.size, self.size, 3)
        if tuple(x.shape[1:]) != shape:
            raise ShapeError(
                expected=f"images of shape {shape}", got=f"{tuple(x.shape[1:])}", remedy="set size of shapes"
            )
        if self.labels:
            return None
        x = x.detach().cpu()
        if self.colours is None:
            figures, possible, colors = x[:, 0] == 1, ((x == 0) | (x == 1)).flatten(1).all(1), 0.0
        else:
            figures, possible = _without_colors(x, self.colours)
            colors = log_prob_of_colors(self.colours)
        return torch.where(possible, self._figures.log_prob(figures) + colors, -torch.inf)

    @property
    def _figures(self) -> Figures:
        return Figures(self.size)

    @cached_property
    def _drawn(self) -> dict[str, tuple[UInt8[Tensor, "n *event"], Int[Tensor, " n"]]]:
        """The images of each split and their kinds."""
        return {name: self._draw(n, stream(self.seed, f"shapes {name}")) for name, n in SPLIT_SIZES.items()}

    def _draw(self, n: int, generator: torch.Generator) -> tuple[UInt8[Tensor, "n *event"], Int[Tensor, " n"]]:
        figures, kinds = self._figures.draw(n, generator)
        if self.colours is None:
            return figures.byte().unsqueeze(1), kinds
        return in_random_colors(figures, self.colours, generator), kinds


def _without_colors(
    x: Real[Tensor, "n height width 3"], levels: int
) -> tuple[Bool[Tensor, "n height width"], Bool[Tensor, " n"]]:
    """Where an image differs from its background, and whether it has levels and two colors only."""
    # a shape covers at most one of the corners
    background = x[:, [0, 0, -1, -1], [0, -1, 0, -1]].median(1).values[:, None, None]
    figures = (x != background).any(-1)
    pixels, inside = x.flatten(1, 2), figures.flatten(1)
    first = pixels[torch.arange(len(x)), inside.int().argmax(1)]
    of_one_color = ((pixels == first[:, None]).all(-1) | ~inside).all(1)
    leveled = ((x >= 0) & (x < levels) & (x == x.to(torch.int64))).flatten(1).all(1)
    return figures, of_one_color & leveled
