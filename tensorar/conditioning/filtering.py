"""A particle filter in batches that fit into memory, with the options of sampling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tensorar.conditioning.particles import Filtered, ParticleFilter
from tensorar.conditioning.ways import ConditioningOptions
from tensorar.errors import SpecError
from tensorar.evidence import Evidence
from tensorar.factorization import Factorization
from tensorar.generation.batch_size import bytes_per_event, fitting
from tensorar.generation.choosers import Chooser
from tensorar.generation.info import SamplingInfo
from tensorar.generation.sample import ProgressCallback, StepCounter, choose_method
from tensorar.order import Order
from tensorar.utils.memory import require_memory
from tensorar.utils.shapes import rows_by_mask, rows_of
from tensorar.utils.words import counted


@dataclass
class SamplingOptions:
    """How values are drawn: the arguments of ``complete``."""

    method: str = "auto"
    chooser: Chooser = field(default_factory=Chooser)
    progress: ProgressCallback | None = None
    info: SamplingInfo = field(default_factory=SamplingInfo)
    memory: int | None = None
    orders: Sequence[Order] | None = None


def filter_particles(
    model: Factorization,
    order: Order,
    evidence: Evidence,
    context: Float[Tensor, "batch context"] | None,
    conditioning: ConditioningOptions,
    sampling: SamplingOptions,
    *,
    complete: bool = True,
) -> Filtered:
    """The results of a particle filter, in batches that fit into memory. Raises ``SpecError`` if one event does not."""
    _require_steps(sampling, conditioning)
    method = choose_method(model, sampling.method)
    # without a stepper, "auto" chooses whole passes, which have no steps
    method = "naive" if method == "fixed-point" else method
    sampling.info.method, sampling.info.exact = method, sampling.chooser.is_exact
    sampling.info.chooser = str(sampling.chooser)
    sampling.info.one_by_one = sampling.chooser.is_exact and model.head.draws_one_by_one
    each = conditioning.particles * bytes_per_particle(model, method, conditioning.proposal, sampling.chooser)
    what = f"{counted(conditioning.particles, 'particle')} of an event of shape {model.event_shape}"
    require_memory(each, what, remedy="use fewer `particles`", error=SpecError)
    size = fitting(len(evidence), each, sampling.memory)
    batches = _batches(evidence, size, one_mask=conditioning.proposal is not None)
    counter = StepCounter(len(order) * len(batches), sampling.progress)
    setup = ParticleFilter(
        model,
        order,
        conditioning.particles,
        sampling.chooser,
        cached=method == "cached",
        proposal=conditioning.proposal,
        report_step=counter,
    )
    results = [setup(evidence[rows], rows_of(context, rows), complete=complete) for rows in batches]
    back = torch.cat(batches).argsort()
    return Filtered(
        torch.cat([result.value for result in results])[back],
        torch.cat([result.log_evidence for result in results])[back],
        torch.cat([result.effective_sample_size for result in results])[back],
        torch.cat([result.ancestors for result in results])[back],
        max(result.passes for result in results),
    )


def bytes_per_particle(model: Factorization, method: str, proposal: Factorization | None, chooser: Chooser) -> int:
    """The bytes that a particle holds: noise and caches, both twice while they are reordered, and its values."""
    held = 2 * bytes_per_event(model, method, chooser)
    # what is known of it, where, and what was drawn
    held += len(model.order) * (2 * model.dtype.itemsize + 1)
    if proposal is None:
        return held
    return held + 2 * bytes_per_event(proposal, "cached" if proposal.is_causal else "naive", Chooser())


def _batches(evidence: Evidence, size: int, *, one_mask: bool) -> list[Int[Tensor, " rows"]]:
    """Rows of at most ``size`` examples, with one mask in each if required."""
    everything = torch.arange(len(evidence), device=evidence.mask.device)
    groups = rows_by_mask(evidence.mask) if one_mask else [everything]
    return [some for rows in groups for some in rows.split(size)]


def _require_steps(sampling: SamplingOptions, conditioning: ConditioningOptions) -> None:
    if sampling.method == "fixed-point":
        raise SpecError(
            expected="`method` cached or naive for `conditioning` smc",
            got="fixed-point",
            remedy='use method="auto"',
        )
    if conditioning.proposal is not None and not sampling.chooser.is_exact:
        raise SpecError(
            expected="no temperature, top_k or top_p with a proposal",
            got=str(sampling.chooser),
            remedy="leave one of them out",
        )
