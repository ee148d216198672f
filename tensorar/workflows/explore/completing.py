"""Completions of one event, told coefficient by coefficient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from tensorar import validation
from tensorar.conditioning.sample import REASONS
from tensorar.conditioning.ways import FIRST
from tensorar.ensemble import observed_before_unknown
from tensorar.finiteness import check_finite
from tensorar.generation import SamplingInfo
from tensorar.generation.info import ConditioningInfo
from tensorar.generation.look_ahead import Draws
from tensorar.generation.sample import choose_method
from tensorar.model import AutoregressiveModel
from tensorar.noise import uniform
from tensorar.order import Order
from tensorar.utils.eval_mode import eval_mode
from tensorar.utils.random_state import reproducible
from tensorar.utils.shapes import flatten_events
from tensorar.workflows.explore.question import Question
from tensorar.workflows.sampling import seeded_generator

# the flat index of a coefficient, and its value in each completion
OnValue = Callable[[int, list[float]], None]
# steps done, and all steps
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Completed:
    """Completions ``(completions, *event)`` of one event, and how they were drawn.

    ``stepwise``: each value was told when it was drawn; else all were drawn before the first was told.
    """

    x: Float[Tensor, "completions *event"]
    info: SamplingInfo
    stepwise: bool


def complete(
    model: AutoregressiveModel, asked: Question, on_value: OnValue, on_progress: OnProgress | None = None
) -> Completed:
    """Draw what is unknown, and call ``on_value`` for every coefficient of it in the order of the visits.

    Where one order visits all that is known first, values are told as they are drawn, and equal those of
    ``model.sample`` with the seed. Under other orders (an ensemble, an adaptive ordering) and where the conditioning
    takes an enumeration or particles, they are known at the end only: ``on_progress(done, steps)`` is called before.
    Raises ``TensorarError``; an error raised by a callback ends it.
    """
    order = order_of_steps(model, asked)
    if order is not None:
        return _step_by_step(model, asked, order, on_value)
    info = SamplingInfo()
    drawn = model.sample(
        evidence=asked.evidence.repeat(asked.completions),
        context=asked.contexts,
        temperature=asked.temperature,
        conditioning=asked.conditioning,  # type: ignore[arg-type]
        particles=asked.particles,
        generator=seeded_generator(asked.seed),
        progress=on_progress,
        info=info,
    )
    _tell(drawn, visits_of(model, asked, drawn), on_value)
    return Completed(drawn.cpu(), info, stepwise=False)


def order_of_steps(model: AutoregressiveModel, asked: Question) -> Order | None:
    """The order in which values are drawn one by one, if it is one that visits all that is known first."""
    mask = asked.evidence.mask.to(model.device)
    if model.ordering.ensemble or model.ordering.adaptive:
        return None
    if asked.conditioning not in ("auto", "exact") and bool(mask.any()):
        return None
    _, order = model.orders_for_completion(mask)[0]
    return order if int(observed_before_unknown([order], mask)) >= int(mask.sum()) else None


def visits_of(model: AutoregressiveModel, asked: Question, x: Tensor) -> list[int]:
    """The flat indices of the unknown coefficients in the order in which the first of some completions visits them."""
    visits = model.visits_for(x[:1], asked.context, known=asked.evidence.mask)[0].tolist()
    known = asked.evidence.mask.flatten().tolist()
    return [index for index in visits if not known[index]]


def _step_by_step(model: AutoregressiveModel, asked: Question, order: Order, on_value: OnValue) -> Completed:
    evidence = validation.check_evidence(model, asked.evidence.repeat(asked.completions))
    context = validation.check_context(model, asked.contexts, asked.completions)
    size, choose = asked.chooser.noise_size(model.head), asked.chooser.bind(model.head)
    with reproducible(seeded_generator(asked.seed), model.device):
        noise = uniform((asked.completions, len(order), size), model.dtype, model.device).unbind(1)
    first = int(evidence.mask[0].sum())
    given = flatten_events(evidence.value)[:, order.visits[:first]]
    with torch.inference_mode(), eval_mode(model):
        state = model.generation(asked.completions, order, context)
        state.prefill(given)
        draw = Draws(state, choose, noise)
        while not state.done:
            steps = order.visits[state.position :]
            values, parameters = draw()
            check_finite(torch.stack(tuple(parameters)), "predicted distribution", model.backbone)
            steps = steps[: len(values)]
            drawn = model.restore(torch.stack(tuple(values), 1), steps).T.tolist()
            for index, value in zip(steps.tolist(), drawn, strict=True):
                on_value(index, value)
        events = model.restore(state.standard_evidence().value)
    kept = torch.where(asked.evidence.mask, asked.evidence.value.to(torch.float64), events.cpu().double())
    return Completed(kept, _described(model, asked), stepwise=True)


def _described(model: AutoregressiveModel, asked: Question) -> SamplingInfo:
    known = bool(asked.evidence.mask.any())
    conditioning = ConditioningInfo("exact", REASONS[FIRST]) if known else ConditioningInfo()
    method = "naive" if choose_method(model, "auto") != "cached" else "cached"
    passes = 1 if method == "cached" else int((~asked.evidence.mask).sum())
    chooser = asked.chooser
    return SamplingInfo(method, passes, chooser.is_exact, str(chooser), model.head.draws_one_by_one, conditioning)


def _tell(drawn: Tensor, visits: list[int], on_value: OnValue) -> None:
    values = flatten_events(drawn).T.tolist()
    for index in visits:
        on_value(index, values[index])
