"""A progress bar for training from Python, on terminals and in notebooks."""

from __future__ import annotations

import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tensorar.training.update import TrainingUpdate, UpdateCallback
from tensorar.utils.processes import is_main_process


def can_be_shown() -> bool:
    """Whether somebody is looking: standard error is a terminal, or this is a notebook."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules


@contextmanager
def progress_bar(on_update: UpdateCallback | None, *, shown: bool) -> Iterator[UpdateCallback | None]:
    """A callback that draws a bar, and calls ``on_update``; that callback alone unless the bar is ``shown``."""
    if not shown or not is_main_process():
        yield on_update
        return
    with _bar()(total=100, unit="%", bar_format="{l_bar}{bar}| {elapsed}<{remaining}{postfix}") as bar:
        yield _drawing(bar, on_update)


def _drawing(bar: Any, on_update: UpdateCallback | None) -> Callable[[TrainingUpdate], None]:
    valid: list[float] = []
    drawn = -math.inf

    def update(done: TrainingUpdate) -> None:
        nonlocal drawn
        if on_update is not None:
            on_update(done)
        now = time.perf_counter()
        # steps may follow each other faster than anybody reads
        if done.row is None and now - drawn < bar.mininterval:
            return
        if drawn == -math.inf:
            # what is resumed does not begin at nothing, and the time left follows from the rest
            bar.initial = bar.n = round(100 * done.fraction, 2)
        drawn = now
        if done.row is not None and done.row["valid_nats"] is not None:
            valid.append(done.row["valid_nats"])
        best = f", best validation {min(valid):.3f}" if valid else ""
        bar.set_postfix_str(f"step {done.state.step}, {done.nats:.3f} nats{best}", refresh=False)
        bar.update(round(100 * done.fraction, 2) - bar.n)

    return update


def _bar() -> Any:
    with warnings.catch_warnings():
        # without ipywidgets, a notebook has the text bar
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm
    return tqdm
