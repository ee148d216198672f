"""Helpers of the plotting tests: rendering figures, and events of any shape."""

from __future__ import annotations

import io
import math

import numpy as np
import torch
from hypothesis import strategies as st
from matplotlib.figure import Figure

from tensorar.testing import event_shapes

shapes = st.one_of(
    event_shapes(),
    st.sampled_from([(), (1,), (1, 1), (5,), (1, 7), (2, 3), (1, 4, 5), (3, 4, 4), (5, 3, 3), (2, 3, 2, 2), (1, 150)]),
)


def draw(figure: Figure) -> Figure:
    """Render the figure in memory: only then do layout and fonts warn or fail."""
    figure.savefig(io.BytesIO(), format="png", dpi=20)
    return figure


def counting(n: int, event_shape: tuple[int, ...]) -> torch.Tensor:
    """Events with distinct values, so that a value identifies its coefficient."""
    return torch.arange(n * math.prod(event_shape)).reshape(n, *event_shape).float()


def gray(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """The gray colors of values: ``(h, w) -> (h, w, 3)``."""
    return np.repeat(((values - low) / (high - low))[..., None], 3, axis=-1)


def is_gray(colors: np.ndarray) -> np.ndarray:
    """Where red, green and blue are equal: ``(h, w, 3) -> (h, w)``."""
    return np.ptp(colors, axis=-1) < 1e-9
