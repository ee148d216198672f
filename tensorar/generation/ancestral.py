"""Ancestral sampling: the one loop over the coefficients, with whichever stepper and chooser."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from tensorar.generation.cuda_graphs import CapturedRun, GraphCapture, capturable
from tensorar.generation.generation import Generation
from tensorar.generation.look_ahead import Drawn, Draws
from tensorar.generation.state import SamplingState
from tensorar.generation.steppers import PrefixStepper
from tensorar.stepper import CandidateStepper

# bounds the memory of parameters that are kept for a look at them
STEPS_PER_LOOK = 16


class Ancestral:
    """Completes batch after batch, coefficient by coefficient; the number of network passes each time.

    ``cached`` uses the backbone's stepper, else the whole network is called at every step. With a ``capture`` the
    second batch is captured, and further ones of the same size and order replay it. The first one warms up: libraries
    that a GPU loads at their first use cannot be loaded during a capture.
    """

    def __init__(self, *, cached: bool, capture: Callable[[], GraphCapture] | None = None) -> None:
        self.cached, self.capture = cached, capture
        self.captured: CapturedRun | None = None
        self.warm = False

    def __call__(self, state: SamplingState) -> int:
        """Fill in what is unknown."""
        # without autograd's bookkeeping each operation is faster by a microsecond or two
        with torch.inference_mode():
            if self.captured is not None and self.captured.fits(state):
                drawn, passes = self.captured.replay(state), 1
                state.report_steps(len(state.order))
            else:
                drawn, passes = self._run(state)
        state.value.copy_(state.visits.by_coefficient(drawn.T))
        return passes

    def _run(self, state: SamplingState) -> tuple[Tensor, int]:
        generation = Generation(state.model, len(state.value), state.visits, state.context, cached=self.cached)
        if self.capture is not None and self.captured is None and self.warm and capturable(state, generation):
            self.captured = CapturedRun(state, generation, run_loop, self.capture())
            return self.captured.drawn.clone(), 1
        # the captured operations are the same for all values
        look_ahead = self.capture is None
        drawn, self.warm = run_loop(state, generation, state.noise_by_step(), look_ahead=look_ahead), True
        stepper = generation.stepper
        return drawn, stepper.passes if isinstance(stepper, PrefixStepper | CandidateStepper) else 1


def run_loop(
    state: SamplingState, generation: Generation, noise: tuple[Tensor, ...], *, look_ahead: bool = False
) -> Float[Tensor, "n batch"]:
    """The values of all coefficients by step: the observed ones, and those chosen from conditionals and noise."""
    known = state.visits.by_step(state.value).T if state.observed is not None else None
    values: list[Tensor] = []
    unknown = state.unknown_rows()
    if known is not None:
        values.extend(known[: _known_first(unknown)])
        generation.prefill(known[: len(values)].T)
        state.report_steps(len(values))
    largest = Largest()
    largest.extend(torch.zeros_like(value).unsqueeze(-1) for value in values)
    everywhere = all(rows is None for rows in unknown[len(values) :])
    draw = Draws(generation, state.choose, noise, look_ahead=look_ahead and everywhere)
    while not generation.done:
        t, rows = generation.position, unknown[generation.position]
        if known is None or rows is None:
            drawn, parameters = draw()
        else:
            drawn, parameters = _complete(state, generation, known[t], noise[t], rows)
        values.extend(drawn)
        largest.extend(parameters)
        state.report_steps(len(drawn))
    # heads draw some value from NaN too, which the caller must not take for a sample
    return torch.where(largest.by_step().isnan(), torch.nan, torch.stack(values))


class Largest:
    """The largest parameter of each example at each step: NaN if one of them is.

    Steps are reduced several at a time, since an operation on few numbers takes as long as one on many.
    """

    def __init__(self) -> None:
        self.reduced: list[Tensor] = []
        self.pending: list[Tensor] = []

    def extend(self, parameters: Iterable[Float[Tensor, "batch parameters"]]) -> None:
        """Take in the parameters of the next steps."""
        for each in parameters:
            if self.pending and (len(self.pending) == STEPS_PER_LOOK or self.pending[0].shape != each.shape):
                self._reduce()
            self.pending.append(each)

    def by_step(self) -> Float[Tensor, "steps batch"]:
        """Those of all steps so far."""
        self._reduce()
        return torch.cat(self.reduced)

    def _reduce(self) -> None:
        self.reduced.append(torch.stack(self.pending).amax(-1))
        self.pending = []


def _known_first(unknown: list[Tensor | None]) -> int:
    """The number of steps before the first at which something is drawn."""
    return next((t for t, rows in enumerate(unknown) if rows is None or len(rows)), len(unknown))


def _complete(state: SamplingState, generation: Generation, value: Tensor, noise: Tensor, rows: Tensor) -> Drawn:
    """The next values where they are known in all but some examples, and the largest parameter of each that is drawn.

    It is NaN if one of the parameters is.
    """
    largest = torch.zeros_like(value)
    if len(rows):
        parameters = state.full_precision(generation.parameters(rows))
        index = generation.index[rows] if generation.index.ndim else generation.index
        value[rows], largest[rows] = state.choose(parameters, noise[rows], index), parameters.amax(-1)
    generation.advance(value)
    return (value,), (largest.unsqueeze(1),)
