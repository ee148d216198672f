"""Sampling: visit the coefficients in order, draw the unknown ones, keep the observed ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tensorar.evidence import Evidence
from tensorar.order import Order
from tensorar.shapes import flatten_events

if TYPE_CHECKING:
    from tensorar.model import AutoregressiveModel

Progress = Callable[[int, int], None]


@contextmanager
def reproducible(generator: torch.Generator | None, device: torch.device) -> Iterator[None]:
    """Make every draw inside depend on the generator alone, and leave torch's global state as it was.

    ``torch.distributions`` draw from the global state and take no generator, so it is seeded from the generator.
    Without a generator the global state is used as it is.
    """
    if generator is None:
        yield
        return
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield


def complete(
    model: AutoregressiveModel, evidence: Evidence, context: Tensor | None, progress: Progress | None
) -> Tensor:
    """Draw what is unknown, conditioned on the evidence as ``model.visiting`` orders it."""
    value = evidence.value.clone()
    groups = model.visiting(evidence.mask, by_chance=True)
    total = sum(len(order) for _, order in groups)
    done = 0
    for rows, order in groups:
        some = rows_of(context, rows)
        for drawn in _steps(model, value[rows], evidence.mask[rows], order, some):
            value[rows] = drawn
            done += 1
            if progress is not None:
                progress(done, total)
    return value


def _steps(
    model: AutoregressiveModel, value: Tensor, mask: Tensor, order: Order, context: Tensor | None
) -> Iterator[Tensor]:
    """The plain loop: one call of the network for each coefficient that is unknown in some example."""
    flat, observed = flatten_events(value), flatten_events(mask)
    for t, coefficient in enumerate(order.visits):
        unknown = ~observed[:, coefficient]
        if unknown.any():
            flat[unknown, coefficient] = _draw(model, flat[unknown], t, order, rows_of(context, unknown))
        yield flat.reshape(value.shape)


def _draw(model: AutoregressiveModel, flat: Tensor, t: int, order: Order, context: Tensor | None) -> Tensor:
    known = order.evidence(flat.reshape(-1, *order.event_shape), t)
    query = order.visits[t].expand(len(flat), 1)
    parameters = model.query(known, query, order, context)[:, 0]
    return model.distribution(parameters, query[:, 0]).sample().to(flat.dtype)


def rows_of(context: Tensor | None, rows: Tensor | slice) -> Tensor | None:
    """The context of some examples, where there is one."""
    return None if context is None else context[rows]
