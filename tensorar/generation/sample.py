"""Sampling: choice of the method, batches, and the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

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
from tensorar.generation.mixture_orders import draw_orders
from tensorar.generation.state import SamplingState
from tensorar.noise import uniform
from tensorar.order import Order
from tensorar.utils.shapes import flatten_events, rows_of

Method = Literal["auto", "cached", "fixed-point", "naive"]
ProgressCallback = Callable[[int, int], None]
# examples (rows of the batch) and their order
Grouped = list[tuple[Tensor, Order]]


@dataclass
class SamplingInfo:
    """How ``sample`` drew its samples.

    ``method`` and the most network ``passes`` of any batch; ``exact`` is False if values were not drawn from the
    model's conditionals, and ``chooser`` lists the options that changed that; ``one_by_one`` if the head draws values
    one by one. Evidence that the order visits after an unknown coefficient does not influence it.
    """

    method: str = ""
    passes: int = 0
    exact: bool = True
    chooser: str = ""
    one_by_one: bool = False

    def __str__(self) -> str:
        text = f"{self.method}, {self.passes} pass{'' if self.passes == 1 else 'es'} of the network"
        if self.one_by_one:
            text += "; values drawn one by one, which is slow"
        return text if self.exact else f"{text}; {self.chooser}: not the model's distribution"


def complete(
    model: Factorization,
    evidence: Evidence,
    context: Tensor | None,
    *,
    method: Method = "auto",
    chooser: Chooser,
    progress: ProgressCallback | None = None,
    info: SamplingInfo | None = None,
    memory: int | None = None,
) -> Tensor:
    """Draw what is unknown given the evidence, in the orders of ``model.orders_for_completion``.

    Raises ``SpecError`` for a method or a chooser that the model does not support.
    """
    info = SamplingInfo() if info is None else info
    info.method, info.exact, info.chooser = choose_method(model, method), chooser.is_exact, str(chooser)
    info.passes, info.one_by_one = 0, chooser.is_exact and model.head.draws_one_by_one
    # reject unsupported options even when n is 0
    noise_size = chooser.noise_size(model.head)
    value, mask = evidence.value.clone(), evidence.mask
    if not len(value):
        return value
    size = max_batch_size(model, info.method, len(value), chooser, memory)
    blocks = _blocks(_groups(model, evidence, context), len(value), size)
    report = _StepCounter(len(model.order) * sum(map(len, blocks)), progress)
    sampler = _sampler(info.method, model, sum(map(len, blocks)))
    for block in blocks:
        # drawn example by example, so that samples do not depend on how many there are, nor on their orders
        count = sum(len(rows) for rows, _ in block)
        noise = uniform((count, len(model.order), noise_size), model.dtype, model.device)
        first = min(int(rows[0]) for rows, _ in block)
        for rows, order in block:
            observed = flatten_events(mask[rows])
            known, given = observed if bool(observed.any()) else None, rows_of(context, rows)
            flat, own_noise = flatten_events(value[rows]), noise if len(block) == 1 else noise[rows - first]
            state = SamplingState(model, order, flat, known, given, own_noise, chooser, report)
            info.passes = max(info.passes, sampler(state))
            value[rows] = state.value.reshape(len(rows), *model.event_shape)
    return value


def _blocks(groups: Grouped, n: int, size: int) -> list[Grouped]:
    """Blocks of ``size`` consecutive examples, each grouped by order."""
    if len(groups) == 1:
        ((rows, order),) = groups
        return [[(some, order)] for some in rows.split(size)]
    member = groups[0][0].new_empty(n)
    for k, (rows, _) in enumerate(groups):
        member[rows] = k
    blocks = []
    for start in range(0, n, size):
        of_block = member[start : start + size]
        orders = of_block.unique().tolist()
        blocks.append([(start + (of_block == k).nonzero()[:, 0], groups[k][1]) for k in orders])
    return blocks


def _groups(model: Factorization, evidence: Evidence, context: Tensor | None) -> Grouped:
    if model.ordering.ensemble:
        return draw_orders(model, evidence, context)
    if model.ordering.adaptive:
        return [(rows, model.order) for rows in rows_by_known(evidence.mask)]
    return model.orders_for_completion(evidence.mask)


def rows_by_known(mask: Bool[Tensor, "batch *event"]) -> list[Int[Tensor, " rows"]]:
    """The examples grouped by how many of their coefficients are known."""
    known = flatten_events(mask).sum(1)
    return [(known == count).nonzero()[:, 0] for count in known.unique()]


def _sampler(method: str, model: Factorization, batches: int) -> Callable[[SamplingState], int]:
    """The function that completes one batch after another; with several on a GPU it captures the second."""
    if method == "fixed-point":
        return fixed_point
    several = batches > 2 and model.device.type == "cuda" and not model.ordering.adaptive
    return Ancestral(cached=method == "cached", capture=CUDAGraphCapture if several and method == "cached" else None)


def choose_method(model: Factorization, method: str) -> str:
    """The method by name; ``auto`` is the fastest that the model supports. Raises ``SpecError``."""
    if method not in get_args(Method):
        raise SpecError(
            expected=f"a sampling method: {', '.join(get_args(Method))}", got=repr(method), remedy="choose one"
        )
    if method == "auto":
        return _fastest(model)
    if model.ordering.adaptive and method != _fastest(model):
        raise SpecError(
            expected=f"{_fastest(model)} sampling for the adaptive ordering {model.ordering.name!r}",
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


def _fastest(model: Factorization) -> str:
    backbone = model.backbone
    if not isinstance(backbone, CausalBackbone):
        return "naive"
    return "cached" if backbone.has_stepper or model.ordering.adaptive else "fixed-point"


class _StepCounter:
    """Adds up the steps of all batches for one progress callback."""

    def __init__(self, total: int, progress: ProgressCallback | None) -> None:
        self.total, self.progress, self.done = total, progress, 0

    def __call__(self, steps: int) -> None:
        if steps and self.progress is not None:
            self.done += steps
            self.progress(self.done, self.total)
