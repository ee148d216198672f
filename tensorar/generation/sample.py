"""Sampling: choice of the method, batches, and the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from tensorar.backbone import CausalBackbone
from tensorar.errors import SpecError
from tensorar.evidence import Evidence
from tensorar.factorization import Factorization
from tensorar.generation.ancestral import Ancestral
from tensorar.generation.batch_size import max_batch_size
from tensorar.generation.choosers import Chooser
from tensorar.generation.cuda_graphs import CUDAGraphCapture
from tensorar.generation.fixed_point import fixed_point
from tensorar.generation.info import SamplingInfo
from tensorar.generation.mixture_orders import draw_members
from tensorar.generation.state import SamplingState
from tensorar.generation.visits import AdaptiveVisits, Visits
from tensorar.noise import uniform
from tensorar.order import Order
from tensorar.utils.shapes import flatten_events, rows_of

Method = Literal["auto", "cached", "fixed-point", "naive"]
ProgressCallback = Callable[[int, int], None]
# examples (rows of the batch) and their order
Grouped = list[tuple[Tensor, Order]]
Block = list[tuple[Tensor, Visits]]


def complete(
    model: Factorization,
    evidence: Evidence,
    context: Tensor | None,
    *,
    method: Method = "auto",
    chooser: Chooser,
    orders: Sequence[Order] | None = None,
    progress: ProgressCallback | None = None,
    info: SamplingInfo | None = None,
    memory: int | None = None,
    order: Order | None = None,
) -> Tensor:
    """Draw what is unknown given the evidence, in ``order``, by default in those of ``model.orders_for_completion``.

    With ``orders`` each example draws one of them. What an order visits after an unknown coefficient does not influence
    it.

    Raises ``SpecError`` for a method or a chooser that the model does not support.
    """
    info = SamplingInfo() if info is None else info
    adaptive = model.ordering.adaptive and orders is None and order is None
    info.method = choose_method(model, method, adaptive=adaptive)
    info.exact, info.chooser = chooser.is_exact, str(chooser)
    info.passes, info.one_by_one = 0, chooser.is_exact and model.head.draws_one_by_one
    # reject unsupported options even when n is 0
    noise_size = chooser.noise_size(model.head)
    value, mask = evidence.value.clone(), evidence.mask
    if not len(value):
        return value
    size = max_batch_size(model, info.method, len(value), chooser, memory)
    if adaptive:
        blocks = _adaptive_blocks(model, mask, size)
    else:
        everything = torch.arange(len(value), device=value.device)
        groups = _groups(model, orders, evidence, context) if order is None else [(everything, order)]
        # an evidence backbone takes a batch of several orders; a stepper of a causal one serves one order
        blocks = _blocks(groups, len(value), size, together=not model.is_causal)
    batches = sum(map(len, blocks))
    report, sampler = StepCounter(len(model.order) * batches, progress), _sampler(info.method, model, batches)
    for block in blocks:
        # drawn example by example, so that samples do not depend on how many there are, nor on their orders
        count = sum(len(rows) for rows, _ in block)
        noise = uniform((count, len(model.order), noise_size), model.dtype, model.device)
        first = min(int(rows[0]) for rows, _ in block)
        for rows, visits in block:
            observed = flatten_events(mask[rows])
            known, given = observed if bool(observed.any()) else None, rows_of(context, rows)
            flat, own_noise = flatten_events(value[rows]), noise if len(block) == 1 else noise[rows - first]
            state = SamplingState(model, visits, flat, known, given, own_noise, chooser, report)
            info.passes = max(info.passes, sampler(state))
            value[rows] = state.value.reshape(len(rows), *model.event_shape)
    return value


def _blocks(groups: Grouped, n: int, size: int, *, together: bool) -> list[Block]:
    """Blocks of ``size`` consecutive examples, each grouped by order or, ``together``, with an order per example."""
    if len(groups) == 1:
        ((rows, order),) = groups
        return [[(some, Visits([order]))] for some in rows.split(size)]
    orders, member = [order for _, order in groups], groups[0][0].new_empty(n)
    for k, (rows, _) in enumerate(groups):
        member[rows] = k
    everything = torch.arange(n, device=member.device)
    if together:
        return [[(rows, Visits(orders, member[rows]))] for rows in everything.split(size)]
    return [
        [(rows[member[rows] == k], Visits([orders[k]])) for k in member[rows].unique().tolist()]
        for rows in everything.split(size)
    ]


def _adaptive_blocks(model: Factorization, mask: Bool[Tensor, "batch *event"], size: int) -> list[Block]:
    """Blocks of ``size`` consecutive examples, each grouped by how many of their coefficients are known."""
    everything = torch.arange(len(mask), device=mask.device)
    grouped = [[rows[some] for some in rows_by_known(mask[rows])] for rows in everything.split(size)]
    known = flatten_events(mask)
    return [[(rows, AdaptiveVisits.of_mask(model.order, known[rows])) for rows in groups] for groups in grouped]


def _groups(
    model: Factorization, orders: Sequence[Order] | None, evidence: Evidence, context: Tensor | None
) -> Grouped:
    mixed = model.orders if orders is None and model.ordering.ensemble else orders
    if mixed is not None:
        return draw_members(model, mixed, evidence, context)
    return model.orders_for_completion(evidence.mask)


def rows_by_known(mask: Bool[Tensor, "batch *event"]) -> list[Int[Tensor, " rows"]]:
    """The examples grouped by how many of their coefficients are known."""
    known = flatten_events(mask).sum(1)
    return [(known == count).nonzero()[:, 0] for count in known.unique()]


def _sampler(method: str, model: Factorization, batches: int) -> Callable[[SamplingState], int]:
    """The function that completes one batch after another; with several on a GPU it captures the second."""
    if method == "fixed-point":
        return fixed_point
    several = batches > 2 and model.device.type == "cuda"
    return Ancestral(cached=method == "cached", capture=CUDAGraphCapture if several and method == "cached" else None)


def choose_method(model: Factorization, method: str, *, adaptive: bool = False) -> str:
    """The method by name; ``auto`` is the fastest that the model supports. Raises ``SpecError``.

    ``adaptive``: the model's ordering chooses the orders, step by step.
    """
    if method not in get_args(Method):
        raise SpecError(
            expected=f"a sampling method: {', '.join(get_args(Method))}", got=repr(method), remedy="choose one"
        )
    if method == "auto":
        return _fastest(model, adaptive)
    if adaptive and method != _fastest(model, adaptive):
        raise SpecError(
            expected=f"{_fastest(model, adaptive)} sampling for the adaptive ordering {model.ordering.name!r}",
            got=method,
            remedy='use method="auto"',
        )
    if method != "naive" and not model.is_causal:
        raise SpecError(
            expected=f"a causal backbone for {method} sampling",
            got=f"{model.backbone.name!r}, which takes any evidence",
            remedy='use method="auto"',
        )
    return method


def _fastest(model: Factorization, adaptive: bool) -> str:
    backbone = model.backbone
    if not isinstance(backbone, CausalBackbone):
        return "naive"
    return "cached" if backbone.has_stepper or adaptive else "fixed-point"


class StepCounter:
    """Adds up the steps of all batches for one progress callback."""

    def __init__(self, total: int, progress: ProgressCallback | None) -> None:
        self.total, self.progress, self.done = total, progress, 0

    def __call__(self, steps: int = 1) -> None:
        """Count some steps."""
        if steps and self.progress is not None:
            self.done += steps
            self.progress(self.done, self.total)
