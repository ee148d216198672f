"""Samples next to the conditional means they were drawn from, as in the papers on FVSBN and NADE."""

from __future__ import annotations

from jaxtyping import Float, Shaped
from matplotlib.figure import Figure
from torch import Tensor

from tensorar.axes import AxisNames
from tensorar.plotting.grid import side_by_side
from tensorar.plotting.style import check_same_shape


def samples_with_means(
    samples: Shaped[Tensor, "n *event"],
    means: Float[Tensor, "n *event"],
    *,
    low: float | None = None,
    high: float | None = None,
    axes: AxisNames | None = None,
) -> Figure:
    """The samples on the left; on the right the mean of the conditional that each value was drawn from.

    For binary events the mean is the probability of a 1. Both have the same range of values, so that gray means
    uncertain. Raises ``ShapeError`` if the shapes differ.
    """
    check_same_shape("means", means.shape, samples.shape)
    return side_by_side({"samples": samples, "conditional means": means}, low=low, high=high, axes=axes)
