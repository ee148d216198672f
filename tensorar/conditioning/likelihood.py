"""Likelihoods of a part of an event, and of the rest given that part."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Real
from torch import Tensor

from tensorar import validation
from tensorar.conditioning import adaptive
from tensorar.conditioning.enumeration import enumerate_gap
from tensorar.conditioning.estimate import Estimate
from tensorar.conditioning.filtering import SamplingOptions, filter_particles
from tensorar.conditioning.proposal import check_proposal
from tensorar.conditioning.ways import ENUMERATED, PARTICLES, ConditioningOptions, members_for, require_possible
from tensorar.ensemble import mixture_log_prob
from tensorar.errors import ShapeError, SpecError
from tensorar.evidence import Evidence
from tensorar.factorization import Factorization
from tensorar.generation.choosers import Chooser
from tensorar.generation.mixture_orders import member_log_weights
from tensorar.order import Order
from tensorar.prefix import chosen_log_prob, prefix_log_prob
from tensorar.utils.eval_mode import eval_mode
from tensorar.utils.random_state import reproducible
from tensorar.utils.shapes import flatten_events, rows_by_mask, rows_of

DEFAULT_RUNS = 8


@torch.no_grad()
def log_marginal(
    model: Factorization,
    evidence: Evidence,
    context: Float[Tensor, "batch context"] | None = None,
    *,
    options: ConditioningOptions,
    runs: int = DEFAULT_RUNS,
    generator: torch.Generator | None = None,
    memory: int | None = None,
) -> Estimate:
    """``log p(known)`` of each example; see ``AutoregressiveModel.log_marginal``."""
    _check(model, options, runs)
    context = validation.check_context(model, context, len(evidence))
    known = validation.check_evidence(model, evidence)
    if model.ordering.adaptive:
        with eval_mode(model):
            return adaptive.log_marginal(model, known, context)
    sampling = SamplingOptions(chooser=Chooser(), memory=memory)
    with reproducible(generator, model.device), eval_mode(model), _exact_precision(model):
        estimates = [
            (rows, _of_one_mask(model, known[rows], rows_of(context, rows), members, options, runs, sampling))
            for rows in rows_by_mask(known.mask)
            for members in [members_for(model, known.mask[rows[0]])]
        ]
    return _joined(len(evidence), estimates, -model.log_scale(known.value, known.mask))


@torch.no_grad()
def log_conditional(
    model: Factorization,
    x: Real[Tensor, "batch *event"] | Evidence,
    mask: Bool[Tensor, "..."],
    context: Float[Tensor, "batch context"] | None = None,
    *,
    options: ConditioningOptions,
    runs: int = DEFAULT_RUNS,
    generator: torch.Generator | None = None,
    memory: int | None = None,
) -> Estimate:
    """``log p(x | x[mask])`` of each example; see ``AutoregressiveModel.log_conditional``."""
    observed = x if isinstance(x, Evidence) else Evidence(torch.ones_like(x, dtype=torch.bool), x)
    validation.check_event_shape(model, observed.value)
    known = _expanded(mask, observed.value) & observed.mask.to(mask.device)
    standard, known = validation.check_evidence(model, observed), known.to(model.device)
    given = validation.check_context(model, context, len(observed))
    if options.conditioning == "clamp" or model.ordering.adaptive:
        _require_complete(model, standard, options)
        with eval_mode(model):
            drawn_as = adaptive.log_conditional if model.ordering.adaptive else _clamped
            return drawn_as(model, standard.value, known, given)
    evidence = Evidence(known.to(observed.value.device), observed.value)
    part = log_marginal(model, evidence, context, options=options, runs=runs, generator=generator, memory=memory)
    require_possible(part.value, torch.arange(len(observed)))
    sampling = SamplingOptions(chooser=Chooser(), memory=memory)
    with reproducible(generator, model.device), eval_mode(model), _exact_precision(model):
        estimates = [
            (rows, _whole(model, standard[rows], known[rows[0]], rows_of(given, rows), options, runs, sampling))
            for rows in rows_by_mask(torch.cat([flatten_events(known), flatten_events(standard.mask)], 1))
        ]
    whole = _joined(len(observed), estimates, -model.log_scale(standard.value, standard.mask))
    error = (whole.standard_error.square() + part.standard_error.square()).sqrt()
    return Estimate(whole.value - part.value, error, whole.exact & part.exact)


def _whole(
    model: Factorization,
    observed: Evidence,
    known: Bool[Tensor, "*event"],
    context: Tensor | None,
    options: ConditioningOptions,
    runs: int,
    sampling: SamplingOptions,
) -> Estimate:
    """The estimate for all that was observed, in the orders that are taken given what is known, in standard values."""
    members = members_for(model, known)
    if bool(observed.mask.all()):
        return Estimate.exactly(_mixture(model, observed, context, members).double())
    if model.ordering.any_order:
        # what is known, then the rest of what was observed, and what is missing is not visited
        members = tuple(order.observed_first(observed.mask[0]) for order in members)
    return _of_one_mask(model, observed, context, members, options, runs, sampling)


def _require_complete(model: Factorization, observed: Evidence, options: ConditioningOptions) -> None:
    """Raise ``SpecError`` for missing values, which an adaptive ordering or a clamped sampler would have to draw."""
    missing = int((~observed.mask).sum())
    if missing:
        how = f"the adaptive ordering {model.ordering.name!r}" if model.ordering.adaptive else "`conditioning` clamp"
        raise SpecError(
            expected=f"events without missing values for {how}",
            got=f"{missing} missing values",
            remedy="use another ordering, such as shuffled" if model.ordering.adaptive else "use auto, exact or smc",
        )


def _exact_precision(model: Factorization) -> torch.autocast:
    return torch.autocast(model.device.type, enabled=False)


def _expanded(mask: Tensor, x: Tensor) -> Bool[Tensor, "batch *event"]:
    """A mask for each example. Raises ``ShapeError`` for one of another shape."""
    if mask.shape not in (x.shape, x.shape[1:]):
        raise ShapeError(
            expected=f"a mask of shape {tuple(x.shape[1:])}, or {tuple(x.shape)}",
            got=str(tuple(mask.shape)),
            remedy="pass one mask of the event's shape, or one for each example",
        )
    return mask.expand(x.shape)


def _clamped(model: Factorization, x: Tensor, mask: Tensor, context: Tensor | None) -> Estimate:
    """The log-probability that a sampler with the known values clamped draws the rest."""
    value = torch.zeros(len(x), dtype=torch.float64, device=x.device)
    if model.ordering.ensemble:
        weights = member_log_weights(model, model.orders, Evidence(mask, x), context)
        rest = torch.stack([chosen_log_prob(model, x, order, ~mask, context) for order in model.orders])
        value = (weights + rest).double().logsumexp(0)
    else:
        for rows, order in model.orders_for_completion(mask):
            value[rows] = chosen_log_prob(model, x[rows], order, ~mask[rows], rows_of(context, rows)).double()
    return Estimate.exactly(value - model.log_scale(x, ~mask))


def _check(model: Factorization, options: ConditioningOptions, runs: int) -> None:
    if options.conditioning == "clamp":
        raise SpecError(
            expected="a way to sum over what is unknown", got="conditioning=clamp", remedy="use auto, exact or smc"
        )
    if runs < 2:
        raise SpecError(expected="`runs` >= 2, for a standard error", got=str(runs), remedy="use 8")
    if options.proposal is not None:
        check_proposal(model, options.proposal)


def _of_one_mask(
    model: Factorization,
    evidence: Evidence,
    context: Tensor | None,
    orders: tuple[Order, ...],
    options: ConditioningOptions,
    runs: int,
    sampling: SamplingOptions,
) -> Estimate:
    """The estimate of examples with the same mask, the mixture of some orders, in standard values."""
    by_order = [_in_order(model, order, evidence, context, options, runs, sampling) for order in orders]
    log_values = mixture_log_prob([values.expand(-1, runs) for values in by_order])
    exact = all(values.shape[1] == 1 for values in by_order)
    return Estimate.of_runs(log_values, torch.full((len(evidence),), exact, device=model.device))


def _in_order(
    model: Factorization,
    order: Order,
    evidence: Evidence,
    context: Tensor | None,
    options: ConditioningOptions,
    runs: int,
    sampling: SamplingOptions,
) -> Float[Tensor, "batch runs"]:
    """The log-probability of evidence with one mask: ``(batch, 1)`` if it is exact, else one estimate per run."""
    way = int(options.ways(model, order, evidence.mask[:1])[0])
    if way == ENUMERATED:
        return enumerate_gap(model, evidence, order, context)[1].unsqueeze(1)
    if way == PARTICLES:
        repeated = None if context is None else context.repeat_interleave(runs, dim=0)
        result = filter_particles(model, order, evidence.repeat(runs), repeated, options, sampling, complete=False)
        by_run: Tensor = result.log_evidence.unflatten(0, (-1, runs))
        return by_run
    length = flatten_events(evidence.mask).sum(1)
    return prefix_log_prob(model, evidence, order, length, context).double().unsqueeze(1)


def _mixture(model: Factorization, x: Evidence, context: Tensor | None, orders: tuple[Order, ...]) -> Tensor:
    length = flatten_events(x.mask).sum(1)
    return mixture_log_prob([prefix_log_prob(model, x, order, length, context) for order in orders])


def _joined(batch: int, estimates: list[tuple[Tensor, Estimate]], log_scale: Tensor) -> Estimate:
    """The estimates of all rows, in the data's units."""
    value = torch.zeros(batch, dtype=torch.float64, device=log_scale.device)
    error, exact = torch.zeros_like(value), torch.ones_like(value, dtype=torch.bool)
    for rows, estimate in estimates:
        value[rows], error[rows], exact[rows] = estimate.value, estimate.standard_error, estimate.exact
    return Estimate(value + log_scale, error, exact)
