"""Trackers of experiments, which follow a training beside ``metrics.jsonl``: found by name through accelerate."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tensorar.errors import TensorarError
from tensorar.parts.spec import nearest
from tensorar.runs.run import Run

if TYPE_CHECKING:
    from accelerate import Accelerator

# by name, what to install
PACKAGES = {"tensorboard": "tensorar[tensorboard]", "wandb": "wandb", "mlflow": "mlflow"}
PROJECT = "tensorar"
# of a run, where trackers that write files write them
FOLDER = "logs"


def check_trackers(names: Sequence[str]) -> None:
    """Raise ``TensorarError`` for a tracker that is unknown, or whose package is not installed."""
    for name in names:
        if name not in PACKAGES:
            raise TensorarError(
                expected=f"a tracker: {', '.join(PACKAGES)}", got=repr(name), remedy=nearest(name, PACKAGES)
            )
        if importlib.util.find_spec(name) is None:
            raise TensorarError(
                expected=f"the package {name!r} to be installed, for the tracker of that name",
                got="no such package",
                remedy=f"pip install {PACKAGES[name]}",
            )


@contextmanager
def tracking(accelerator: Accelerator, run: Run) -> Iterator[None]:
    """Start the accelerator's trackers with the run's recipe as their configuration, and finish them at the end.

    Raises ``TensorarError`` for a tracker that does not start, such as one that nobody is logged in to.
    """
    try:
        accelerator.init_trackers(PROJECT, config=_configuration(run), init_kwargs={"wandb": {"name": run.folder.name}})
    except Exception as error:
        raise TensorarError(
            expected="trackers that start",
            got=next(iter(str(error).splitlines()), type(error).__name__),
            remedy="follow what it says, or leave out --track",
        ) from error
    try:
        yield
    finally:
        for tracker in accelerator.trackers:
            tracker.finish()
        accelerator.trackers.clear()


def track(accelerator: Accelerator, row: Mapping[str, Any]) -> None:
    """Report a row of the metrics: those that are finite numbers."""
    numbers = {name: float(value) for name, value in row.items() if _is_finite(value) and name != "step"}
    accelerator.log(numbers, step=row["step"])


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _configuration(run: Run) -> dict[str, Any]:
    parts = {kind: str(getattr(run.recipe, kind)) for kind in ("dataset", "ordering", "head", "backbone")}
    settings = {name: value for name, value in vars(run.stage.settings).items() if value is not None}
    return {"run": str(run.folder), **parts, **settings}
