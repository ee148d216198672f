"""What a training will take, measured on a few events before its first step: seconds, and memory."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from tensorar.errors import TensorarError
from tensorar.evidence import Evidence
from tensorar.model import AutoregressiveModel
from tensorar.training.batch_parts import part_size
from tensorar.training.batches import keyed_generator, keyed_seed
from tensorar.training.evaluation import EVENTS_PER_CHUNK, event_nats, never_estimated
from tensorar.training.memory import COPIES_OF_WEIGHTS, weight_bytes
from tensorar.training.validation import SAMPLES_PER_EVENT
from tensorar.utils.allocation import StepGuard
from tensorar.utils.memory import available_memory, format_bytes, peak_memory, require_memory, restart_peak_memory
from tensorar.utils.random_state import seeded
from tensorar.utils.shapes import rows_of, split_batch
from tensorar.utils.timing import seconds_of_all

if TYPE_CHECKING:
    from tensorar.training.trainer import Trainer

# a step of a whole batch is tried if it should take less; longer ones are extrapolated from at least so many events
MAX_TRIAL_SECONDS, TRIED_EVENTS = 2.0, 8
SLOW_STEP = 5.0
# copies of the weights that come later: the moments of Adam; these and what is written when all of weights, average and
# moments are saved, as bytes and as a file of them, instead of the copy that is tried
MOMENTS, WHEN_SAVING = 2, 2 + 2 * 4 - 1
# of the time of a step, the forward pass takes about a third
FORWARD = 1 / 3


@dataclass(frozen=True)
class TrainingCost:
    """Measured before the first step: ``seconds`` are those to the end, evaluations included, at most ``steps`` steps.

    If ``limited_by_time``, the steps are as many as the time allows at the measured pace: there may be a few more.
    ``memory`` is in bytes, that of the whole process (of the GPU, if the model is on one). ``notes`` say what would be
    smaller where a step is slow or the weights are large.
    """

    step_seconds: float
    steps: int
    epochs: float
    evaluations: int
    seconds: float
    memory: int
    limited_by_time: bool = False
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


def measure_cost(trainer: Trainer) -> TrainingCost | None:
    """Try a step on a copy of the model; None if it fails, as the training itself will then say.

    Raises ``TensorarError``, with the size, for a step that takes more memory than is available.
    """
    trial = _Trial(trainer)
    step = trial.step_seconds()
    return None if step is None else _cost(trainer, step, trial)


class _Trial:
    """Forward and backward passes of some events of the next batch, which change nothing of the training."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer, self.step = trainer, trainer.state.step
        self.batch_size = trainer.batches.batch_size
        self.part_size = math.ceil(self.batch_size / trainer.settings.accumulate)
        restart_peak_memory(trainer.accelerator.device)
        self.memory = self.held = peak_memory(trainer.accelerator.device)

    def step_seconds(self) -> float | None:
        """The seconds of a step, extrapolated from a few events if it is slow."""
        guard = StepGuard("training on one event")
        try:
            model = copy.deepcopy(self.trainer.optimization.model).train()
            events, contexts = self.trainer.batches[self.step]
            with guard:
                self._seconds(model, events, contexts, 1)
                self.part_size = min(self.part_size, part_size(model, events, contexts))
            seconds = self._extrapolated(model, events, contexts)
            self._validate(model)
            # with what networks keep between steps, such as masks
            restart_peak_memory(self.trainer.accelerator.device)
            self.held = peak_memory(self.trainer.accelerator.device)
            return seconds
        except TensorarError as error:
            if error is guard.refusal or error is self.refusal:
                raise
            return None
        except Exception:
            return None

    refusal: TensorarError | None = None

    def _extrapolated(self, model: AutoregressiveModel, events: Tensor | Evidence, contexts: Tensor | None) -> float:
        share = len(events)
        few = min(share, TRIED_EVENTS)
        one, peak_of_one = self._measured(model, events, contexts, 1)
        some, peak = self._measured(model, events, contexts, few)
        self._require(peak + (peak - peak_of_one) // max(1, few - 1) * max(0, self.part_size - few))
        return seconds_of_all(
            lambda count: self._measured(model, events, contexts, count)[0],
            share,
            one=one,
            tried=few,
            some=some,
            budget=MAX_TRIAL_SECONDS,
        )

    def _validate(self, model: AutoregressiveModel) -> None:
        """Look at the memory that a chunk of the validation takes, extrapolated from a few events."""
        exact, validation = never_estimated(model), self.trainer.validation
        if exact and not model.is_causal:  # a pass for each coefficient
            return
        count = min(len(validation.events), EVENTS_PER_CHUNK)
        few, peaks = min(count, TRIED_EVENTS), []
        for n in (1, few):
            restart_peak_memory(self.trainer.accelerator.device)
            some, generator = next(split_batch(validation.events, validation.contexts, n)), keyed_generator("trial")
            event_nats(model.eval(), *some, exact=exact, samples=SAMPLES_PER_EVENT, generator=generator)
            peaks.append(peak_memory(self.trainer.accelerator.device))
        self.memory = max(self.memory, peaks[1] + (peaks[1] - peaks[0]) // max(1, few - 1) * (count - few))

    def _require(self, bytes_: int) -> None:
        """Require memory for what a batch takes."""
        self.memory = max(self.memory, bytes_)
        if self.trainer.accelerator.device.type == "cpu":
            try:
                require_memory(
                    bytes_ - peak_memory(),
                    f"training steps of {self.batch_size} events",
                    remedy="use a smaller batch_size, or a smaller network",
                )
            except TensorarError as error:
                self.refusal = error
                raise

    def _measured(
        self, model: AutoregressiveModel, events: Tensor | Evidence, contexts: Tensor | None, count: int
    ) -> tuple[float, int]:
        """The seconds of a step on the first events, and the memory that the process then takes at most."""
        device = self.trainer.accelerator.device
        restart_peak_memory(device)
        seconds = self._seconds(model, events, contexts, count)
        peak = peak_memory(device)
        self.memory = max(self.memory, peak)
        return seconds, peak

    def _seconds(
        self, model: AutoregressiveModel, events: Tensor | Evidence, contexts: Tensor | None, count: int
    ) -> float:
        accelerator, some = self.trainer.accelerator, slice(0, count)
        started = time.perf_counter()
        with seeded(keyed_seed("trial", self.step), accelerator.device), accelerator.autocast():
            for part, of_part in split_batch(events[some], rows_of(contexts, some), self.part_size):
                loss = model.loss(part.to(accelerator.device), of_part, progress=self.trainer.fraction)
                loss.backward()
                # reading a number waits for a GPU
                float(loss.detach())
        model.zero_grad()
        return time.perf_counter() - started


def _cost(trainer: Trainer, step: float, trial: _Trial) -> TrainingCost:
    settings, model = trainer.settings, trainer.optimization.model
    factor = 1 if model.is_causal else len(model.order) if never_estimated(model) else SAMPLES_PER_EVENT
    passes = len(trainer.validation.events) * factor * len(model.orders) / trainer.batches.batch_size
    evaluation = FORWARD * step * passes
    mean = step + evaluation / settings.evaluate_every
    planned = math.inf if trainer.steps is None else trainer.steps - trainer.state.step
    # evaluations do not count as training time
    time = math.inf if settings.minutes is None else max(0.0, 60 * settings.minutes - trainer.state.seconds)
    in_time = time / max(step, 1e-6)
    steps = max(0, int(min(planned, in_time)))
    weights = weight_bytes(model)
    saved = trial.held + WHEN_SAVING * weights if model.device.type == "cpu" else 0
    memory = max(trial.memory + MOMENTS * weights, saved)
    events = steps * trainer.batches.batch_size
    evaluations = -(-steps // settings.evaluate_every)
    return TrainingCost(
        step,
        steps,
        events / len(trainer.batches.dataset.train),
        evaluations,
        steps * mean,
        memory,
        in_time < planned,
        tuple(_notes(model, step, trainer.batches.batch_size)),
    )


def _notes(model: AutoregressiveModel, step: float, batch_size: int) -> list[str]:
    notes = []
    if step > SLOW_STEP:
        smaller = int(batch_size * SLOW_STEP / step)
        remedy = f"batch_size={smaller} or a smaller network" if smaller else "a smaller network, or smaller events,"
        notes.append(f"a step takes {step:.0f} s: {remedy} would be faster")
    weights, memory = COPIES_OF_WEIGHTS * weight_bytes(model), available_memory()
    if weights > memory / 2:
        name, largest = max(model.named_parameters(), key=lambda named: named[1].numel())
        notes.append(
            f"the weights take {format_bytes(weights)} in training, more than half of the memory: the largest are "
            f"{name} of shape {tuple(largest.shape)}, which smaller options of the backbone make smaller"
        )
    return notes
