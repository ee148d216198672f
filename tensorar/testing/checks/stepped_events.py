"""Events fed to a stepper, next to the forward pass of the same events."""

from __future__ import annotations

import torch
from torch import Tensor

from tensorar.backbone import Backbone, CausalBackbone
from tensorar.generation.steppers import make_stepper
from tensorar.generation.visits import Visits
from tensorar.model import AutoregressiveModel
from tensorar.stepper import Stepper
from tensorar.testing.generate.cases import Case
from tensorar.testing.oracles import parameters_of
from tensorar.testing.results import CheckFailed, CheckSkipped

BATCH = 3


class SteppedEvents:
    """A stepper of a model with the events that it is fed, and the parameters expected at each step."""

    def __init__(self, model: AutoregressiveModel, x: Tensor, context: Tensor | None) -> None:
        self.model, self.context, self.t = model, context, 0
        self.visits: list[int] = model.order.visits.tolist()
        self.stepper = _new_stepper(model, len(x), context)
        self.returned: list[Tensor] = []
        self.expect(x)

    @classmethod
    def of(cls, case: Case, model: AutoregressiveModel, offset: int = 1, batch: int = BATCH) -> SteppedEvents:
        """A batch of random events of a case."""
        return cls(model, case.events(batch, offset), case.contexts(batch, offset))

    def expect(self, x: Tensor) -> None:
        """Feed these events from now on, and expect their parameters with the current weights."""
        self.x = x
        with torch.no_grad():
            self.parameters = parameters_of(self.model, x, self.context)
        self.features = self.model.features(self.model.standardize(x)).reshape(len(x), len(self.visits), -1)

    def step(self, when: str = "") -> None:
        """Take one step. Raises ``CheckFailed`` unless it returns the parameters of the forward pass."""
        t = self.t
        with torch.inference_mode():
            got = self.stepper.step(None if t == 0 else self.features[:, self.visits[t - 1]])
        self.t += 1
        self.returned.append(got)
        self._compare(got, t, when)

    def look_back(self) -> None:
        """Raise ``CheckFailed`` unless all that the steps returned is as it was, for events fed without a change."""
        for t, parameters in enumerate(self.returned):
            self._compare(parameters, t, ", once later ones are taken,")

    def step_to(self, t: int, when: str = "") -> None:
        """Take steps until the next one is ``t``."""
        while self.t < t:
            self.step(when)

    def finish(self, when: str = "") -> None:
        """Take the remaining steps."""
        self.step_to(len(self.visits), when)

    def prefill(self, count: int) -> None:
        """Take in the first coefficients, before any step, so that the next one is ``count``, from 1 on."""
        with torch.inference_mode():
            self.stepper.prefill(self.features[:, self.visits[: count - 1]])
        self.t = count

    def look_ahead(self, steps: int, right: int, *, keep: bool) -> None:
        """Look ahead of step ``t``, from 1 on, with so many right guesses and then wrong ones; move on by all of these.

        Raises ``CheckFailed`` unless the parameters are those of the forward pass as far as guesses are right.
        """
        guesses = self.features[:, self.visits[self.t - 1 : self.t + steps - 1]].clone()
        guesses[:, right + 1 :] = 1 - guesses[:, right + 1 :]
        with torch.inference_mode():
            got = self.stepper.ahead(guesses)
            if got.shape[1] != steps:
                raise CheckFailed(f"ahead of {steps} steps gives the parameters of {got.shape[1]}")
            for k in range(min(right + 1, steps)):
                self._compare(got[:, k], self.t + k, f" that looks ahead from step {self.t}")
            if keep:
                self.stepper.keep(min(right + 1, steps))
                self.t += min(right + 1, steps)

    def _compare(self, got: Tensor, t: int, when: str) -> None:
        expected = self.parameters[:, self.visits[t]]
        if got.shape != expected.shape or not torch.allclose(got, expected, rtol=1e-9, atol=1e-9):
            raise CheckFailed(f"step {t} of the stepper{when} gives other parameters than the forward pass")

    def select(self, rows: Tensor, upcoming: Tensor) -> None:
        """Keep these examples, and continue them with the values of ``upcoming``, one event per row."""
        with torch.inference_mode():
            self.stepper.select(rows)
        self.context = None if self.context is None else self.context[rows]
        self.expect(torch.where(self.model.order.mask_before(self.t), self.x[rows], upcoming))

    def reset(self, x: Tensor) -> None:
        """Begin again with other events."""
        with torch.inference_mode():
            self.stepper.reset()
        self.t = 0
        self.expect(x)


def require_own_stepper(backbone: type[Backbone]) -> None:
    """Raise ``CheckSkipped`` for a backbone without a stepper of its own."""
    if backbone.stepper is CausalBackbone.stepper:  # type: ignore[attr-defined]
        raise CheckSkipped("the backbone has no stepper of its own")


def _new_stepper(model: AutoregressiveModel, batch: int, context: Tensor | None) -> Stepper:
    with torch.inference_mode():
        return make_stepper(model.backbone, Visits([model.order]), batch, context)
