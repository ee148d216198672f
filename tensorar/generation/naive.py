"""The plain loop: one call of the whole network for each coefficient that is unknown in some example."""

from __future__ import annotations

from torch import Tensor

from tensorar.generation.walk import Walk


def plain(walk: Walk) -> int:
    """Complete the walk's events; the number of network passes. Only examples that need it are computed."""
    passes = 0
    for t, coefficient in enumerate(walk.visits):
        rows = walk.unknown(t)
        if rows is None or len(rows):
            drawn = walk.draw(_parameters(walk, t, rows), t, rows)
            walk.value[slice(None) if rows is None else rows, coefficient] = drawn
            passes += 1
        walk.tick(1)
    return passes


def _parameters(walk: Walk, t: int, rows: Tensor | None) -> Tensor:
    model, order = walk.model, walk.order
    some = slice(None) if rows is None else rows
    value = walk.value[some]
    known = order.evidence_before(value.reshape(-1, *order.event_shape), t)
    query = order.visits[t].expand(len(value), 1)
    context = None if walk.context is None else walk.context[some]
    answer: Tensor = model.query(known, query, order, context)
    return answer[:, 0]
