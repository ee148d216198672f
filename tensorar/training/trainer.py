"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tensorar.dataset import Dataset
from tensorar.errors import RunError
from tensorar.model import AutoregressiveModel
from tensorar.runs.run import Run
from tensorar.runs.settings import TrainingSettings
from tensorar.training.averaging import averaged
from tensorar.training.batches import Batches, keyed_seed
from tensorar.training.checking import check_data, check_shares
from tensorar.training.device import make_accelerator
from tensorar.training.interrupts import StopRequest, catch_interrupts
from tensorar.training.optimizer import learning_rate_factor, make_optimizer
from tensorar.training.state import Progress, load_state, save_state
from tensorar.training.validation import Validation


@dataclass(frozen=True)
class Report:
    """What a training tells whoever watches: after every step, and with ``row`` after every evaluation."""

    progress: Progress
    steps: int | None
    fraction: float
    nats: float
    coefficients: int
    examples_per_second: float
    row: dict[str, Any] | None = None


Watcher = Callable[[Report], None]


class Trainer:
    """Trains the model of a run and keeps the run folder up to date.

    The weights kept in ``model.safetensors`` are those of the best validation, averaged (EMA). An interrupt saves and
    ends the training; a resumed one goes on to the same weights as if there had been none.
    """

    def __init__(self, run: Run, *, device: str = "auto", watch: Watcher | None = None) -> None:
        self.run, self.watch = run, watch
        self.settings: TrainingSettings = run.recipe.training
        self.accelerator = make_accelerator(device, self.settings.precision)
        self.dataset: Dataset = run.dataset
        check_shares(self.dataset, self.settings, self.accelerator.num_processes)
        self.batches = Batches(
            self.dataset,
            self.settings.batch_size,
            self.settings.seed,
            process=self.accelerator.process_index,
            processes=self.accelerator.num_processes,
        )
        self.validation = Validation(self.dataset, self.settings, self.accelerator)
        self.steps = self.settings.planned_steps(len(self.dataset.train))
        self.progress = Progress()
        self._make_model()

    # --- set-up -----------------------------------------------------------------------------------------------------

    def _make_model(self) -> None:
        model = self.run.new_model()
        check_data(self.dataset, str(self.run.recipe.dataset), model.head, self.run.registry)
        model.init_from_marginals(self.dataset.train)
        self.module: Any
        self.module, self.optimizer = self.accelerator.prepare(model, make_optimizer(model, self.settings))
        self.model: AutoregressiveModel = self.accelerator.unwrap_model(self.module)
        self.average = averaged(self.model, self.settings.ema)

    @property
    def averaged_model(self) -> AutoregressiveModel:
        """The model that is evaluated and kept."""
        model = self.average.module
        assert isinstance(model, AutoregressiveModel)
        return model

    @property
    def _modules(self) -> dict[str, torch.nn.Module]:
        return {"model": self.model, "average": self.average}

    def begin(self) -> None:
        """Write the first state and the recipe: from here on the run can be resumed, whatever ends it."""
        self._save()
        if self.accelerator.is_main_process:
            self.run.save_recipe()

    def resume(self) -> None:
        """Go back to the state that the run was last saved in."""
        self.progress = load_state(self.run.state_path, self._modules, self.optimizer.optimizer)
        if self.accelerator.is_main_process:
            self.run.drop_metrics_after(self.progress.step)
        self.accelerator.wait_for_everyone()

    # --- the loop ---------------------------------------------------------------------------------------------------

    def train(self) -> int | None:
        """Train to the end, or to an interrupt: the signal's number then, else None."""
        with catch_interrupts() as request:
            while not self.progress.finished:
                self._step()
                stop = self._agree(request)
                self._after_step()
                if stop and not self.progress.finished:
                    self._save()
                    self._keep_something()
                    return stop
        return None

    def _agree(self, request: StopRequest) -> int:
        """The signal that asks to stop (0: none), and with it the clock: the same for all processes."""
        if self.accelerator.num_processes == 1:
            return request.signal or 0
        mine = torch.tensor([[request.signal or 0, self.progress.seconds]], dtype=torch.float64)
        gathered: Tensor = self.accelerator.gather(mine.to(self.accelerator.device))
        self.progress.seconds = float(gathered[:, 1].max())
        return int(gathered[:, 0].max())

    def _step(self) -> None:
        started, step, seed = time.perf_counter(), self.progress.step, self.settings.seed
        events, contexts = self.batches[step]
        events = events.to(self.accelerator.device)
        # every random number of a step (dropout too) follows from the seed, the step and the process
        torch.manual_seed(keyed_seed(seed, "step", step, self.accelerator.process_index))
        self._set_learning_rate()
        self.module.train()
        # processes average their gradients; an event counts as much in a small share as in a large one
        weight = len(events) * self.accelerator.num_processes / self.batches.batch_size
        loss: Tensor = self.module(events, contexts)
        self._require_finite(float(loss.detach()))
        self.accelerator.backward(loss * weight)
        self.accelerator.clip_grad_norm_(self.module.parameters(), self.settings.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.average.update_parameters(self.model)
        self._note(float(loss.detach()), time.perf_counter() - started)

    def _require_finite(self, nats: float) -> None:
        if not math.isfinite(nats):
            raise RunError(
                expected=f"a finite loss at step {self.progress.step}",
                got=str(nats),
                remedy="lower the learning rate, or raise the head's floor; the last saved state is kept",
            )

    def _note(self, nats: float, seconds: float) -> None:
        self.progress.step += 1
        self.progress.seconds += seconds
        self.progress.interval_nats += nats
        self.progress.interval_steps += 1
        self._tell(nats=self.progress.interval_nats / self.progress.interval_steps)

    def _set_learning_rate(self) -> None:
        factor = learning_rate_factor(self.progress.step, self.settings.warmup, self.fraction)
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * factor

    @property
    def fraction(self) -> float:
        """How much of the training is done, by steps or by the clock, whichever is further."""
        by_steps = self.progress.step / self.steps if self.steps else 0.0
        by_clock = self.progress.seconds / (60 * self.settings.minutes) if self.settings.minutes else 0.0
        return min(1.0, max(by_steps, by_clock))

    def _after_step(self) -> None:
        at_end = self.fraction >= 1
        if at_end or self.progress.step % self.settings.evaluate_every == 0:
            self._evaluate()
            out_of_patience = 0 < self.settings.patience <= self.progress.evaluations_without_improvement
            self.progress.finished = at_end or out_of_patience
            if self.progress.finished:
                self._keep_something()
            self._save()

    # --- evaluation and saving --------------------------------------------------------------------------------------

    def _evaluate(self) -> None:
        progress = self.progress
        likelihood = self.validation.likelihood(self.averaged_model)
        row = {
            "step": progress.step,
            "seconds": round(progress.seconds, 3),
            "train_nats": progress.interval_nats / progress.interval_steps,
            "valid_nats": likelihood.nats,
            "valid_bits_per_dim": likelihood.bits_per_dim,
            "valid_perplexity": likelihood.perplexity,
            "valid_exact": likelihood.exact,
            "valid_data_nats": likelihood.data_nats,
            "learning_rate": self.optimizer.param_groups[0]["lr"],
        }
        best = math.inf if progress.best_nats is None else progress.best_nats
        improved = math.isfinite(likelihood.nats) and likelihood.nats < best
        progress.evaluations_without_improvement = 0 if improved else progress.evaluations_without_improvement + 1
        progress.interval_nats, progress.interval_steps = 0.0, 0
        if improved:
            progress.best_nats = likelihood.nats
        if self.accelerator.is_main_process:
            self.run.add_metrics(row)
            if improved:
                self.run.save_model(self.averaged_model)
        self._tell(nats=row["train_nats"], row=row)

    def _keep_something(self) -> None:
        """Weights to look at for a training that ends before its first finite validation."""
        if self.progress.best_nats is None and self.accelerator.is_main_process:
            self.run.save_model(self.averaged_model)

    def _save(self) -> None:
        if self.accelerator.is_main_process:
            save_state(self.run.state_path, self.progress, self._modules, self.optimizer.optimizer)
        self.accelerator.wait_for_everyone()

    def _tell(self, *, nats: float, row: dict[str, Any] | None = None) -> None:
        if self.watch is None or not self.accelerator.is_main_process:
            return
        speed = self.progress.step * self.batches.batch_size / max(self.progress.seconds, 1e-9)
        self.watch(Report(self.progress, self.steps, self.fraction, nats, len(self.model.order), speed, row))


def train(
    run: Run,
    *,
    resume: bool = False,
    device: str = "auto",
    watch: Watcher | None = None,
    begun: Callable[[], None] | None = None,
) -> int | None:
    """Train a run, or go on with one: None at the end, the signal's number when an interrupt ended it earlier.

    ``begun`` is called before the first step, when all has been found to fit. Where no validation is finite, the last
    weights are kept.
    Raises ``SupportError`` when the head does not take the data, ``RunError`` when something cannot be written.
    """
    # training seeds torch's generators at every step; who calls it finds them as they were
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        trainer = Trainer(run, device=device, watch=watch)
        if resume:
            trainer.resume()
        else:
            trainer.begin()
        if begun is not None:
            begun()
        stopped = trainer.train()
    if trainer.accelerator.num_processes > 1:
        # a process that leaves while another still talks to it makes that one abort
        trainer.accelerator.wait_for_everyone()
        trainer.accelerator.end_training()
    return stopped
