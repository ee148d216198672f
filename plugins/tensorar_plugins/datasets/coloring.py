"""Figures in random colors, from few levels of red, green and blue."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Int, UInt8
from torch import Tensor

MAX_LEVELS = 256


def in_random_colors(
    figures: Bool[Tensor, "n height width"], levels: int, generator: torch.Generator
) -> UInt8[Tensor, "n height width 3"]:
    """Each figure and its background in two different colors; all ordered pairs are equally likely."""
    count = levels**3
    figure = torch.randint(count, (len(figures),), generator=generator)
    # one of the others: a color is left out by going on after it
    background = (figure + torch.randint(1, count, (len(figures),), generator=generator)) % count
    figure, background = (_channels(color, levels)[:, None, None] for color in (figure, background))
    return torch.where(figures[..., None], figure, background)


def log_prob_of_colors(levels: int) -> float:
    """The log-probability of a pair of colors."""
    return -math.log(levels**3) - math.log(levels**3 - 1)


def _channels(color: Int[Tensor, " n"], levels: int) -> UInt8[Tensor, "n 3"]:
    """Red, green and blue of colors by number."""
    return torch.stack([color // levels**2, color // levels % levels, color % levels], 1).byte()
