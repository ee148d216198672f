"""Outliers: values so far from the others that they stand for something else, such as fill values."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float64, Real
from torch import Tensor

# so many typical deviations from the median, a value is an outlier
OUTLYING = 1e6


def deviations(columns: Real[Tensor, "n groups"]) -> tuple[Real[Tensor, " groups"], Float64[Tensor, "n groups"]]:
    """The median of each column, and the deviations from it; whole numbers are subtracted before they are rounded."""
    # torch's median reads beyond the memory of an expanded tensor
    columns = columns.contiguous()
    middle = columns.nanmedian(0).values if columns.is_floating_point() else columns.median(0).values
    return middle, (columns - middle).double()


def outlying(deviation: Float64[Tensor, "n groups"]) -> Bool[Tensor, "n groups"]:
    """Which values are a million typical deviations away from the median of their column.

    >>> _, deviation = deviations(torch.tensor([[0.1], [0.2], [-0.3], [9.96921e36]]))
    >>> outlying(deviation)[:, 0].tolist()
    [False, False, False, True]
    """
    size = deviation.abs()
    typical = torch.where(size > 0, size, torch.nan).nanmedian(0).values
    return size > OUTLYING * typical


def describe_outliers(values: Real[Tensor, "n groups"], outlier: Bool[Tensor, "n groups"], group: str) -> str:
    """The share of outliers, with an example and the range of the other values of its ``group``."""
    where = int(outlier.any(0).int().argmax())
    example, usual = values[:, where][outlier[:, where]][0], values[:, where][~outlier[:, where]]
    usual = usual[~usual.isnan()]
    place = f" in {group} {where}" if values.shape[1] > 1 else ""
    share = 100 * float(outlier.sum() / (~values.isnan()).sum())
    return (
        f"{share:.3g} % of the values are outliers ({example.item():g}{place}, where the "
        f"others lie between {usual.min().item():g} and {usual.max().item():g}); location and scale are those of the "
        "others. Remove or fill them in if they stand for missing values"
    )
