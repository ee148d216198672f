"""The predictive distribution of any one coefficient given all that is known of an event."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor
from torch.distributions import Distribution

from tensorar import validation
from tensorar.conditionals import all_conditionals
from tensorar.ensemble import observed_before_unknown
from tensorar.finiteness import check_finite
from tensorar.model import AutoregressiveModel
from tensorar.order import Order
from tensorar.plotting.posterior_data import support_of
from tensorar.support import support_values
from tensorar.utils.eval_mode import eval_mode
from tensorar.utils.shapes import flatten_events
from tensorar.utils.words import counted
from tensorar.workflows.explore.question import Question

# values of a coefficient that are tried one by one in each completion
MAX_TRIED = 4


@dataclass(frozen=True, eq=False)
class Predictive:
    """The distribution of one coefficient: log-probabilities of ``values`` in nats, or log-densities.

    ``way``: ``exact``; ``estimate``, the mean over completions, which tends to the exact one; or ``approximate``, where
    that mean ignores what is known later except through the completions. ``reason`` says how it was computed.
    """

    coefficient: int
    values: Float64[Tensor, " values"]
    log_prob: Float64[Tensor, " values"]
    density: bool
    way: str
    reason: str


@torch.no_grad()
def predict_exactly(model: AutoregressiveModel, asked: Question, coefficient: int) -> Predictive | None:
    """The distribution of an unknown coefficient if one query of the network gives it, else None.

    A network of all orders visits what is known first, then this coefficient. Others predict the coefficient that they
    visit next, if all that is known comes before it: ``model.conditional``.
    """
    mask = asked.evidence.mask.to(model.device)
    if model.ordering.any_order:
        distribution, reason = _queried(model, asked, coefficient), "one query of a network of all orders"
    elif int(model.next_coefficient(asked.evidence, asked.context)) == coefficient and _known_first(model, mask):
        distribution, reason = model.conditional(asked.evidence, asked.context), "the next coefficient of the order"
    else:
        return None
    values, density = support_of(model, distribution, mask.new_empty(0), coefficient)
    log_prob = _log_prob(model, distribution, values)[:, 0]
    return Predictive(coefficient, values.double().cpu(), log_prob, density, "exact", reason)


def _known_first(model: AutoregressiveModel, mask: Tensor) -> bool:
    """Whether the model's only order, or the rule that chooses it, conditions on all that is known."""
    if model.ordering.adaptive:
        return True
    first = observed_before_unknown(model.orders, mask)
    return not model.ordering.ensemble and int(first) >= int(mask.sum())


def _queried(model: AutoregressiveModel, asked: Question, coefficient: int) -> Distribution:
    evidence = validation.check_evidence(model, asked.evidence)
    context = validation.check_context(model, asked.context, 1)
    known, visits = int(evidence.mask.sum()), model.order.observed_first(evidence.mask[0]).visits
    index, rest = torch.tensor([coefficient], device=model.device), visits[known:]
    order = Order(torch.cat([visits[:known], index, rest[rest != coefficient]]), model.event_shape)
    with eval_mode(model):
        parameters = model.query(evidence, index.unsqueeze(0), order, context)
    return model.data_distribution(parameters[:, 0].to(model.dtype), index)


