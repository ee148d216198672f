"""Events from a series in another file: its windows one after another, or the beginning of one."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Real
from torch import Tensor

from tensorar import DataError, FileEvents


def successive_windows(
    values: Real[Tensor, "steps *frame"], event_shape: tuple[int, ...], path: str | Path
) -> FileEvents:
    """The windows of a series, which do not overlap; of a shorter one, what follows it is unknown.

    Raises ``DataError`` for steps of another shape.
    """
    window, steps = event_shape[0], len(values)
    if tuple(values.shape[1:]) != event_shape[1:]:
        raise DataError(
            expected=f"steps of shape {event_shape[1:]} in {path}",
            got=str(tuple(values.shape[1:])),
            remedy="provide the variables that the run was trained on",
        )
    if steps < window:
        events = torch.cat([values, values.new_zeros(window - steps, *event_shape[1:])]).unsqueeze(0)
        known = (torch.arange(window) < steps).reshape(1, -1, *[1] * (len(event_shape) - 1)).expand_as(events)
        note = f"{path} has {steps} of the {window} steps of a window: those after it are unknown"
        return FileEvents(events, known & ~events.isnan(), (note,))
    count = steps // window
    events = values[: count * window].reshape(count, *event_shape)
    known = ~events.isnan()
    rest = steps - count * window
    notes = (f"the last {rest} steps of {path} fill no window and are left out",) if rest else ()
    return FileEvents(events, None if bool(known.all()) else known, notes)
