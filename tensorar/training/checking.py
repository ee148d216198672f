"""What must hold before a training begins."""

from __future__ import annotations

import torch

from tensorar.build import heads_for
from tensorar.dataset import Dataset
from tensorar.errors import RunError, SupportError
from tensorar.head import Head, seen_dtype
from tensorar.parts.registry import Registry
from tensorar.runs.settings import TrainingSettings


def check_data(dataset: Dataset, spec: str, head: Head, registry: Registry) -> None:
    """Raise ``SupportError``, with the head or the dataset option that fits, where the head does not take the data."""
    for events in (dataset.train, dataset.valid, dataset.test):
        try:
            head.check(events, what=f"the dataset {spec}", dtype=seen_dtype())
        except SupportError as error:
            remedy = "use " + _remedy(dataset, head, registry)
            raise SupportError(expected=error.expected, got=error.got, remedy=remedy) from error


def _remedy(dataset: Dataset, head: Head, registry: Registry) -> str:
    others = [
        spec
        for spec, values in dataset.alternative_specs.items()
        if bool(head.support.check(torch.tensor(values, dtype=torch.get_default_dtype())).all())
    ]
    return " or ".join([str(heads_for(dataset, registry=registry)), *(f"the dataset {spec}" for spec in others)])


def check_shares(dataset: Dataset, settings: TrainingSettings, processes: int) -> None:
    """Raise ``RunError`` where a process would have no event to train on or to validate with."""
    sizes = {
        "training events in a batch": min(settings.batch_size, len(dataset.train)),
        "validation events": min(settings.valid_events, len(dataset.valid)),
    }
    for what, size in sizes.items():
        if size < processes:
            raise RunError(
                expected=f"at least {processes} {what}, one for each process",
                got=str(size),
                remedy="start fewer processes, or give more events",
            )
