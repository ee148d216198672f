"""The likelihood of what was observed of events with missing values: what is missing is never visited."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tensorar import ensemble, objective
from tensorar.backbone import EvidenceBackbone
from tensorar.conditionals import MAX_PREFIXES_PER_CALL
from tensorar.errors import SpecError, SupportError
from tensorar.evidence import Evidence
from tensorar.factorization import Factorization
from tensorar.order import Order, may_see, observed_first_ranks
from tensorar.prefix import log_prob_of, prefix_log_prob
from tensorar.utils.shapes import flatten_events, rows_of


def log_prob(
    model: Factorization,
    evidence: Evidence,
    orders: tuple[Order, ...],
    context: Float[Tensor, "batch context"] | None,
) -> Float[Tensor, " batch"]:
    """The log-likelihood of what was observed (standard values), in nats of the data; the mixture of several orders.

    The chain rule over the observed coefficients: in each order they come first, and what is missing is not visited.
    Raises ``SupportError`` as ``require_missing_last`` does.
    """
    require_missing_last(model, evidence.mask, orders)
    return _exact(model, evidence, orders, context)


def _exact(model: Factorization, evidence: Evidence, orders: tuple[Order, ...], context: Tensor | None) -> Tensor:
    if model.is_causal:
        members = [_by_order(model, evidence, order, context) for order in orders]
    else:
        members = [_by_prefix(model, evidence, order, context) for order in orders]
    return ensemble.mixture_log_prob(members) - model.log_scale(evidence.value, evidence.mask)


def complete_values(model: Factorization, evidence: Evidence) -> Float[Tensor, "batch *event"]:
    """The values of events of which everything was observed, as an adaptive ordering needs. Raises ``SpecError``."""
    missing = int((~evidence.mask).sum())
    if missing:
        raise SpecError(
            expected=f"events without missing values for the adaptive ordering {model.ordering.name!r}",
            got=f"{missing} missing values, which the ordering may choose to visit",
            remedy="evaluate the network in a random order, with ordering=shuffled",
        )
    return evidence.value


def loss_per_event(
    model: Factorization,
    evidence: Evidence,
    context: Float[Tensor, "batch context"] | None,
    generator: torch.Generator | None,
    progress: float = 0.0,
) -> Float[Tensor, " batch"]:
    """Nats of what was observed of each event (standard values), under orders drawn from the ordering.

    ``progress`` is the fraction of the training that is done, for a curriculum.

    Exact for causal backbones. For evidence backbones, an unbiased estimate: the ``n`` observed coefficients are split
    at a step ``t`` that is uniform among them; unknown stays unknown. If one call gives all conditionals and the
    ordering is uniform, it is ``n / (n - t)`` times the nats of the observed coefficients after ``t``, else ``n`` times
    those of the coefficient at ``t`` (Hoogeboom et al. 2022, eq. 4, for ``n`` coefficients instead of ``N``).
    """
    ordering = model.ordering.for_batch(progress, generator)
    if model.is_causal:
        orders = (ordering.draw(model.event_shape, generator).to(evidence.mask.device),)
        # a curriculum for one order has batches of any order, in which the observed coefficients come first
        if not ordering.any_order:
            require_missing_last(model, evidence.mask, orders)
        return -_exact(model, evidence, orders, context)
    ranks = ordering.draw_ranks(model.event_shape, len(evidence), generator)
    return _estimate(model, evidence, ranks, context, generator, dense=ordering.uniform)


def estimated_nats(
    model: Factorization,
    evidence: Evidence,
    context: Float[Tensor, "batch context"] | None,
    generator: torch.Generator | None,
    orders: Sequence[Order] = (),
) -> Float[Tensor, " batch"]:
    """An unbiased estimate of ``-log_prob`` in the model's own order, from one prefix of the observed coefficients.

    With ``orders`` of their mean over these.
    """
    ranks = objective.drawn_ranks(orders or (model.order,), len(evidence), generator)
    return _estimate(model, evidence, ranks, context, generator, dense=False)


def require_missing_last(model: Factorization, mask: Bool[Tensor, "batch *event"], orders: tuple[Order, ...]) -> None:
    """Raise ``SupportError`` where a causal network of a few orders visits what is missing before what was observed.

    The likelihood of what was observed is then a sum over all values of what is missing. A causal network for orders
    that vary visits the observed coefficients first, and an evidence network takes any evidence.
    """
    if not model.is_causal or model.ordering.any_order:
        return
    early = ensemble.observed_before_unknown(orders, mask) < flatten_events(mask).sum(1)
    if not bool(early.any()):
        return
    event = int(early.any(0).int().argmax())
    order = orders[int(early[:, event].int().argmax())]
    coefficient = int(torch.where(mask[event], len(order), order.rank).argmin())
    raise SupportError(
        expected=f"what is missing to come last in the order {model.ordering.name!r} of a causal network",
        got=f"event {event}, in which coefficient {coefficient} is missing and later ones are observed",
        remedy="train with ordering=shuffled or an evidence network such as mlp, or sum over what is missing with "
        "model.log_marginal",
    )


# --- exact --------------------------------------------------------------------------------------------------------


def _by_order(model: Factorization, evidence: Evidence, order: Order, context: Tensor | None) -> Tensor:
    """One pass of a causal network for all examples that share an order, the observed coefficients first."""
    ranks = observed_first_ranks(order.rank.flatten(), flatten_events(evidence.mask))
    distinct, order_of_example = ranks.unique(dim=0, return_inverse=True)
    found, places = [], []
    for k, rank in enumerate(distinct):
        rows = (order_of_example == k).nonzero()[:, 0]
        own = Order.from_rank(rank.reshape(model.event_shape))
        # plans are cached by order: the same object if nothing moves
        own, some = order if own == order else own, evidence[rows]
        found.append(prefix_log_prob(model, some, own, some.counts, rows_of(context, rows)))
        places.append(rows)
    return torch.cat(found)[torch.cat(places).argsort()] if found else evidence.value.new_zeros(0)


def _by_prefix(model: Factorization, evidence: Evidence, order: Order, context: Tensor | None) -> Tensor:
    """A query of an evidence network for each observed coefficient, given those observed before it in the order."""
    mask, x = flatten_events(evidence.mask), flatten_events(evidence.value)
    ranks = order.rank.flatten()
    examples, coefficients = mask.nonzero(as_tuple=True)
    found = []
    for e, c in zip(*(part.split(MAX_PREFIXES_PER_CALL) for part in (examples, coefficients)), strict=True):
        before = mask[e] & may_see(ranks, ranks[c][:, None])
        known = Evidence(before.reshape(-1, *model.event_shape), evidence.value[e])
        parameters = model.query(known, c[:, None], order, rows_of(context, e))[:, 0]
        found.append(model.distribution(parameters, c).log_prob(x[e, c]))
    each = torch.cat(found)
    return each.new_zeros(x.shape).index_put((examples, coefficients), each).sum(1)


# --- estimated ----------------------------------------------------------------------------------------------------


def _estimate(
    model: Factorization,
    evidence: Evidence,
    ranks: Int[Tensor, "batch n"],
    context: Tensor | None,
    generator: torch.Generator | None,
    *,
    dense: bool,
) -> Tensor:
    backbone, counts = model.backbone, evidence.counts
    assert isinstance(backbone, EvidenceBackbone)
    first = observed_first_ranks(ranks.to(counts.device), flatten_events(evidence.mask))
    t = objective.stratified_steps(len(evidence), counts.cpu(), generator).to(counts.device)
    estimate = _after if dense and backbone.dense else _at
    return estimate(model, evidence, first, t, context) + model.log_scale(evidence.value, evidence.mask)


def _at(model: Factorization, evidence: Evidence, ranks: Tensor, t: Tensor, context: Tensor | None) -> Tensor:
    """``n`` times the nats of the observed coefficient visited at step ``t``."""
    query = (ranks == t[:, None]).int().argmax(1)
    parameters = _query(model, evidence, may_see(ranks, t[:, None]), query[:, None], context)[:, 0]
    # nothing is evaluated of events of which nothing was observed
    rows = evidence.counts.nonzero()[:, 0]
    value = flatten_events(evidence.value)[rows, query[rows]]
    each = model.distribution(parameters[rows], query[rows]).log_prob(value)
    return -evidence.counts * each.new_zeros(len(query)).index_put((rows,), each)


def _after(model: Factorization, evidence: Evidence, ranks: Tensor, t: Tensor, context: Tensor | None) -> Tensor:
    """``n / (n - t)`` times the nats of the observed coefficients from step ``t`` on."""
    known = may_see(ranks, t[:, None])
    everything = torch.arange(len(model.order), device=t.device).expand(ranks.shape)
    parameters = _query(model, evidence, known, everything, context)
    queried = flatten_events(evidence.mask) & ~known
    weight = evidence.counts / queried.sum(1).clamp(min=1)
    return -weight * log_prob_of(model, parameters, flatten_events(evidence.value), queried)


def _query(model: Factorization, evidence: Evidence, known: Tensor, query: Tensor, context: Tensor | None) -> Tensor:
    seen = Evidence(known.reshape(evidence.mask.shape), evidence.value)
    return model.query(seen, query, model.order, context)
