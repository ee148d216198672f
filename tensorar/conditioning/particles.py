"""Sequential Monte Carlo over an order: what is observed late weights the particles that were drawn before it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tensorar.conditioning.proposal import Proposal
from tensorar.conditioning.ways import known_steps
from tensorar.evidence import Evidence
from tensorar.factorization import Factorization
from tensorar.generation.choosers import Chooser
from tensorar.generation.generation import Generation
from tensorar.generation.steppers import PrefixStepper
from tensorar.generation.visits import Visits
from tensorar.noise import uniform
from tensorar.order import Order
from tensorar.utils.shapes import flatten_events, rows_of


class Filtered(NamedTuple):
    """Completed events (standard values), and how the particles of each fared.

    ``log_evidence`` is the logarithm of an unbiased estimate of the probability of what was known, in standard values.
    """

    value: Float[Tensor, "batch *event"]
    log_evidence: Float[Tensor, " batch"]
    effective_sample_size: Float[Tensor, " batch"]
    ancestors: Float[Tensor, " batch"]
    passes: int


@dataclass(frozen=True)
class ParticleFilter:
    """Completes examples in one order, each by ``particles`` particles of its own (Gordon et al. 1993).

    Doucet, Johansen, "A tutorial on particle filtering and smoothing", 2009, section 3.5: particles are resampled,
    systematically, where their effective sample size is below half their number when the next unknown coefficient is
    to be drawn. Steps before the first unknown coefficient are made once for all particles of an example; after the
    last known one, one particle is kept, drawn by weight, so that the completions of different examples are
    independent. Weights are float64 logarithms. A ``proposal`` draws what is unknown in place of the model, and needs
    examples with one mask.
    """

    model: Factorization
    order: Order
    particles: int
    chooser: Chooser
    cached: bool = True
    proposal: Factorization | None = None
    report_step: Callable[[], None] = lambda: None

    def __call__(
        self, evidence: Evidence, context: Float[Tensor, "batch context"] | None, *, complete: bool = True
    ) -> Filtered:
        """Complete the evidence (standard values), or with ``complete=False`` only weight the particles.

        Where no particle of an example agrees with what is known of it, ``log_evidence`` is -inf and its value is void.
        """
        with torch.inference_mode():
            return _Walk(self, evidence, context).run(complete)

    def noise(self, batch: int) -> tuple[Float[Tensor, "batch particles n k"], Float[Tensor, "batch steps"]]:
        """The uniform numbers of each example: for the values of its particles, and to resample and select them."""
        steps, size = len(self.order), max(self.chooser.noise_size(self.model.head), self._proposal_noise_size())
        per_example = self.particles * steps * size
        drawn = uniform((batch, per_example + steps + 1), self.model.dtype, self.model.device)
        return drawn[:, :per_example].reshape(batch, self.particles, steps, size), drawn[:, per_example:].double()

    def _proposal_noise_size(self) -> int:
        return 0 if self.proposal is None else self.proposal.head.noise_size


class _Walk:
    """One walk of a batch through the order. Per-particle tensors are ``(examples * particles,)``."""

    def __init__(self, setup: ParticleFilter, evidence: Evidence, context: Tensor | None) -> None:
        self.setup, self.model, self.order = setup, setup.model, setup.order
        self.examples, self.particles = len(evidence), setup.particles
        self.evidence, self.context, device = evidence, context, self.model.device
        # by step, so that a step reads rows that lie together
        self.known = flatten_events(evidence.mask)[:, self.order.visits].T.contiguous()
        self.value = flatten_events(evidence.value)[:, self.order.visits].T.contiguous()
        self.known_in_some, self.known_in_all = self.known.any(1).tolist(), self.known.all(1).tolist()
        self.first = self.known_in_all.index(False) if False in self.known_in_all else len(self.order)
        self.last = int(known_steps(self.order, evidence.mask).amax())
        self.noise, self.own_noise = setup.noise(self.examples)
        self.choose = setup.chooser.bind(self.model.head)
        self.rows = torch.arange(self.examples, device=device).repeat_interleave(self.particles)
        self.dtype = self.model.dtype
        # examples that differ from the first step on start with all of their particles
        self.generation = self._start_with(self.rows if not self.first else self.rows[:: self.particles])
        self.proposal: Proposal | None = None
        shape = (self.examples, self.particles)
        self.log_weight = torch.zeros(shape, dtype=torch.float64, device=device)
        self.log_evidence = torch.zeros(self.examples, dtype=torch.float64, device=device)
        self.effective = torch.full((self.examples,), float(self.particles), dtype=torch.float64, device=device)
        self.ancestor = torch.arange(self.particles, device=device).expand(shape)
        # the largest parameter of each particle so far, which is NaN if any was
        self.largest = torch.full((self.generation.batch,), -torch.inf, dtype=self.dtype, device=device)

    def run(self, complete: bool) -> Filtered:
        """Walk to the last known coefficient, or to the end."""
        for t in range(self.first):
            self._observe_in_all(t)
        self._multiply()
        for t in range(self.first, self.last):
            self._step(t)
        weight = self._weights()
        self.effective = self.effective.minimum(weight.square().sum(1).reciprocal())
        counts = [float(row.unique().numel()) for row in self.ancestor]
        distinct = torch.tensor(counts, dtype=torch.float64, device=self.effective.device)
        self.log_evidence = self.log_evidence + self._mean_weight()
        value = self._finish(weight) if complete else self.evidence.value
        stepper = self.generation.stepper
        passes = stepper.passes if isinstance(stepper, PrefixStepper) else 1
        return Filtered(value, self.log_evidence, self.effective, distinct, passes)

    def _start_with(self, rows: Int[Tensor, " rows"]) -> Generation:
        context = rows_of(self.context, rows)
        return Generation(self.model, len(rows), Visits([self.order]), context, cached=self.setup.cached)

    def _observe_in_all(self, t: int) -> None:
        """A step that all examples know, before the particles differ."""
        parameters = self._parameters()
        self.log_evidence += self._log_prob(parameters, self.value[t])
        self._advance(self.value[t])

    def _multiply(self) -> None:
        """Repeat each example once per particle."""
        if self.first:
            self._select(self.rows)
        self.known, self.value = self.known[:, self.rows], self.value[:, self.rows]
        if self.setup.proposal is not None:
            self.proposal = self._new_proposal(self.setup.proposal)
            self.proposal.select(self.rows)

    def _new_proposal(self, model: Factorization) -> Proposal:
        value = self.model.restore(self.evidence.value)
        return Proposal(model, self.order, self.evidence.mask[0], value, self.context)

    def _step(self, t: int) -> None:
        """Draw or observe the values of a step, weight the particles, and resample where few are effective."""
        parameters = self._parameters()
        if not self.known_in_some[t]:
            value, log_weight = self._draw(parameters, self._noise(t))
        elif self.known_in_all[t]:
            value, log_weight = self.value[t], self._log_prob(parameters, self.value[t])
        else:
            drawn, correction = self._draw(parameters, self._noise(t))
            value = torch.where(self.known[t], self.value[t], drawn)
            observed = self._log_prob(parameters, self.value[t])
            log_weight = torch.where(self.known[t], observed, 0.0 if correction is None else correction)
        if log_weight is not None:
            self.log_weight = self.log_weight + log_weight.reshape(self.examples, self.particles)
        self._advance(value)
        # particles differ only in what they draw, so that is when the weights have to be spread
        if log_weight is not None and t + 1 < self.last and not self.known_in_all[t + 1]:
            self._resample_where_few(t)

    def _noise(self, t: int) -> Float[Tensor, "rows k"]:
        return self.noise[:, :, t].flatten(0, 1)

    def _draw(self, parameters: Tensor, noise: Tensor) -> tuple[Tensor, Tensor | None]:
        """Values from the model, or from the proposal with the logarithms of their weights."""
        index = self.generation.index
        if self.proposal is None:
            return self.choose(parameters, noise[:, : self.setup.chooser.noise_size(self.model.head)], index), None
        value, log_proposed = self.proposal.propose(noise)
        standard = self.model.standardize(value, index)
        log_prob = self.model.data_distribution(parameters, index).log_prob(self.model.restore(standard, index))
        return standard, log_prob.double() - log_proposed

    def _resample_where_few(self, t: int) -> None:
        """Resample the particles of examples with few effective ones."""
        weight = self._weights()
        effective = weight.square().sum(1).reciprocal()
        self.effective = self.effective.minimum(effective)
        few = effective < self.particles / 2
        if bool(few.any()):
            self._resample(weight, few, self.own_noise[:, t])

    def _weights(self) -> Float[Tensor, "examples particles"]:
        """The normalized weights; zero for all particles of impossible evidence, whose ``log_evidence`` is -inf."""
        return self.log_weight.softmax(1).nan_to_num(0.0)

    def _resample(self, weight: Tensor, few: Bool[Tensor, " examples"], noise: Tensor) -> None:
        """Keep particles by weight in the examples that need it."""
        chosen = torch.where(few[:, None], systematic(weight, noise), torch.arange(self.particles, device=few.device))
        self.log_evidence = self.log_evidence + torch.where(few, self._mean_weight(), 0.0)
        self.log_weight = torch.where(few[:, None], 0.0, self.log_weight)
        self.ancestor = self.ancestor.gather(1, chosen)
        self._select((chosen + self._start()).flatten())

    def _finish(self, weight: Float[Tensor, "examples particles"]) -> Float[Tensor, "batch *event"]:
        """Keep one particle of each example, by weight, and draw the rest of the event."""
        chosen = (weight.cumsum(1)[:, :-1] <= self.own_noise[:, -1:]).sum(1, keepdim=True)
        self.proposal, rows = None, (chosen + self._start()).flatten()
        noise = self.noise.flatten(0, 1)[rows]
        if self.last < len(self.order):
            self._select(rows)
            rows = torch.arange(self.examples, device=rows.device)
        for t in range(self.last, len(self.order)):
            self._advance(self._draw(self._parameters(), noise[:, t])[0])
        broken = self.largest[rows].isnan().reshape(-1, *[1] * len(self.model.event_shape))
        return torch.where(broken, torch.nan, self.generation.standard_evidence().value[rows])

    # --- helpers ----------------------------------------------------------------------------------------------------

    def _parameters(self) -> Tensor:
        parameters = self.generation.parameters().to(self.dtype)
        # heads draw some value from NaN too
        self.largest = self.largest.maximum(parameters.amax(-1))
        return parameters

    def _log_prob(self, parameters: Tensor, value: Tensor) -> Tensor:
        return self.model.head.distribution(parameters, self.generation.index).log_prob(value).double()

    def _advance(self, value: Tensor) -> None:
        self.generation.advance(value)
        self.setup.report_step()

    def _select(self, rows: Int[Tensor, " selected"]) -> None:
        self.generation.select(rows)
        self.largest = self.largest[rows]
        if self.proposal is not None:
            self.proposal.select(rows)

    def _start(self) -> Int[Tensor, "examples 1"]:
        """The row of the first particle of each example."""
        return torch.arange(0, self.examples * self.particles, self.particles, device=self.model.device)[:, None]

    def _mean_weight(self) -> Float[Tensor, " examples"]:
        return self.log_weight.logsumexp(1) - math.log(self.particles)


def systematic(weight: Float[Tensor, "batch particles"], noise: Float[Tensor, " batch"]) -> Int[Tensor, "batch _"]:
    """Systematic resampling: the particles at evenly spaced quantiles of their weights (Kitagawa 1996).

    >>> systematic(torch.tensor([[0.5, 0.0, 0.25, 0.25]]), torch.tensor([0.5]))
    tensor([[0, 0, 2, 3]])
    """
    count = weight.shape[1]
    positions = (torch.arange(count, device=weight.device) + noise[:, None]) / count
    return torch.searchsorted(weight.cumsum(1).contiguous(), positions.to(weight).contiguous()).clamp(max=count - 1)
