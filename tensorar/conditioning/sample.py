"""Completions given any evidence: exact where an order or an enumeration allows it, else by weighted particles."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.distributions import Categorical

from tensorar.conditioning.enumeration import enumerate_gap
from tensorar.conditioning.filtering import SamplingOptions, filter_particles
from tensorar.conditioning.particles import Filtered
from tensorar.conditioning.proposal import check_proposal
from tensorar.conditioning.ways import (
    ENUMERATED,
    FIRST,
    PARTICLES,
    ConditioningOptions,
    mixed_members,
    require_possible,
    unknown_before_known,
)
from tensorar.ensemble import observed_before_unknown
from tensorar.errors import SpecError
from tensorar.evidence import Evidence
from tensorar.factorization import Factorization
from tensorar.generation.info import ConditioningInfo, SamplingInfo
from tensorar.generation.sample import complete
from tensorar.noise import draw_from, uniform
from tensorar.order import Order
from tensorar.prefix import prefix_log_prob
from tensorar.utils.random_state import own_stream
from tensorar.utils.shapes import flatten_events, rows_of

REASONS = {
    FIRST: "an order visits what is known first",
    ENUMERATED: "what is unknown before it was enumerated",
    PARTICLES: "what is known late weighted the particles",
}
BIASED = "biased, what an order visits after an unknown coefficient does not influence it"


def complete_given(
    model: Factorization,
    evidence: Evidence,
    context: Float[Tensor, "batch context"] | None,
    conditioning: ConditioningOptions,
    sampling: SamplingOptions,
) -> Float[Tensor, "batch *event"]:
    """Standard values of completions of the evidence (standard values), and ``sampling.info`` about them.

    Raises ``SpecError`` for a way that the model does not allow, ``SupportError`` for evidence of probability zero.
    """
    sampling.info.conditioning, sampling.info.passes = ConditioningInfo(), 0
    if conditioning.proposal is not None:
        check_proposal(model, conditioning.proposal)
    late = _late(model, evidence, conditioning)
    value = evidence.value.clone()
    early = (~late).nonzero()[:, 0]
    if len(early) or not len(late):
        value[early] = _complete(model, evidence[early], rows_of(context, early), sampling, None)
    if bool(late.any()):
        rows = late.nonzero()[:, 0]
        mixture = _MixtureOfOrders(model, conditioning, sampling)
        value[rows], log_evidence = mixture.complete(evidence[rows], rows_of(context, rows))
        require_possible(log_evidence, rows)
        everywhere = torch.full((len(value),), torch.nan, dtype=log_evidence.dtype, device=value.device)
        sampling.info.conditioning.log_evidence = everywhere.index_put((rows,), log_evidence)
    _describe(model, evidence, late, conditioning, sampling.info)
    return value


def _late(model: Factorization, evidence: Evidence, conditioning: ConditioningOptions) -> Tensor:
    """Which examples know something that the orders of the model visit after something unknown."""
    mask = evidence.mask
    nothing = torch.zeros(len(evidence), dtype=torch.bool, device=mask.device)
    if conditioning.conditioning == "clamp" or model.ordering.any_order:
        return nothing
    if conditioning.conditioning == "smc":
        return flatten_events(mask).any(1) & ~flatten_events(mask).all(1)
    known = flatten_events(mask).sum(1)
    return (observed_before_unknown(model.orders, mask) < known).all(0)


def _complete(
    model: Factorization, evidence: Evidence, context: Tensor | None, sampling: SamplingOptions, order: Order | None
) -> Tensor:
    return complete(
        model,
        evidence,
        context,
        method=sampling.method,  # type: ignore[arg-type]
        chooser=sampling.chooser,
        progress=sampling.progress,
        info=sampling.info,
        memory=sampling.memory,
        orders=sampling.orders,
        order=order,
    )


@dataclass
class _MixtureOfOrders:
    """Completes examples in each order of the model, and keeps one of them by the probability of the evidence."""

    model: Factorization
    conditioning: ConditioningOptions
    sampling: SamplingOptions

    def complete(self, evidence: Evidence, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """One completion of each example, and the log-probability of its evidence in nats of the data."""
        orders, mixed = self.model.orders, mixed_members(self.model, evidence.mask)
        values = evidence.value.unsqueeze(1).repeat_interleave(len(orders), 1)
        log_evidence = torch.full(mixed.T.shape, -torch.inf, dtype=torch.float64, device=values.device)
        for k, order in enumerate(orders):
            rows = mixed[k].nonzero()[:, 0]
            with own_stream(values.device):
                values[rows, k], log_evidence[rows, k] = self._in_order(order, evidence[rows], rows_of(context, rows))
        total = log_evidence.logsumexp(1) - mixed.sum(0).log() - self.model.log_scale(evidence.value, evidence.mask)
        return values[torch.arange(len(values), device=values.device), _draw_member(log_evidence)], total

    def _in_order(self, order: Order, evidence: Evidence, context: Tensor | None) -> tuple[Tensor, Tensor]:
        ways = self.conditioning.ways(self.model, order, evidence.mask)
        if not self.sampling.chooser.is_exact:
            # an enumeration draws from the model's own conditionals
            self._refuse_enumeration(ways)
            ways = torch.where(ways == ENUMERATED, PARTICLES, ways)
        value = evidence.value.clone()
        log_evidence = torch.zeros(len(evidence), dtype=torch.float64, device=value.device)
        for way in ways.unique().tolist():
            rows = (ways == way).nonzero()[:, 0]
            complete = self._by_particles if way == PARTICLES else self._exactly
            value[rows], log_evidence[rows] = complete(order, evidence[rows], rows_of(context, rows))
        return value, log_evidence

    def _refuse_enumeration(self, ways: Tensor) -> None:
        """Raise ``SpecError`` if only enumeration is exact, with options that change how values are drawn."""
        if self.conditioning.conditioning == "exact" and bool((ways == ENUMERATED).any()):
            raise SpecError(
                expected="no temperature, top_k or top_p where `conditioning` exact has to enumerate what is unknown",
                got=str(self.sampling.chooser),
                remedy='use conditioning="auto", or leave them out',
            )

    def _exactly(self, order: Order, evidence: Evidence, context: Tensor | None) -> tuple[Tensor, Tensor]:
        gap = bool(unknown_before_known(order, evidence.mask).any())
        if gap:
            with own_stream(self.model.device):
                noise = uniform((len(evidence),), torch.float64, self.model.device)
            filled, log_evidence = enumerate_gap(self.model, evidence, order, context, noise)
        else:
            length = flatten_events(evidence.mask).sum(1)
            filled, log_evidence = evidence, prefix_log_prob(self.model, evidence, order, length, context)
        return _complete(self.model, filled, context, self.sampling, order), log_evidence

    def _by_particles(self, order: Order, evidence: Evidence, context: Tensor | None) -> tuple[Tensor, Tensor]:
        found = filter_particles(self.model, order, evidence, context, self.conditioning, self.sampling)
        _report(self.sampling.info.conditioning, self.conditioning.particles, found)
        self.sampling.info.passes = max(self.sampling.info.passes, found.passes)
        return found.value, found.log_evidence


def _draw_member(log_evidence: Float[Tensor, "batch members"]) -> Int[Tensor, " batch"]:
    """A member for each example, by the probability of its evidence."""
    noise = uniform(tuple(log_evidence.shape), torch.float64, log_evidence.device)
    return draw_from(Categorical(logits=log_evidence, validate_args=False), noise).long()


# --- the report ------------------------------------------------------------------------------------------------------


def _describe(
    model: Factorization, evidence: Evidence, late: Tensor, conditioning: ConditioningOptions, info: SamplingInfo
) -> None:
    """Fill in the way that was taken."""
    if not bool(evidence.mask.any()):
        return
    report = info.conditioning
    if conditioning.conditioning == "clamp" and _ignores_something(model, evidence):
        report.way, report.reason = "clamp", BIASED
        return
    if report.particles is not None:
        report.way, report.reason = "smc", REASONS[PARTICLES]
        return
    report.way, report.reason = "exact", REASONS[ENUMERATED if bool(late.any()) else FIRST]


def _ignores_something(model: Factorization, evidence: Evidence) -> bool:
    groups = model.orders_for_completion(evidence.mask)
    return any(bool(unknown_before_known(order, evidence.mask[rows]).any()) for rows, order in groups)


def _report(report: ConditioningInfo, particles: int, found: Filtered) -> None:
    effective, ancestors = float(found.effective_sample_size.mean()), float(found.ancestors.mean())
    report.particles = particles
    # of several orders, the best one counts
    report.effective_sample_size = max(effective, report.effective_sample_size or 0.0)
    report.ancestors = max(ancestors, report.ancestors or 0.0)