@dataclass(frozen=True, eq=False)
class FromCompletions:
    """Distributions of coefficients from completions of the evidence ``(k, *event)`` that follow the model's.

    Where nothing is known after a coefficient, the mean of its conditionals given what each completion has before it.
    Else the mean of its distribution given all the rest of each completion, if it has at most four values (one pass of
    the network per other value); with more, the former mean, which then is an approximation.
    """

    model: AutoregressiveModel
    asked: Question
    x: Float[Tensor, "k *event"]
    # all conditionals of the completions in the model's order; None if one pass of the network does not give them
    parameters: Float[Tensor, "k n parameters"] | None

    @classmethod
    @torch.no_grad()
    def of(cls, model: AutoregressiveModel, asked: Question, x: Float[Tensor, "k *event"]) -> FromCompletions:
        """With the pass of the network that serves all coefficients."""
        x = x.to(model.device)
        if not model.is_causal or model.ordering.adaptive or model.ordering.ensemble:
            return cls(model, asked, x, None)
        standard = model.standardize(x)
        context = validation.check_context(model, _repeated(asked, len(x)), len(x))
        with eval_mode(model):
            parameters = all_conditionals(model.backbone, model.features(standard), model.order, context)
        return cls(model, asked, x, parameters.reshape(len(x), len(model.order), -1))

    @torch.no_grad()
    def predict(self, coefficient: int) -> Predictive:
        """The distribution of an unknown coefficient."""
        levels = support_values(self.model.head, coefficient)
        in_one_order = not (self.model.ordering.adaptive or self.model.ordering.ensemble)
        later = not in_one_order or self._something_known_later(coefficient)
        if later and levels is not None and len(levels) <= MAX_TRIED and self.model.is_causal:
            return self._given_the_rest(coefficient, levels.to(self.model.device))
        return self._given_those_before(coefficient, later) if in_one_order else self._counted(coefficient)

    def _something_known_later(self, coefficient: int) -> bool:
        rank = self.model.order.rank
        return bool((self.asked.evidence.mask[0].to(rank.device) & (rank > rank.flatten()[coefficient])).any())

    def _given_those_before(self, coefficient: int, later: bool) -> Predictive:
        index = torch.tensor(coefficient, device=self.model.device)
        distribution = self.model.data_distribution(self._parameters(coefficient).to(self.model.dtype), index)
        values, density = support_of(self.model, distribution, self.x.new_empty(0), coefficient)
        log_prob = _mean(_log_prob(self.model, distribution, values))
        reason = f"mean of its conditional in {counted(len(self.x), 'completion')}"
        reason += ", given what the order visits before it; later evidence enters through them only" if later else ""
        way = "approximate" if later else "estimate"
        return Predictive(coefficient, values.double().cpu(), log_prob, density, way, reason)

    def _parameters(self, coefficient: int) -> Float[Tensor, "k parameters"]:
        """Those of the conditional of a coefficient given what each completion has before it."""
        if self.parameters is not None:
            return self.parameters[:, coefficient]
        model, order = self.model, self.model.order
        before = order.evidence_before(model.standardize(self.x), int(order.rank.flatten()[coefficient]))
        context = validation.check_context(model, _repeated(self.asked, len(self.x)), len(self.x))
        query = torch.full((len(self.x), 1), coefficient, device=model.device)
        with eval_mode(model):
            return model.query(before, query, order, context)[:, 0]

    def _given_the_rest(self, coefficient: int, levels: Float[Tensor, " v"]) -> Predictive:
        """The mean over the completions of the distribution given everything else: Rao-Blackwellized draws."""
        index = torch.tensor(coefficient, device=self.model.device)
        values = self.model.restore(levels.to(self.model.dtype), index)
        tried = self.x.repeat_interleave(len(values), 0).clone()
        tried.view(len(tried), -1)[:, coefficient] = values.repeat(len(self.x)).to(tried.dtype)
        with eval_mode(self.model):
            joint = self.model.log_prob(tried, _repeated(self.asked, len(tried))).double()
        log_prob = _mean(joint.reshape(len(self.x), -1).log_softmax(1).T.cpu())
        reason = f"mean of its distribution given all the rest in {counted(len(self.x), 'completion')}"
        return Predictive(coefficient, values.double().cpu(), log_prob, False, "estimate", reason)

    def _counted(self, coefficient: int) -> Predictive:
        values, count = flatten_events(self.x)[:, coefficient].double().cpu().unique(return_counts=True)
        density = not bool(self.model.head.is_discrete(torch.tensor(coefficient)))
        reason = f"how often {counted(len(self.x), 'completion')} have each value"
        return Predictive(coefficient, values, (count.double() / len(self.x)).log(), density, "estimate", reason)


def _repeated(asked: Question, times: int) -> Float[Tensor, "times context"] | None:
    return None if asked.context is None else asked.context.expand(times, -1)


def _log_prob(
    model: AutoregressiveModel, distribution: Distribution, values: Tensor
) -> Float64[Tensor, "values batch"]:
    log_prob = distribution.log_prob(values.unsqueeze(-1)).double().cpu()
    check_finite(log_prob.exp().unsqueeze(0), "predicted distribution", model.backbone)
    return log_prob


def _mean(log_prob: Float64[Tensor, "values k"]) -> Float64[Tensor, " values"]:
    return log_prob.logsumexp(1) - math.log(log_prob.shape[1])
