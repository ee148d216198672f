"""Checks before training starts."""

from __future__ import annotations

import torch

from tensorar.dataset import Dataset
from tensorar.errors import RunError, SupportError
from tensorar.head import Head, default_value_dtype
from tensorar.parts.registry import Registry
from tensorar.runs.settings import TrainingSettings
from tensorar.suggestions import suggest_heads


def check_data(dataset: Dataset, spec: str, head: Head, registry: Registry) -> None:
    """Raise ``SupportError`` when the head does not accept the data; it suggests heads and dataset options that fit."""
    for events in (dataset.train, dataset.valid, dataset.test):
        try:
            head.check(events, what=f"the dataset {spec}", dtype=default_value_dtype())
        except SupportError as error:
            remedy = _remedy(dataset, head, registry)
            raise SupportError(expected=error.expected, got=error.got, remedy=remedy) from error


def _remedy(dataset: Dataset, head: Head, registry: Registry) -> str:
    heads = [f"head={str(spec)!r}" for spec in suggest_heads(dataset, registry=registry)]
    datasets = [
        f"the dataset {spec}"
        for spec, values in dataset.alternative_specs.items()
        if bool(head.support.check(torch.tensor(values, dtype=torch.get_default_dtype())).all())
    ]
    alternatives = " or ".join([*heads, *datasets])
    return f"use {alternatives}" if alternatives else "convert the data; no installed head accepts these values"


def check_shares(dataset: Dataset, settings: TrainingSettings, processes: int) -> None:
    """Raise ``RunError`` when a process would have no event to train on, or none to validate with."""
    sizes = {
        "training events in a batch": min(settings.batch_size, len(dataset.train)),
        "validation events": min(settings.valid_events, len(dataset.valid)),
    }
    for what, size in sizes.items():
        if size < processes:
            raise RunError(
                expected=f"at least {processes} {what}, one for each process",
                got=str(size),
                remedy="start fewer processes, or use more events",
            )
