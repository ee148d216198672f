"""The way to condition each example on what is known of it: exactly where an order or an enumeration allows it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tensorar.ensemble import observed_before_unknown
from tensorar.errors import SpecError, SupportError
from tensorar.factorization import Factorization
from tensorar.order import Order
from tensorar.parts.spec import nearest
from tensorar.support import support_values
from tensorar.utils.shapes import flatten_events

Conditioning = Literal["auto", "exact", "smc", "clamp"]
# what is unknown before the last known coefficient is enumerated up to this many completions
MAX_COMPLETIONS = 4096
DEFAULT_PARTICLES = 64
# of logarithms of numbers of completions
ROUNDING = 1e-6
UNCOUNTED = 1e6
# in the order of preference: the known comes first, completions are enumerated, or weighted particles
FIRST, ENUMERATED, PARTICLES = 0, 1, 2


@dataclass(frozen=True)
class ConditioningOptions:
    """How to condition on what is known.

    Raises ``SpecError`` for an unknown way, fewer than one particle, or a proposal for a way without particles.

    Options:
        conditioning: ``exact`` where possible and else ``smc`` (``auto``), or one of ``exact``, ``smc`` and ``clamp``.
        particles: Number of particles of each completion for ``smc``.
        proposal: A model of the same events that proposes what is unknown for ``smc``; None: the model itself.
    """

    conditioning: Conditioning = "auto"
    particles: int = DEFAULT_PARTICLES
    proposal: Any = None

    def __post_init__(self) -> None:
        check_conditioning(self.conditioning)
        if self.particles < 1:
            raise SpecError(expected="`particles` >= 1", got=str(self.particles), remedy="use 64 or more")
        if self.proposal is not None and self.conditioning in ("exact", "clamp"):
            raise SpecError(
                expected="`conditioning` auto or smc with a `proposal`, which draws particles",
                got=self.conditioning,
                remedy="leave one of them out",
            )

    def ways(self, model: Factorization, order: Order, mask: Bool[Tensor, "batch *event"]) -> Int[Tensor, " batch"]:
        """``FIRST``, ``ENUMERATED`` or ``PARTICLES`` for each example in one order. Raises ``SpecError``."""
        ways = possible_ways(model, order, mask)
        if self.conditioning == "smc":
            return torch.where((ways == FIRST) & _nothing_known(mask), FIRST, PARTICLES)
        if self.conditioning == "exact" and bool((ways == PARTICLES).any()):
            raise not_exact(mask[ways == PARTICLES])
        return ways


def check_conditioning(name: str) -> Conditioning:
    """The way of that name. Raises ``SpecError`` if there is none."""
    ways: tuple[Conditioning, ...] = get_args(Conditioning)
    if name not in ways:
        raise SpecError(
            expected=f"`conditioning` to be one of {', '.join(ways)}", got=repr(name), remedy=nearest(name, ways)
        )
    return next(way for way in ways if way == name)


def possible_ways(model: Factorization, order: Order, mask: Bool[Tensor, "batch *event"]) -> Int[Tensor, " batch"]:
    """The first way of the three that is possible for each example in one order."""
    skipped = unknown_before_known(order, mask)
    few = (skipped * _log_counts(model)[order.visits.cpu()].to(mask.device)).sum(1) <= math.log(
        MAX_COMPLETIONS
    ) + ROUNDING
    return torch.where(~skipped.any(1), FIRST, torch.where(few, ENUMERATED, PARTICLES))


def _log_counts(model: Factorization) -> Float[Tensor, " n"]:
    """The logarithm of the number of values of each coefficient; a large number where they are too many."""
    counts = []
    for member in model.head.members:
        values = support_values(member)
        counts.append(UNCOUNTED if values is None else math.log(len(values)))
    return torch.tensor(counts)[model.head.kinds(torch.arange(len(model.order)))]


def unknown_before_known(order: Order, mask: Bool[Tensor, "batch *event"]) -> Bool[Tensor, "batch n"]:
    """Which steps of an order visit an unknown coefficient before the last known one."""
    unknown = ~flatten_events(mask)[:, order.visits]
    return unknown & (torch.arange(len(order), device=mask.device) < known_steps(order, mask)[:, None])


def known_steps(order: Order, mask: Bool[Tensor, "batch *event"]) -> Int[Tensor, " batch"]:
    """The number of steps after which an order has visited all that is known."""
    return flatten_events(torch.where(mask, order.rank + 1, 0)).amax(1)


def members_for(model: Factorization, mask: Bool[Tensor, "*event"]) -> tuple[Order, ...]:
    """The orders whose mixture the model is, given what is known.

    An ensemble: those that visit it first, if there are any, else all. A model of all orders: its order, with what is
    known moved to the front.
    """
    if model.ordering.ensemble:
        mixed = mixed_members(model, mask.unsqueeze(0))[:, 0].tolist()
        return tuple(order for order, keep in zip(model.orders, mixed, strict=True) if keep)
    return (model.order.observed_first(mask),) if model.ordering.any_order else (model.order,)


def mixed_members(model: Factorization, mask: Bool[Tensor, "batch *event"]) -> Bool[Tensor, "orders batch"]:
    """Which of the model's orders are mixed given what is known: those that visit it first, if there are any."""
    first = observed_before_unknown(model.orders, mask) >= flatten_events(mask).sum(1)
    return first | ~first.any(0)


def not_exact(mask: Bool[Tensor, "batch *event"]) -> SpecError:
    """The error for evidence that no exact way exists for."""
    return SpecError(
        expected="evidence that an order visits first, or few unknown values before it, for `conditioning` exact",
        got=f"{int(mask[0].sum())} known, some after unknown ones with more than {MAX_COMPLETIONS} completions",
        remedy='use conditioning="auto", or a model trained with ordering=shuffled',
    )


def needs_particles(model: Factorization, mask: Bool[Tensor, "batch *event"], options: ConditioningOptions) -> bool:
    """Whether some likelihood given what is known takes sequential Monte Carlo. Raises ``SpecError`` as ``ways``."""
    if options.conditioning == "clamp" or model.ordering.adaptive:
        return False
    distinct = flatten_events(mask).unique(dim=0).reshape(-1, *model.event_shape)
    return any(
        bool((options.ways(model, order, known[None]) == PARTICLES).any())
        for known in distinct
        for order in members_for(model, known)
    )


def require_possible(log_evidence: Float[Tensor, " batch"], rows: Int[Tensor, " batch"]) -> None:
    """Raise ``SupportError`` for evidence of probability zero, naming the first example; ``rows`` are their numbers."""
    impossible = log_evidence == -torch.inf
    if bool(impossible.any()):
        raise SupportError(
            expected="evidence of a probability above zero",
            got=f"zero in example {int(rows[impossible][0])}",
            remedy="look at its values, or use more particles, a proposal, or a head with heavier tails",
        )


def _nothing_known(mask: Tensor) -> Tensor:
    return ~flatten_events(mask).any(1)
