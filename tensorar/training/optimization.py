"""One training step: loss, gradient, optimizer and averaged weights, on any device and number of processes."""

from __future__ import annotations

import math
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Real
from torch import Tensor, nn

from tensorar.errors import RunError
from tensorar.evidence import Evidence
from tensorar.finiteness import non_finite_weights
from tensorar.model import AutoregressiveModel
from tensorar.runs.settings import TrainingSettings
from tensorar.training.averaging import Averages
from tensorar.training.batch_parts import part_size
from tensorar.training.clipping import clip, norm_of
from tensorar.training.optimizer import make_optimizer, take_step
from tensorar.training.state import TrainingState, load_state, save_state
from tensorar.utils.shapes import split_batch

if TYPE_CHECKING:
    from accelerate import Accelerator


class Optimization:
    """A model with its optimizer and the moving average of its weights."""

    def __init__(self, model: AutoregressiveModel, settings: TrainingSettings, accelerator: Accelerator) -> None:
        self.settings, self.accelerator = settings, accelerator
        # the model in the wrapper that synchronizes the gradients of several processes
        self.module: Any
        # accelerate's own optimizer looks for packages in every step, and adds nothing in these precisions
        self.optimizer = make_optimizer(model, settings)
        self.module = accelerator.prepare(model)
        self.model: AutoregressiveModel = accelerator.unwrap_model(self.module)
        self.average = Averages(self.model, settings.ema)
        self._parameters = list(self.model.parameters())
        self._updating = False
        self._part_size: int | None = None

    @property
    def averaged_model(self) -> AutoregressiveModel:
        """The model with averaged weights, which is evaluated and kept."""
        model = self.average.module
        assert isinstance(model, AutoregressiveModel)
        return model

    @property
    def learning_rate(self) -> float:
        """The current learning rate."""
        return float(self.optimizer.param_groups[0]["lr"])

    def gradients(
        self,
        events: Real[Tensor, "share *event"] | Evidence,
        contexts: Float[Tensor, "share context"] | None,
        *,
        batch_size: int,
        factor: float,
        number: int,
        progress: float,
        checked: bool = False,
    ) -> float:
        """Compute the gradients of step ``number``, for the learning rate times ``factor``; return the nats per event.

        ``events`` are this process's share of a batch, ``checked`` if all have a probability; a large one is passed in
        parts, as it is with ``accumulate``. Raises ``RunError`` when the loss is not finite.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * factor
        if not self.module.training:
            self.module.train()
        if self._part_size is None:
            most = math.ceil(len(events) / self.settings.accumulate)
            self._part_size = min(most, part_size(self.model, events, contexts))
        *first, last = split_batch(events, contexts, self._part_size)
        # processes average their gradients, once; weight them so that every event of the batch counts the same
        options: dict[str, Any] = {"progress": progress, "checked": checked}
        weight = self.accelerator.num_processes / batch_size
        with self.accelerator.no_sync(self.module) if first else nullcontext():
            losses = [self._add_gradients(*part, weight, **options) for part in first]
        losses.append(self._add_gradients(*last, weight, **options))
        gradients = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
        norm = norm_of(gradients)
        # the first number that is read waits for a GPU, which has computed the others by then
        parts = zip(losses, (*first, last), strict=True)
        nats = sum(float(loss) * len(part[0]) for loss, part in parts) / len(events)
        if not math.isfinite(nats):
            raise self._not_finite(nats, number, events, contexts)
        clip(gradients, float(norm), self.settings.clip)
        return nats

    def _add_gradients(
        self, events: Tensor | Evidence, contexts: Tensor | None, weight: float, **options: Any
    ) -> Tensor:
        """Add the gradients of the nats of a part of a batch, times ``weight``; return its nats per event."""
        loss: Tensor = self.module(events.to(self.accelerator.device), contexts, **options)
        (loss * (len(events) * weight)).backward()
        return loss.detach()

    def update(self) -> None:
        """Take the step that ``gradients`` prepared: change the weights, those of the average too."""
        self._updating = True
        take_step(self.optimizer)
        for parameter in self._parameters:
            parameter.grad = None
        self.average.update_parameters(self.model)
        self._updating = False

    def is_at(self, step: int) -> bool:
        """Whether weights, optimizer and average are those after that many steps."""
        return not self._updating and int(self.average.n_averaged) == step

    def save(self, path: Path, state: TrainingState) -> None:
        """Write everything needed to resume."""
        save_state(path, state, self._modules, self.optimizer)

    def load(self, path: Path) -> TrainingState:
        """Restore what ``save`` wrote. Raises ``RunError``."""
        return load_state(path, self._modules, self.optimizer)

    def _not_finite(self, nats: float, number: int, events: Tensor | Evidence, contexts: Tensor | None) -> RunError:
        """The error for a loss that is not finite, with the weights or the event that make it so."""
        weights = non_finite_weights(self.model)
        got = f"{nats}; the weights {weights} are not finite" if weights else f"{nats}{self._first(events, contexts)}"
        return RunError(
            expected=f"a finite loss at step {number}",
            got=got,
            remedy="lower `learning_rate`, or raise the head's floor; the last saved state is kept",
        )

    @torch.no_grad()
    def _first(self, events: Tensor | Evidence, contexts: Tensor | None) -> str:
        for row in range(len(events)):
            context = None if contexts is None else contexts[row : row + 1]
            if not bool(self.model.loss(events[row : row + 1], context).isfinite()):
                values = (events.value if isinstance(events, Evidence) else events)[row]
                return f" for event {row} of the batch, whose values reach {values.abs().max().item():g}"
        return ""

    @property
    def _modules(self) -> dict[str, nn.Module]:
        return {"model": self.model, "average": self.average}
