"""Figures in a square image: what they look like in their bounding boxes, and how probable each is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int
from torch import Tensor

KINDS = ("disc", "rectangle", "triangle", "cross")


@dataclass(frozen=True)
class Figures:
    """Figures of random kind, sides and position in an image of ``size x size`` pixels.

    The kind, the sides (those of a rectangle independently, those of others equal) and the corner of a triangle that
    has its right angle are uniform, and so is the position among those inside the image, given the sides.
    """

    size: int

    @property
    def sides(self) -> range:
        """The sides of bounding boxes, from a fifth of the image's to three fifths."""
        return range(self.size // 5, self.size * 3 // 5 + 1)

    def draw(self, n: int, generator: torch.Generator) -> tuple[Bool[Tensor, "n size size"], Int[Tensor, " n"]]:
        """``n`` figures, and the number of the kind of each."""

        def uniform(high: int | Int[Tensor, " n"]) -> Int[Tensor, " n"]:
            drawn = torch.rand(n, generator=generator, dtype=torch.float64) * high
            return drawn.long()

        kinds, corners = uniform(len(KINDS)), uniform(4)
        heights, widths = (self.sides[0] + uniform(len(self.sides)) for _ in range(2))
        widths = torch.where(kinds == KINDS.index("rectangle"), widths, heights)
        tops, lefts = (uniform(self.size - side + 1) for side in (heights, widths))
        images = np.zeros((n, self.size, self.size), bool)
        where = torch.stack([kinds, corners, heights, widths, tops, lefts], 1).tolist()
        for image, (kind, corner, height, width, top, left) in zip(images, where, strict=True):
            image[top : top + height, left : left + width] = variants(KINDS[kind], height, width)[
                corner if KINDS[kind] == "triangle" else 0
            ]
        return torch.from_numpy(images), kinds

    def log_prob(self, images: Bool[Tensor, "n size size"]) -> Float64[Tensor, " n"]:
        """The log-probability of each figure; minus infinity for images that are none of them."""
        boxes = _bounding_boxes(images)
        found = torch.full((len(images),), -torch.inf, dtype=torch.float64)
        for height, width in boxes[:, 2:].unique(dim=0).tolist():
            if height in self.sides and width in self.sides:
                rows = ((boxes[:, 2] == height) & (boxes[:, 3] == width)).nonzero()[:, 0]
                found[rows] = self._log_prob_in_boxes(images[rows], boxes[rows])
        return found

    def _log_prob_in_boxes(
        self, images: Bool[Tensor, "n size size"], boxes: Int[Tensor, "n 4"]
    ) -> Float64[Tensor, " n"]:
        """The log-probabilities of figures whose bounding boxes have the same sides."""
        height, width = boxes[0, 2:].tolist()
        down = (boxes[:, 0, None] + torch.arange(height))[:, :, None]
        right = (boxes[:, 1, None] + torch.arange(width))[:, None]
        inside = images[torch.arange(len(images))[:, None, None], down, right]
        p = torch.zeros(len(images), dtype=torch.float64)
        for kind in KINDS if height == width else ("rectangle",):
            looks = variants(kind, height, width)
            choices = len(looks) * len(self.sides) ** (2 if kind == "rectangle" else 1)
            for look in looks:
                p += (inside == torch.from_numpy(look)).flatten(1).all(1) / choices
        positions = (self.size - height + 1) * (self.size - width + 1)
        return p.log() - math.log(len(KINDS) * positions)


@cache
def variants(kind: str, height: int, width: int) -> list[Bool[np.ndarray, "height width"]]:
    """What a kind looks like in its bounding box: a triangle in four ways."""
    if kind == "rectangle":
        return [np.ones((height, width), bool)]
    if kind == "disc":
        across = np.arange(height) - (height - 1) / 2
        return [across[:, None] ** 2 + across**2 <= height**2 / 4]
    if kind == "triangle":
        lower = np.tri(height, dtype=bool)
        return [np.rot90(lower, quarters).copy() for quarters in range(4)]
    bar = abs(np.arange(height) - (height - 1) / 2) < max(1, height / 6)
    return [bar[:, None] | bar]


def _bounding_boxes(images: Bool[Tensor, "n height width"]) -> Int[Tensor, "n 4"]:
    """Top, left, height and width of what is True in each image; zeros where nothing is."""
    sides = []
    for axis in (2, 1):
        filled = images.any(axis)
        first = filled.int().argmax(1)
        end = filled.shape[1] - filled.flip(1).int().argmax(1)
        sides.append((first, torch.where(filled.any(1), end - first, 0)))
    (top, height), (left, width) = sides
    return torch.stack([top, left, height, width], 1)
