"""The training loop."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tensorar.errors import RunError
from tensorar.runs.run import Run
from tensorar.training.batches import Batches, keyed_seed
from tensorar.training.checking import check_data, check_missing, check_shares, load_initial
from tensorar.training.device import agreed_folder, make_accelerator
from tensorar.training.interrupts import StopRequest, catch_interrupts, saved_before_exit
from tensorar.training.memory import require_memory_for_training
from tensorar.training.optimization import Optimization
from tensorar.training.optimizer import learning_rate_factor
from tensorar.training.patience import Patience
from tensorar.training.state import TrainingState
from tensorar.training.trackers import FOLDER, track
from tensorar.training.update import TrainingUpdate, UpdateCallback
from tensorar.training.validation import Validation
from tensorar.utils.processes import is_main_process
from tensorar.utils.random_state import seed_all


class Trainer:
    """Trains the model of a run and updates the run folder.

    ``model.safetensors`` holds the averaged weights (EMA) of the best validation. An interrupt saves the state and ends
    the training; a resumed run arrives at the same weights as an uninterrupted one.
    """

    def __init__(
        self,
        run: Run,
        *,
        device: str = "auto",
        on_update: UpdateCallback | None = None,
        trackers: Sequence[str] = (),
    ) -> None:
        self.run, self.on_update, self.stage = run, on_update, run.stage
        self.settings = self.stage.settings
        logs = run.folder / FOLDER
        self.accelerator = make_accelerator(device, self.settings.precision, trackers=trackers, logs=logs)
        process, processes = self.accelerator.process_index, self.accelerator.num_processes
        run.folder = agreed_folder(run.folder, processes)
        dataset = run.dataset
        check_shares(dataset, self.settings, processes)
        self.batches = Batches(
            dataset,
            self.settings.batch_size,
            self.settings.seed,
            process=process,
            processes=processes,
            device=self.accelerator.device,
            augmentation=self.settings.augmentation,
        )
        self.validation = Validation(dataset, self.settings, self.accelerator)
        self.training_events = len(dataset.train)
        self.steps = self.stage.last_step(self.training_events)
        self.state, self.patience = TrainingState(), Patience(self.settings.patience)
        self.failure: BaseException | None = None
        # held while weights and state change, so that another thread can save them before or after
        self.changing, self._ended = threading.RLock(), False
        model = run.new_model()
        require_memory_for_training(
            model, math.ceil(self.batches.batch_size / self.settings.accumulate), len(self.validation.events)
        )
        check_data(dataset, str(run.recipe.dataset), model.head, run.registry)
        check_missing(dataset, model)
        if run.initial is None:
            model.init_from_marginals(dataset.sampled.train)
        else:
            load_initial(model, run.initial)
        self.optimization = Optimization(model, self.settings, self.accelerator)

    def start(self) -> None:
        """Write the first state and the recipe, after which the run can be resumed."""
        self._save()
        if is_main_process():
            self.run.save_recipe()
            self.run.keep_parsed()

    def resume(self) -> None:
        """Restore the last saved state; where a new stage begins, what ended the last one does not count."""
        self.state = self.optimization.load(self.run.state_path)
        if 0 < self.state.step == self.stage.first_step:
            self.state.begin_stage()
        if self.steps is not None and self.state.step > self.steps:
            raise RunError(
                expected=f"a state of at most {self.steps} steps, as the recipe plans, in {self.run.state_path}",
                got=str(self.state.step),
                remedy="restore recipe.toml and the state from one copy, or train again in a new folder",
            )
        if is_main_process():
            self.run.drop_metrics_after(self.state.step)
            if 0 < self.state.step == self.stage.first_step:
                self.run.save_recipe()
            self.run.keep_parsed()
        self.accelerator.wait_for_everyone()

    # --- the loop ---------------------------------------------------------------------------------------------------

    def train(self) -> int | None:
        """Train to the end, or to an interrupt; return the number of its signal, or None at the end.

        Errors of ``on_update``, and those of the network and the dataset, are raised when the state has been saved.
        """
        with catch_interrupts() as request, saved_before_exit(self._save_from_outside):
            stop = 0
            if self.state.interval_steps and self._evaluation_is_due:
                # it ended in the evaluation
                self._after_step()
            while not self.state.finished and not stop:
                try:
                    self._step()
                except RunError:
                    raise
                except BaseException:
                    self._save_before_update()
                    raise
                stop = self._agree(request)
                self._after_step()
            if not self.state.finished:
                with self.changing:
                    self._save()
                    self._keep_some_weights()
                    self._ended = True
        if self.failure is not None:
            raise self.failure
        return None if self.state.finished else stop

    def _step(self) -> None:
        started, step = time.perf_counter(), self.state.step
        events, contexts = self.batches[step]
        # all random numbers of a step (of dropout, for example) depend on the seed, the step and the process only
        seed_all(keyed_seed(self.settings.seed, "step", step, self.accelerator.process_index))
        nats = self.optimization.gradients(
            events,
            contexts,
            batch_size=self.batches.batch_size,
            factor=self._learning_rate_factor(),
            number=step,
            progress=self.fraction,
            checked=self.batches.checked,
        )
        with self.changing:
            self.optimization.update()
            self.state.step += 1
            self.state.seconds += time.perf_counter() - started
            self.state.interval_nats += nats
            self.state.interval_steps += 1
        self._report(self.state.interval_nats / self.state.interval_steps)

    def _learning_rate_factor(self) -> float:
        hold, end = self.patience.hold(self.state), self.patience.end(self.state)
        step = self.state.step - self.stage.first_step
        return learning_rate_factor(step, self.settings.warmup, self._share_of_length, hold, end)

    def _agree(self, request: StopRequest) -> int:
        """The signal of a stop request (0: none), agreed on by all processes, as is the training time."""
        wanted = request.signal or (0 if self.failure is None else signal.SIGTERM)
        if self.accelerator.num_processes == 1:
            return wanted
        mine = torch.tensor([[wanted, self.state.seconds]], dtype=torch.float64)
        gathered: Tensor = self.accelerator.gather(mine.to(self.accelerator.device))
        self.state.seconds = float(gathered[:, 1].max())
        return int(gathered[:, 0].max())

    @property
    def fraction(self) -> float:
        """The fraction of this stage of the training that is done, as far as is known: it may end before its length."""
        return min(1.0, self._share_of_length / self.patience.end(self.state))

    @property
    def _share_of_length(self) -> float:
        return self.stage.fraction(self.state.step, self.state.seconds, self.training_events)

    @property
    def _evaluation_is_due(self) -> bool:
        return self.fraction >= 1 or self.state.step % self.settings.evaluate_every == 0

    def _after_step(self) -> None:
        if self._evaluation_is_due:
            row = self._row()
            with self.changing:
                self._record(row)
                self.state.finished = self.fraction >= 1
                evaluated = (self.state.step - self.stage.first_step) // self.settings.evaluate_every
                self.patience.update(self.state, self._share_of_length, evaluated)
                if self.state.finished:
                    self._keep_some_weights()
                self._save()
                self._ended = self.state.finished

    # --- evaluation and saving --------------------------------------------------------------------------------------

    def _record(self, row: dict[str, Any]) -> None:
        improved = self.state.record(row["valid_nats"])
        if is_main_process():
            self.run.add_metrics(row)
            track(self.accelerator, row)
            if improved:
                self.run.save_model(self.optimization.averaged_model)
        self._report(row["train_nats"], row)

    def _row(self) -> dict[str, Any]:
        likelihood = self.validation.likelihood(self.optimization.averaged_model)
        return {
            "step": self.state.step,
            "seconds": round(self.state.seconds, 3),
            "train_nats": self.state.interval_nats / self.state.interval_steps,
            "valid_nats": likelihood.nats,
            "valid_bits_per_dim": likelihood.bits_per_dim,
            "valid_perplexity": likelihood.perplexity,
            "valid_exact": likelihood.exact,
            "valid_data_nats": likelihood.data_nats,
            "valid_observed": likelihood.observed,
            "learning_rate": self.optimization.learning_rate,
        }

    def _keep_some_weights(self) -> None:
        """Save the weights if training ends before its first finite validation."""
        if self.state.best_nats is None and is_main_process():
            self.run.save_model(self.optimization.averaged_model)

    def _save(self) -> None:
        if is_main_process():
            self.optimization.save(self.run.state_path, self.state)
        self.accelerator.wait_for_everyone()

    def _save_from_outside(self) -> Path | None:
        """Save the state of the last step from another thread, and stop the training there; return the run's folder.

        None if the training has ended, and saved its state itself.
        """
        # never released: no step begins before the process ends
        self.changing.acquire()
        if self._ended:
            self.changing.release()
            return None
        self._save_before_update()
        return self.run.folder

    def _save_before_update(self) -> None:
        """Save the state of the last step, unless an update was begun or has not been counted."""
        if is_main_process() and self.optimization.is_at(self.state.step):
            self.optimization.save(self.run.state_path, self.state)
            self._keep_some_weights()

    def _report(self, nats: float, row: dict[str, Any] | None = None) -> None:
        if self.on_update is None or self.failure is not None or not is_main_process():
            return
        speed = self.state.step * self.batches.batch_size / max(self.state.seconds, 1e-9)
        size = self.validation.observed or math.prod(self.run.event_shape)
        try:
            self.on_update(TrainingUpdate(self.state, self.steps, self.fraction, nats, size, speed, row))
        except KeyboardInterrupt:
            raise
        except BaseException as failure:
            # a closed terminal, for example, which is no reason to lose the training
            self.failure = failure
