"""Runs and their models."""

from __future__ import annotations

from pathlib import Path

from tensorar.model import AutoregressiveModel
from tensorar.parts.registry import Registry
from tensorar.runs.run import Run
from tensorar.training.device import check_device


def open_run(run: Run | str | Path, registry: Registry | None = None) -> Run:
    """A run, opened if only its folder is given. Raises ``RunError``, ``PluginError``."""
    return run if isinstance(run, Run) else Run.open(run, registry=registry)


def model_of(run: Run, device: str) -> AutoregressiveModel:
    """The best model of a run, on a device. Raises ``RunError``, and ``TensorarError`` for an unknown device."""
    place = check_device(device)
    return run.model.to(place)
