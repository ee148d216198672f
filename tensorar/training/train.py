"""Training a run from beginning to end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from tensorar.errors import SpecError
from tensorar.runs.run import Run
from tensorar.runs.stages import check_changes
from tensorar.training.cost import TrainingCost, measure_cost
from tensorar.training.progress_bar import can_be_shown, progress_bar
from tensorar.training.state import read_state
from tensorar.training.trackers import check_trackers, tracking
from tensorar.training.trainer import Trainer
from tensorar.training.update import UpdateCallback


def train(
    run: Run,
    *,
    resume: bool = False,
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    on_update: UpdateCallback | None = None,
    on_start: Callable[[], None] | None = None,
    on_cost: Callable[[TrainingCost], None] | None = None,
    progress: bool | None = None,
    track: Sequence[str] = (),
) -> int | None:
    """Train a run, or resume it. Returns None at the end, or the number of the signal that interrupted it.

    With ``settings``, a run that is resumed is trained on with these changes, for so many further steps, epochs or
    minutes, with a learning-rate schedule of their own; nothing is recorded before the first check has passed.
    ``progress`` shows a bar; by default on a terminal and in a notebook, unless there is an ``on_update``. ``track``
    names trackers that follow the training, such as ``tensorboard``.

    The run's folder is locked meanwhile. ``on_cost``, if given, is called with what the training will take, measured
    on a copy of the model before anything is written. ``on_start`` is called before the first step, after all checks;
    ``on_update`` after every step and evaluation. If no validation is finite, the last weights are kept. Raises
    ``SupportError`` when the head does not accept the data, ``RunError`` when the loss is not finite, when another
    process trains the run, or when a file cannot be read or written; ``TensorarError`` for a step of more memory than
    there is, if the cost is measured.
    """
    check_trackers(track)
    # training seeds torch's generators at every step; restore the caller's
    generators = torch.random.fork_rng(devices=range(torch.cuda.device_count()))
    shown = on_update is None and can_be_shown() if progress is None else progress
    with run.writing(new=not resume), generators, progress_bar(on_update, shown=shown) as on_update:
        if settings:
            _begin_stage(run, settings, resume)
        trainer = Trainer(run, device=device, on_update=on_update, trackers=track)
        if resume:
            trainer.resume()
        cost = None if on_cost is None or trainer.state.finished else measure_cost(trainer)
        if not resume:
            trainer.start()
        if on_cost is not None and cost is not None:
            on_cost(cost)
        if on_start is not None:
            on_start()
        with tracking(trainer.accelerator, run):
            interrupted = trainer.train()
    if trainer.accelerator.num_processes > 1:
        # a process that exits while another still communicates with it makes the other abort
        trainer.accelerator.wait_for_everyone()
        trainer.accelerator.end_training()
    return interrupted


def _begin_stage(run: Run, settings: Mapping[str, Any], resume: bool) -> None:
    """Begin a new stage at the last saved step. Raises ``SpecError`` for settings that cannot change."""
    if not resume:
        raise SpecError(
            expected="no `settings` for a new run, which has those of its recipe",
            got=", ".join(settings),
            remedy="change the recipe, or resume a run with them",
        )
    check_changes(settings)
    run.stage.settings.changed(settings)
    state = read_state(run.state_path)
    if not state.step:
        raise SpecError(
            expected=f"at least one step of {run.folder}, to train on with other settings",
            got="none",
            remedy="resume it without settings, or train a new run",
        )
    run.train_on(settings, step=state.step, seconds=state.seconds)
