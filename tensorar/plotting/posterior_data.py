"""A model's predictive distributions at some steps of one event, ready to be drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float, Real
from torch import Tensor
from torch.distributions import Distribution, constraints

from tensorar import validation
from tensorar.axes import AxisNames
from tensorar.dataset import Dataset
from tensorar.ensemble import observed_before_unknown
from tensorar.errors import ShapeError
from tensorar.evidence import Evidence
from tensorar.finiteness import check_finite
from tensorar.head import Head
from tensorar.model import AutoregressiveModel
from tensorar.order import Order
from tensorar.plotting.posterior import PosteriorStep
from tensorar.plotting.wording import Wording
from tensorar.utils.random_state import seeded

# for a discrete distribution; a larger range of counts is subsampled evenly
MAX_DISCRETE_VALUES = 1000


@torch.no_grad()
def posterior_steps(
    model: AutoregressiveModel,
    x: Real[Tensor, "*event"],
    steps: Sequence[int],
    dataset: Dataset | None = None,
    *,
    context: Float[Tensor, " context"] | None = None,
    axes: AxisNames | None = None,
    wording: Wording | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[PosteriorStep]:
    """The predicted distribution of the coefficient visited at each of ``steps``, given those visited before it.

    Steps of an event with missing values (NaN) end at the first missing one (see ``visited_steps``). If the dataset has
    exact conditionals and the event is visited in raster order, these are included. ``axes`` are the names of the
    event's axes (default: guessed from its shape), ``wording`` is that of a table.
    ``progress(steps_done, steps)`` is called on the way. Raises
    ``ShapeError`` for an event of another shape and for a step out of range.
    """
    if tuple(x.shape) != model.event_shape:
        raise ShapeError(
            expected=f"an event of shape {model.event_shape}",
            got=str(tuple(x.shape)),
            remedy="pass an event of the model's shape",
        )
    order, count = visited_steps(model, x, context)
    for t in steps:
        if not 0 <= t < count:
            raise ShapeError(
                expected=f"steps from 0 to {count - 1}" + " (a missing value)" * (count < len(order)),
                got=str(t),
                remedy="omit steps out of range",
            )
    contexts = None if context is None else context.unsqueeze(0)
    found: list[PosteriorStep] = []
    x = x.to(model.device)
    walked = _walked(model, x, order, steps, contexts) if model.ordering.adaptive else {}
    for t in steps:
        predicted = walked[t] if model.ordering.adaptive else _predicted(model, x, order, t, contexts)
        found.append(replace(_step(model, x, order, t, dataset, predicted), axes=axes, wording=wording))
        if progress is not None:
            progress(len(found), len(steps))
    return found


@torch.no_grad()
def visited_steps(
    model: AutoregressiveModel, x: Real[Tensor, "*event"], context: Float[Tensor, " context"] | None = None
) -> tuple[Order, int]:
    """The order in which the model visits an event, and the number of steps up to its first missing value (NaN).

    The step of the missing value is included. An ordering that varies visits all observed values before it. An adaptive
    one does not; the order after the missing value is then arbitrary.
    """
    if model.ordering.adaptive:
        return _chosen_steps(model, x.to(model.device), context)
    known = ~x.isnan().unsqueeze(0).to(model.device)
    _, order = model.orders_for_completion(known)[0]
    return order, min(len(order), int(observed_before_unknown([order], known)) + 1)


def _chosen_steps(model: AutoregressiveModel, x: Tensor, context: Tensor | None) -> tuple[Order, int]:
    state, chosen = model.generation(1, context=None if context is None else context.unsqueeze(0)), []
    while not state.done:
        chosen.append(int(state.coefficient))
        value = x.flatten()[chosen[-1]].reshape(1)
        if bool(value.isnan()):
            break
        state.observe(value)
    others = sorted(set(range(len(model.order))) - set(chosen))
    return Order(torch.tensor(chosen + others, device=model.device), model.event_shape), len(chosen)


def _step(
    model: AutoregressiveModel, x: Tensor, order: Order, t: int, dataset: Dataset | None, predicted: Distribution
) -> PosteriorStep:
    evidence, coefficient = order.evidence_before(x.unsqueeze(0), t), int(order.visits[t])
    truth = x.flatten()[coefficient : coefficient + 1]
    truth = truth[~truth.isnan()]
    support, density = support_of(model, predicted, truth, coefficient)
    probabilities = predicted.log_prob(support.unsqueeze(-1)).exp()[:, 0]
    check_finite(probabilities.unsqueeze(0), "predicted distribution", model.backbone)
    exact = None
    if dataset is not None and not density and order == Order.raster(model.event_shape).to(model.device):
        exact = _exact(dataset, evidence, support)
    return PosteriorStep(
        mask=evidence.mask[0].cpu(),
        values=evidence.value[0].cpu(),
        coefficient=coefficient,
        support=support.cpu(),
        probabilities=probabilities.cpu(),
        truth=float(truth) if len(truth) else None,
        exact=exact,
        density=density,
    )


def _predicted(model: AutoregressiveModel, x: Tensor, order: Order, t: int, context: Tensor | None) -> Distribution:
    """The distribution at step ``t`` of an order."""
    index, evidence = order.visits[t : t + 1], order.evidence_before(x.unsqueeze(0), t)
    context = validation.check_context(model, context, 1)
    parameters = model.query(validation.check_evidence(model, evidence), index.unsqueeze(0), order, context)
    return model.data_distribution(parameters[:, 0].to(model.dtype), index)


def _walked(
    model: AutoregressiveModel, x: Tensor, order: Order, steps: Sequence[int], context: Tensor | None
) -> dict[int, Distribution]:
    """The distributions at some steps of one walk, in which an adaptive ordering chooses the same order again."""
    state, found = model.generation(1, context=context), {}
    for t in range(max(steps, default=-1) + 1):
        if t in steps:
            found[t] = state.distribution()
        if t < max(steps):
            state.observe(x.flatten()[order.visits[t]].reshape(1))
    return found


def support_of(
    model: AutoregressiveModel, predicted: Distribution, truth: Tensor, coefficient: int
) -> tuple[Tensor, bool]:
    """Values of a coefficient to evaluate distributions at, true ones included; whether they are a grid (a density)."""
    index = torch.tensor(coefficient, device=model.device)
    with seeded(0, model.device):
        drawn = predicted.sample(torch.Size([1000]))
    standard = model.standardize(torch.cat([drawn.flatten(), truth.to(drawn)]), index)
    values, density = _standard_values(model.head.member(coefficient), standard)
    values = torch.cat([values.to(model.device, model.dtype), standard[drawn.numel() :]]).unique()
    return model.restore(values, index), density


def _standard_values(head: Head, examples: Tensor) -> tuple[Tensor, bool]:
    """Standard values that cover the examples, and whether they are a grid for a density."""
    if head.support is constraints.boolean:
        return torch.tensor([0.0, 1.0]), False
    low, high = (getattr(head.support, name, None) for name in ("lower_bound", "upper_bound"))
    lowest, highest = float(examples.min()), float(examples.max())
    if head.support.is_discrete:
        first, last = (lowest if low is None else low), (highest if high is None else high)
        return torch.linspace(float(first), float(last), min(int(last - first) + 1, MAX_DISCRETE_VALUES)).round(), False
    margin = 0.1 * (highest - lowest) or 1.0
    grid = torch.linspace(lowest - margin, highest + margin, 400)
    return grid[head.support.check(grid)], True


def _exact(dataset: Dataset, evidence: Evidence, support: Tensor) -> Tensor | None:
    conditional = dataset.conditional(evidence.to("cpu", evidence.value.dtype))
    if conditional is None or conditional.support is None:
        return None
    values = support.cpu().unsqueeze(-1)
    possible = conditional.support.check(values)
    # log_prob rejects values outside the support, so they are replaced by a sample first
    with seeded(0):
        inside = torch.where(possible, values, conditional.sample())
    return torch.where(possible, conditional.log_prob(inside).exp(), 0.0)[:, 0].float()
