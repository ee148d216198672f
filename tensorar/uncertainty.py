"""The uncertainty of each unknown coefficient, given the evidence alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Real
from torch import Tensor

from tensorar import validation
from tensorar.errors import TensorarError
from tensorar.evidence import Evidence
from tensorar.factorization import Factorization
from tensorar.generation.truncation import masses_of
from tensorar.utils.eval_mode import eval_mode
from tensorar.utils.shapes import flatten_events, rows_of
from tensorar.utils.words import counted

ENTROPY, DEVIATION, EITHER = "entropy", "standard deviation", "entropy or standard deviation"


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """The entropy in nats, or the standard deviation, of each coefficient by itself given the evidence.

    ``value`` is 0 where the coefficient is known. ``measure`` is "entropy" for discrete heads, "standard deviation", in
    the data's units, for others, and where coefficients differ "entropy or standard deviation". ``completions`` is the
    number of completions it is estimated from, or None if the network predicts it.
    """

    value: Float64[Tensor, "n *event"]
    measure: str
    completions: int | None = None

    @property
    def label(self) -> str:
        """The measure with its unit."""
        return "entropy (nats)" if self.measure == ENTROPY else self.measure

    @property
    def is_mixed(self) -> bool:
        """Whether the measure differs between coefficients, so that their mean says nothing."""
        return self.measure == EITHER

    def __str__(self) -> str:
        what = f"{self.measure} of each coefficient given the evidence"
        if self.completions is None:
            return f"{what}, predicted by one query of the network"
        bias = {ENTROPY: ", biased low", EITHER: ", entropies biased low"}.get(self.measure, "")
        return f"{what}, estimated from {counted(self.completions, 'completion')}{bias}"


def predicts_marginals(model: Factorization) -> bool:
    """Whether one query of the network predicts any unknown coefficient given any evidence."""
    return not model.is_causal and model.ordering.any_order


@torch.no_grad()
def uncertainty(
    model: Factorization,
    evidence: Evidence,
    completions: Real[Tensor, "n completions *event"],
    context: Float[Tensor, "n context"] | None = None,
) -> Uncertainty:
    """The uncertainty of every unknown coefficient given the evidence alone.

    An evidence network trained on varying orders predicts it by one query per event. For other models it is estimated
    from the empirical distribution of ``completions``, and inherits their errors; the entropy is biased low. Raises
    ``TensorarError`` if it has to be estimated from fewer than two completions.
    """
    discrete = model.head.is_discrete(model.coefficients.cpu())
    measure = ENTROPY if bool(discrete.all()) else EITHER if bool(discrete.any()) else DEVIATION
    if predicts_marginals(model):
        return Uncertainty(_predicted(model, evidence, context), measure)
    if completions.shape[1] < 2:
        raise too_few_completions(completions.shape[1])
    known = evidence.mask.cpu()
    values = completions.double().cpu()
    estimate = torch.where(discrete, empirical_entropy(values), values.std(1))
    return Uncertainty(torch.where(known, 0.0, estimate), measure, completions.shape[1])


def too_few_completions(count: int) -> TensorarError:
    """The error for too few completions to estimate the uncertainty from."""
    return TensorarError(
        expected="`completions` >= 2, from which the uncertainty of this model is estimated",
        got=str(count),
        remedy="use completions=32 or more, or an evidence network trained with ordering='shuffled'",
    )


def _predicted(model: Factorization, evidence: Evidence, context: Tensor | None) -> Tensor:
    """Event by event, since each has its own unknown coefficients."""
    context = validation.check_context(model, context, len(evidence))
    value = torch.zeros(len(evidence), len(model.order), dtype=torch.float64)
    with eval_mode(model):
        standard = validation.check_evidence(model, evidence)
        for k, known in enumerate(flatten_events(standard.mask)):
            unknown, rows = (~known).nonzero()[:, 0], slice(k, k + 1)
            discrete = model.head.is_discrete(unknown)
            for index in (unknown[discrete], unknown[~discrete]):
                if len(index):
                    queried = model.query(standard[rows], index.unsqueeze(0), model.order, rows_of(context, rows))
                    value[k, index.cpu()] = _of_distribution(model, queried[0], index).double().cpu()
    return value.reshape(len(evidence), *model.event_shape)


def _of_distribution(model: Factorization, parameters: Tensor, coefficients: Tensor) -> Tensor:
    """The uncertainty of coefficients that are all discrete, or all continuous."""
    distribution = model.distribution(parameters, coefficients)
    support = distribution.support
    if support is None or not support.is_discrete:
        return model.data_distribution(parameters, coefficients).stddev
    log_prob = masses_of(distribution, support).log_prob
    entropy: Tensor = torch.special.entr(log_prob.double().exp()).sum(-1)
    return entropy


def empirical_entropy(values: Real[Tensor, "n draws *event"]) -> Float64[Tensor, "n *event"]:
    """The entropy in nats of the empirical distribution of some draws, for each coefficient.

    >>> empirical_entropy(torch.tensor([[[0.0], [0.0], [1.0], [1.0]]])).exp()
    tensor([[2.]], dtype=torch.float64)
    """
    ordered = values.sort(1).values
    # the equal values that follow each other are counted at the number of their group
    begins = torch.ones_like(ordered, dtype=torch.bool)
    begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    groups = begins.cumsum(1) - 1
    counts = torch.zeros_like(ordered, dtype=torch.float64).scatter_add_(
        1, groups, torch.ones_like(ordered, dtype=torch.float64)
    )
    entropy: Tensor = torch.special.entr(counts / values.shape[1]).sum(1)
    return entropy
