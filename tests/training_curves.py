"""The pictures of training curves, of which one of each kind is drawn: all of them would take a tenth of the time."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from tensorar.utils.files import write_atomically
from tensorar.workflows.training_result import TrainingResult

Draw = Callable[[TrainingResult], None]


def draw_one_of_each_kind() -> None:
    """Let trainings in this process draw a curve the first time, and copy the picture of such a curve afterwards."""
    module = import_module("tensorar.workflows.train")
    module._draw_curve = _once_of_each_kind(module._draw_curve)  # type: ignore[attr-defined]


def _once_of_each_kind(draw: Draw) -> Draw:
    pictures: dict[Any, bytes] = {}

    def drawn(result: TrainingResult) -> None:
        path, kind = result.run.folder / "training.png", _kind(result)
        if kind in pictures:
            write_atomically(path, pictures[kind])
        else:
            draw(result)
            pictures[kind] = path.read_bytes()

    return drawn


def _kind(result: TrainingResult) -> tuple[Any, ...]:
    """What decides which lines and axes a curve has."""
    missing = tuple(sorted(name for name, value in result.metrics[-1].items() if value is None))
    return min(len(result.metrics), 2), result.exact_nats is None, result.best_nats is None, missing
