"""Opening runs and choosing events, as several commands do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from tensorar import AutoregressiveModel, Dataset, Run


SPLITS = ("train", "valid", "test")


def open_run(folder: Path, device: str) -> tuple[Run, AutoregressiveModel]:
    """A run and its model on a device."""
    from tensorar import Run
    from tensorar.training.device import check_device

    run = Run.open(folder)
    return run, run.model.to(check_device(device))


def events_of(dataset: Dataset, split: str) -> Tensor:
    """All events of a split."""
    from tensorar import TensorarError

    if split not in SPLITS:
        raise TensorarError(expected="--split train, valid or test", got=repr(split), remedy="choose one of them")
    events: Tensor = getattr(dataset, split)
    return events


def some_events(dataset: Dataset, split: str, count: int | None, seed: int) -> Tensor:
    """All events of a split, or so many drawn with the seed."""
    import torch

    events = events_of(dataset, split)
    if count is None or count >= len(events):
        return events
    return events[torch.randperm(len(events), generator=torch.Generator().manual_seed(seed))[:count]]


def generator_of(seed: int) -> torch.Generator:
    """A generator for a seed."""
    import torch

    return torch.Generator().manual_seed(seed)
