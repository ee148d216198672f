"""Completing evidence by any method: which one, how many events at a time, and what is reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from torch import Tensor

from tensorar.backbone import CausalBackbone
from tensorar.errors import SpecError
from tensorar.evidence import Evidence
from tensorar.generation.batch_size import max_batch_size
from tensorar.generation.cached import Cached
from tensorar.generation.cuda_graphs import CUDAGraphCapture
from tensorar.generation.fixed_point import fixed_point
from tensorar.generation.mixture_orders import draw_orders
from tensorar.generation.naive import plain
from tensorar.generation.walk import Walk
from tensorar.order import Order
from tensorar.utils.shapes import flatten_events

if TYPE_CHECKING:
    from tensorar.model import AutoregressiveModel

Method = Literal["auto", "cached", "fixed-point", "plain"]
Progress = Callable[[int, int], None]


@dataclass
class Record:
    """What a call of ``sample`` did: the method it used, and the most network passes that any of its batches took."""

    method: str = ""
    passes: int = 0

    def __str__(self) -> str:
        return f"{self.method}, {self.passes} pass{'' if self.passes == 1 else 'es'} of the network"


def complete(
    model: AutoregressiveModel,
    evidence: Evidence,
    context: Tensor | None,
    *,
    method: Method = "auto",
    progress: Progress | None = None,
    record: Record | None = None,
    memory: int | None = None,
) -> Tensor:
    """Draw what is unknown, conditioned on the evidence as ``model.visiting`` orders it. Raises ``SpecError``."""
    record = Record() if record is None else record
    record.method = choose(model, method)
    value, mask = evidence.value.clone(), evidence.mask
    if not len(value):
        return value
    some = max_batch_size(model, record.method, len(value), memory)
    parts = [(few, order) for rows, order in _groups(model, evidence, context) for few in rows.split(some)]
    ticks = _Ticks(sum(len(order) for _, order in parts), progress)
    sampler = _sampler(record.method, model, len(parts))
    for rows, order in parts:
        flat, observed = flatten_events(value[rows]), flatten_events(mask[rows])
        nothing_observed = not bool(observed.any())
        walk = Walk(model, order, flat, None if nothing_observed else observed, rows_of(context, rows), ticks)
        record.passes = max(record.passes, sampler(walk))
        value[rows] = walk.value.reshape(len(rows), *model.event_shape)
    return value


def _groups(model: AutoregressiveModel, evidence: Evidence, context: Tensor | None) -> list[tuple[Tensor, Order]]:
    if model.ordering.ensemble:
        return draw_orders(model, evidence, context)
    return model.orders_for_completion(evidence.mask)


def _sampler(method: str, model: AutoregressiveModel, parts: int) -> Callable[[Walk], int]:
    """What completes one walk after the other. Where there are several, a GPU records the first and replays it."""
    if method == "cached":
        return Cached(CUDAGraphCapture if parts > 1 and model.device.type == "cuda" else None)
    return fixed_point if method == "fixed-point" else plain


def choose(model: AutoregressiveModel, method: str) -> str:
    """The method that is meant, ``auto`` being the fastest that there is. Raises ``SpecError`` where it cannot be."""
    causal = isinstance(model.backbone, CausalBackbone)
    if method not in get_args(Method):
        raise SpecError(
            expected=f"a method of sampling: {', '.join(get_args(Method))}", got=repr(method), remedy="choose one"
        )
    if method == "auto":
        return _fastest(model)
    if method == "cached" and not causal:
        raise SpecError(
            expected="a causal backbone for cached sampling",
            got=f"{model.backbone.name!r}, which sees any evidence",
            remedy="use method auto",
        )
    if method == "fixed-point" and (not causal or model.head.noise_size is None):
        raise SpecError(
            expected="a causal backbone, and a head that draws by an inverse, for fixed-point sampling",
            got=f"{model.backbone.name!r} with {model.head.name!r}",
            remedy="use method auto",
        )
    return method


def _fastest(model: AutoregressiveModel) -> str:
    backbone = model.backbone
    if not isinstance(backbone, CausalBackbone):
        return "plain"
    if backbone.has_stepper:
        return "cached"
    return "plain" if model.head.noise_size is None else "fixed-point"


class _Ticks:
    """Adds up the steps of all walks for one progress bar."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.total, self.progress, self.done = total, progress, 0

    def __call__(self, steps: int) -> None:
        if steps and self.progress is not None:
            self.done += steps
            self.progress(self.done, self.total)


def rows_of(context: Tensor | None, rows: Tensor | slice) -> Tensor | None:
    """The context of some examples, where there is one."""
    return None if context is None else context[rows]
