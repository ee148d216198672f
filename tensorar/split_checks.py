"""Whether events and contexts can be the splits of a dataset: not empty, of one shape, and finite."""

from __future__ import annotations

from jaxtyping import Real
from torch import Tensor

from tensorar.errors import DataError
from tensorar.events import Events, event_size


def check_shape(events: Events, train: Events, where: str) -> None:
    """Raise ``DataError`` for no events, or for events of another shape than the training events."""
    if len(events) == 0 or event_size(events) == 0:
        raise DataError(
            expected=f"at least one event with at least one coefficient in {where}",
            got=f"shape {tuple(events.shape)}",
            remedy="use more data, or other split sizes",
        )
    if events.shape[1:] != train.shape[1:]:
        raise DataError(
            expected=f"events of shape {tuple(train.shape[1:])} in {where}",
            got=f"{tuple(events.shape[1:])}",
            remedy="give all splits the same shape",
        )


def check_finite(events: Real[Tensor, "n *event"], where: str, remedy_for_nan: str | None) -> None:
    """Raise ``DataError`` for infinity, for NaN unless it is allowed (no remedy), or if nothing is observed."""
    if not events.is_floating_point():
        return
    chunks = events.split(1024)
    for rows in chunks:
        require_finite(rows, where, remedy_for_nan)
    if all(rows.isnan().all() for rows in chunks):
        raise DataError(expected=f"an observed value in {where}", got="NaN only", remedy="use more data")


def require_finite(events: Real[Tensor, "n *event"], where: str, remedy_for_nan: str | None) -> None:
    """Raise ``DataError`` for infinity, and for NaN unless it is allowed (no remedy)."""
    if events.is_floating_point() and bool(events.isinf().any()):
        raise DataError(expected=f"finite numbers in {where}", got="infinity", remedy="remove or fill them")
    if remedy_for_nan is not None and bool(events.isnan().any()):
        raise DataError(expected=f"finite numbers in {where}", got="NaN", remedy=remedy_for_nan)


def check_contexts(contexts: Tensor, expected: tuple[int, ...], where: str) -> None:
    """Raise ``DataError`` unless the contexts have the shape expected, ``(n, K)``, and are finite."""
    if contexts.ndim != 2 or tuple(contexts.shape) != expected:
        raise DataError(
            expected=f"a vector of numbers for each of the {expected[0]} events of {where}",
            got=f"contexts of shape {tuple(contexts.shape)}",
            remedy="provide one context per event, all of the same length",
        )
    if not bool(contexts.isfinite().all()):
        raise DataError(
            expected=f"finite numbers in the contexts of {where}",
            got="NaN or infinity",
            remedy="remove or fill them",
        )
