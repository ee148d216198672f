"""A picture file of each of some events of a run."""

from __future__ import annotations

from jaxtyping import Real
from torch import Tensor

from tensorar.runs.run import Run


def event_pictures(run: Run, events: Real[Tensor, "n *event"], name: str) -> dict[str, bytes]:
    """PNG files of events, a pixel per coefficient, by their names: ``NAME-01.png``, ...

    The ends of the head's support are black and white. Raises ``ShapeError`` for events without height and width.
    """
    from tensorar import plotting

    limits, digits = plotting.picture_limits(run.head, events), len(str(len(events)))
    return {
        f"{name}-{k:0{digits}}.png": plotting.event_png(event, axes=run.axes, limits=limits)
        for k, event in enumerate(events, 1)
    }
