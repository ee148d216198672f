"""Sampling: the method, how many events at a time, and what is reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

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
from tensorar.order import Order
from tensorar.utils.shapes import flatten_events, rows_of

Method = Literal["auto", "cached", "fixed-point", "naive"]
ProgressCallback = Callable[[int, int], None]


@dataclass
class SamplingInfo:
    """What a call of ``sample`` did.

    ``method`` and the most network ``passes`` of any batch; ``exact`` is False if samples do not follow the model's
    distribution, and ``chooser`` says how they were chosen; ``one_by_one`` if the head draws values one by one.
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
    info.one_by_one = chooser.is_exact and model.head.draws_one_by_one
    # options that the head does not have are refused even for no samples
    chooser.noise_size(model.head)
    value, mask = evidence.value.clone(), evidence.mask
    if not len(value):
        return value
    size = max_batch_size(model, info.method, len(value), chooser, memory)
    batches = [(rows, order) for group, order in _groups(model, evidence, context) for rows in group.split(size)]
    progress_bar = _StepCounter(sum(len(order) for _, order in batches), progress)
    sampler = _sampler(info.method, model, len(batches))
    for rows, order in batches:
        observed = flatten_events(mask[rows])
        known = observed if bool(observed.any()) else None
        given = rows_of(context, rows)
        state = SamplingState(model, order, flatten_events(value[rows]), known, given, chooser, progress_bar)
        info.passes = max(info.passes, sampler(state))
        value[rows] = state.value.reshape(len(rows), *model.event_shape)
    return value


def _groups(model: Factorization, evidence: Evidence, context: Tensor | None) -> list[tuple[Tensor, Order]]:
    if model.ordering.ensemble:
        return draw_orders(model, evidence, context)
    return model.orders_for_completion(evidence.mask)


def _sampler(method: str, model: Factorization, batches: int) -> Callable[[SamplingState], int]:
    """The function that completes one batch after another; with several on a GPU it captures the first."""
    if method == "fixed-point":
        return fixed_point
    several = batches > 1 and model.device.type == "cuda"
    return Ancestral(cached=method == "cached", capture=CUDAGraphCapture if several and method == "cached" else None)


def choose_method(model: Factorization, method: str) -> str:
    """The method by name; ``auto`` is the fastest that the model supports. Raises ``SpecError``."""
    if method not in get_args(Method):
        raise SpecError(
            expected=f"a sampling method: {', '.join(get_args(Method))}", got=repr(method), remedy="choose one"
        )
    if method == "auto":
        return _fastest(model)
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
    return "cached" if backbone.has_stepper else "fixed-point"


class _StepCounter:
    """Adds up the steps of all batches for one progress callback."""

    def __init__(self, total: int, progress: ProgressCallback | None) -> None:
        self.total, self.progress, self.done = total, progress, 0

    def __call__(self, steps: int) -> None:
        if steps and self.progress is not None:
            self.done += steps
            self.progress(self.done, self.total)
