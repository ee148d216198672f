"""A file of each of some events of a run: a picture, or one of the kind that the run was trained on."""

from __future__ import annotations

from jaxtyping import Real
from torch import Tensor

from tensorar.errors import TensorarError
from tensorar.runs.run import Run


def event_pictures(run: Run, events: Real[Tensor, "n *event"], name: str) -> dict[str, bytes]:
    """PNG files of events, a pixel per coefficient, by their names: ``NAME-01.png``, ...; or sounds, volumes, ...

    The ends of the head's support are black and white. Raises ``ShapeError`` for events without height and width.
    """
    from tensorar import plotting

    if ending := run.unchecked_dataset.event_ending:
        return event_files(run, events, f"{name}-1{ending}" if len(events) == 1 else f"{name}{ending}")
    limits, digits = plotting.picture_limits(run.head, events), len(str(len(events)))
    return {
        f"{name}-{k:0{digits}}.png": plotting.event_png(event, axes=run.axes, limits=limits)
        for k, event in enumerate(events, 1)
    }


def event_files(run: Run, events: Real[Tensor, "n *event"], name: str) -> dict[str, bytes]:
    """Files of the run's own kind, such as WAV, by their names: ``name``, or for several events with a number in it.

    Raises ``TensorarError`` for a name of another kind.
    """
    dataset = run.unchecked_dataset
    require_ending(run, name)
    stem, digits = name.removesuffix(dataset.event_ending), len(str(len(events)))
    numbers = [""] if len(events) == 1 else [f"-{k:0{digits}}" for k in range(1, len(events) + 1)]
    return {
        f"{stem}{number}{dataset.event_ending}": dataset.event_file(event)
        for number, event in zip(numbers, events, strict=True)
    }


def require_ending(run: Run, name: str) -> None:
    """Raise ``TensorarError`` unless the run's dataset writes files with the ending of ``name``."""
    ending = run.unchecked_dataset.event_ending
    if not ending or not name.endswith(ending):
        raise TensorarError(
            expected=f"a file that {run.recipe.dataset.name} writes{f' ({ending})' if ending else ''}",
            got=repr(name),
            remedy="choose numbers (.npy, .csv) or a picture (.png), or train on a folder of such files",
        )
