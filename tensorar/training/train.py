"""Training a run from beginning to end."""

from __future__ import annotations

from collections.abc import Callable

import torch

from tensorar.runs.run import Run
from tensorar.training.cost import TrainingCost, measure_cost
from tensorar.training.trainer import Trainer
from tensorar.training.update import UpdateCallback


def train(
    run: Run,
    *,
    resume: bool = False,
    device: str = "auto",
    on_update: UpdateCallback | None = None,
    on_start: Callable[[], None] | None = None,
    on_cost: Callable[[TrainingCost], None] | None = None,
) -> int | None:
    """Train a run, or resume it. Returns None at the end, or the number of the signal that interrupted it.

    The run's folder is locked meanwhile. ``on_cost``, if given, is called with what the training will take, measured
    on a copy of the model before anything is written. ``on_start`` is called before the first step, after all checks;
    ``on_update`` after every step and evaluation. If no validation is finite, the last weights are kept. Raises
    ``SupportError`` when the head does not accept the data, ``RunError`` when the loss is not finite, when another
    process trains the run, or when a file cannot be read or written; ``TensorarError`` for a step of more memory than
    there is, if the cost is measured.
    """
    # training seeds torch's generators at every step; restore the caller's
    generators = torch.random.fork_rng(devices=range(torch.cuda.device_count()))
    with run.writing(new=not resume), generators:
        trainer = Trainer(run, device=device, on_update=on_update)
        if resume:
            trainer.resume()
        cost = None if on_cost is None or trainer.state.finished else measure_cost(trainer)
        if not resume:
            trainer.start()
        if on_cost is not None and cost is not None:
            on_cost(cost)
        if on_start is not None:
            on_start()
        interrupted = trainer.train()
    if trainer.accelerator.num_processes > 1:
        # a process that exits while another still communicates with it makes the other abort
        trainer.accelerator.wait_for_everyone()
        trainer.accelerator.end_training()
    return interrupted
