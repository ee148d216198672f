"""Fixed-point sampling: all coefficients at once, again and again, until nothing changes."""

from __future__ import annotations

import torch
from torch import Tensor

from tensorar.conditionals import all_conditionals
from tensorar.generation.state import SamplingState


def fixed_point(state: SamplingState) -> int:
    """Complete a batch by Jacobi iteration; the number of passes, at most ``N`` and typically far fewer.

    With the noise fixed a sample is the solution of ``x = g(x)``, where ``g(x)[i]`` depends only on what is visited
    before ``i``: after ``k`` passes the first ``k`` coefficients are final, and all are once a pass changes nothing.
    The solution is unique, hence the sample of the loop. Song et al. 2020 (arXiv:2002.03629), Wiggers and Hoogeboom
    2020 (arXiv:2002.09928).
    """
    noise = state.noise[:, state.order.rank.flatten()]
    steps, settled = len(state.order), 0
    for passes in range(1, steps + 1):
        again, invalid = _pass(state, noise)
        differs = (again != state.value)[:, state.order.visits].any(0)
        state.value.copy_(again)
        # the values up to the first that changed depend on nothing that can still change
        first = int(differs.int().argmax()) if bool(differs.any()) else steps
        now = max(settled, min(first + 1, steps), passes)
        state.report_steps(now - settled)
        settled = now
        if first == steps or settled == steps:
            break
    state.report_steps(steps - settled)
    # heads draw some value from NaN too, which the caller must not take for a sample
    state.value.masked_fill_(invalid, torch.nan)
    return passes


def _pass(state: SamplingState, noise: Tensor) -> tuple[Tensor, Tensor]:
    """New values, and which of them were drawn from parameters that are NaN."""
    model, order = state.model, state.order
    features = model.features(state.value.reshape(-1, *order.event_shape))
    parameters = all_conditionals(model.backbone, features, order, state.context)
    parameters = state.full_precision(parameters.reshape(*state.value.shape, -1))
    drawn = state.choose(parameters, noise, model.coefficients.flatten())
    invalid = parameters.amax(-1).isnan()
    if state.observed is None:
        return drawn, invalid
    return torch.where(state.observed, state.value, drawn), invalid & ~state.observed
