"""Ancestral sampling: the one loop over the coefficients, with whichever stepper and chooser."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from tensorar.generation.cuda_graphs import CapturedRun, GraphCapture, capturable
from tensorar.generation.generation import Generation
from tensorar.generation.state import SamplingState
from tensorar.generation.steppers import PrefixStepper
from tensorar.stepper import CandidateStepper


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
        drawn, self.warm = run_loop(state, generation, state.noise_by_step()), True
        stepper = generation.stepper
        return drawn, stepper.passes if isinstance(stepper, PrefixStepper | CandidateStepper) else 1


def run_loop(state: SamplingState, generation: Generation, noise: tuple[Tensor, ...]) -> Float[Tensor, "n batch"]:
    """The values of all coefficients by step: the observed ones, and those chosen from conditionals and noise."""
    known = state.visits.by_step(state.value).T if state.observed is not None else None
    values: list[Tensor] = []
    unknown = state.unknown_rows()
    if known is not None:
        values.extend(known[: _known_first(unknown)])
        generation.prefill(known[: len(values)].T)
        state.report_steps(len(values))
    largest = [torch.zeros_like(value) for value in values]
    for t, rows in enumerate(unknown[len(values) :], start=len(values)):
        if known is None or rows is None:
            value, parameter = _draw(state, generation, noise[t])
        else:
            value, parameter = known[t], torch.zeros_like(known[t])
            if len(rows):
                value[rows], parameter[rows] = _draw(state, generation, noise[t][rows], rows)
        generation.advance(value)
        values.append(value)
        largest.append(parameter)
        state.report_steps(1)
    # heads draw some value from NaN too, which the caller must not take for a sample
    return torch.where(torch.stack(largest).isnan(), torch.nan, torch.stack(values))


def _known_first(unknown: list[Tensor | None]) -> int:
    """The number of steps before the first at which something is drawn."""
    return next((t for t, rows in enumerate(unknown) if rows is None or len(rows)), len(unknown))


def _draw(
    state: SamplingState, generation: Generation, noise: Tensor, rows: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The next values of some examples (None: all), and the largest parameter of each: NaN if one of them is."""
    parameters = state.full_precision(generation.parameters(rows))
    index = generation.index if rows is None or not generation.index.ndim else generation.index[rows]
    return state.choose(parameters, noise, index), parameters.amax(-1)
