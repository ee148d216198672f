"""Whether likelihoods of runs can be compared: the same events, in the same units."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from tensorar.baselines import discrete_coefficients
from tensorar.dataset import Dataset
from tensorar.errors import TensorarError
from tensorar.events import Events
from tensorar.parts.spec import PartSpec
from tensorar.runs.run import Run

EVENTS_PER_CHUNK = 1000


def require_same_kind(runs: Sequence[Run]) -> None:
    """Raise ``TensorarError`` for events of different shapes, and for probabilities where others have densities."""
    kinds = [discrete_coefficients(run.head, run.event_shape) for run in runs]
    for run, discrete in zip(runs, kinds, strict=True):
        if run.event_shape != runs[0].event_shape:
            raise TensorarError(
                expected=f"runs of events of shape {runs[0].event_shape}, as those of {runs[0].folder}",
                got=f"{run.event_shape} of {run.folder}",
                remedy="compare runs of the same events",
            )
        if not torch.equal(discrete, kinds[0]):
            raise TensorarError(
                expected=f"runs whose likelihoods are {_in_words(kinds[0])}, as those of {runs[0].folder}",
                got=f"{_in_words(discrete)} of {run.folder}, with the head {run.head.name}",
                remedy="compare runs whose nats have the same units",
            )


def _in_words(discrete: Tensor) -> str:
    if bool(discrete.any() and not discrete.all()):
        return f"probabilities of {int(discrete.sum())} coefficients and densities of {int((~discrete).sum())}"
    return "probabilities" if bool(discrete.all()) else "densities"


def require_same_events(runs: Sequence[Run], datasets: Sequence[Dataset], split: str) -> None:
    """Raise ``TensorarError`` unless a split has the same events for all runs, of the shape of their models."""
    events: list[Events] = [getattr(dataset, split) for dataset in datasets]
    for run, dataset, some in zip(runs, datasets, events, strict=True):
        if run.event_shape != dataset.event_shape:
            raise TensorarError(
                expected=f"events of shape {run.event_shape}, for which {run.folder} was trained",
                got=f"{dataset.event_shape}",
                remedy="compare runs of events of the same shape, or choose other `data`",
            )
        if run.context_features != dataset.context_features:
            raise TensorarError(
                expected=f"contexts of length {run.context_features}, for which {run.folder} was trained",
                got=f"{dataset.context_features} from {dataset.name}",
                remedy="choose `data` with the same contexts",
            )
        if not _equal(some, events[0]) or dataset.missing != datasets[0].missing:
            raise TensorarError(
                expected=f"the same {split} events for all runs",
                got=f"others for {runs[0].folder} and {run.folder}",
                remedy="choose the events of all runs with `data`",
            )


def run_notes(runs: Sequence[Run], observed: float | None) -> Iterator[str]:
    """A line for each peculiarity of the nats of runs; ``observed`` coefficients per event if some are missing."""
    if observed is not None:
        yield f"values are missing: nats and bits are those of the {observed:.2f} observed coefficients of an event"
    given = [str(run.folder) for run in runs if run.context_features]
    if given and len(given) < len(runs):
        yield f"nats of {', '.join(given)} are those of events given their contexts, the others without"


def baseline_notes(runs: Sequence[Run], data: PartSpec, other: bool) -> Iterator[str]:
    """A line for each peculiarity of the nats of the baselines."""
    if other:
        yield f"baselines are fitted to the training events of {data}"
    if any(run.context_features for run in runs):
        yield "baselines ignore contexts"


def _equal(a: Events, b: Events) -> bool:
    """Whether the events are the same, in whatever dtype and wherever they are stored."""
    if a is b:
        return True
    rows = (slice(first, first + EVENTS_PER_CHUNK) for first in range(0, len(a), EVENTS_PER_CHUNK))
    return a.shape == b.shape and all(torch.equal(_numbers(a[some]), _numbers(b[some])) for some in rows)


def _numbers(events: Tensor) -> Tensor:
    return events.double().nan_to_num()
