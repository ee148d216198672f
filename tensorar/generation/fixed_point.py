"""Fixed-point sampling: all coefficients at once, again and again, until nothing changes."""

from __future__ import annotations

import torch
from torch import Tensor

from tensorar.conditionals import all_conditionals
from tensorar.generation.walk import Walk


def fixed_point(walk: Walk) -> int:
    """Complete the walk's events by Jacobi iteration; the number of passes, at most ``N`` and typically far fewer.

    With the noise fixed a sample is the solution of ``x = g(x)``, where ``g(x)[i]`` depends only on what is visited
    before ``i``: after ``k`` passes the first ``k`` coefficients are final, and so are all once a pass changes nothing.
    The solution is unique, hence the sample of the plain loop. Song et al. 2020 (arXiv:2002.03629), Wiggers & Hoogeboom
    2020 (arXiv:2002.09928).
    """
    assert walk.noise is not None
    noise = torch.stack(walk.noise, 1)[:, walk.order.rank.flatten()]
    steps, settled = len(walk.visits), 0
    for passes in range(1, steps + 1):
        again = _pass(walk, noise)
        differs = (again != walk.value)[:, walk.order.visits].any(0)
        walk.value.copy_(again)
        # what a pass has reproduced from the front stands on nothing that can still change
        first = int(differs.int().argmax()) if bool(differs.any()) else steps
        now = max(settled, min(first + 1, steps), passes)
        walk.tick(now - settled)
        settled = now
        if first == steps or settled == steps:
            break
    walk.tick(steps - settled)
    return passes


def _pass(walk: Walk, noise: Tensor) -> Tensor:
    model, order = walk.model, walk.order
    features = model.features(walk.value.reshape(-1, *order.event_shape))
    parameters = all_conditionals(model.backbone, features, order, walk.context)
    coefficients = torch.arange(len(walk.visits), device=walk.value.device)
    parameters = walk.whole(parameters.reshape(len(walk.value), len(walk.visits), -1))
    drawn = model.head.draw(parameters, noise, coefficients)
    return drawn if walk.observed is None else torch.where(walk.observed, walk.value, drawn)
