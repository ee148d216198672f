"""Numbers of a run's events as arrays of the dtype that its data have."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Real, Shaped
from torch import Tensor

from tensorar.runs.run import Run


def in_data_dtype(run: Run, events: Real[Tensor, "..."]) -> tuple[Shaped[np.ndarray, "..."], str]:
    """Events as an array of the dtype of the run's data; if that is unknown or does not hold them all, as they are.

    With a note that says so, which else is empty.
    """
    numbers = events.numpy()
    if not run.dtype:
        return numbers, f"written as {numbers.dtype}: {run.folder} does not say which dtype its data have"
    if not _holds(np.dtype(run.dtype), numbers):
        return numbers, f"written as {numbers.dtype}: {run.dtype}, the dtype of the data, does not hold all values"
    return numbers.astype(run.dtype), ""


def _holds(dtype: np.dtype[Any], numbers: Shaped[np.ndarray, "..."]) -> bool:
    """Whether a dtype holds all of these numbers: as floats rounded, but finite where they are."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return bool((np.isfinite(numbers.astype(dtype)) == np.isfinite(numbers)).all())
    low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    # as a float, the largest integer of 64 bits is one more than it
    return bool(((numbers >= low) & (numbers < float(high) + 1) & (numbers == np.trunc(numbers))).all())
