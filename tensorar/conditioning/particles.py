"""Sequential Monte Carlo over an order: what is observed late weights the particles that were drawn before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tensorar.conditioning.proposal import Proposal
from tensorar.conditioning.ways import known_steps
from tensorar.conditioning.weights import Weights
from tensorar.evidence import Evidence
from tensorar.factorization import Factorization
from tensorar.generation.choosers import Chooser
from tensorar.generation.generation import Generation
from tensorar.generation.lineage import Lineage
from tensorar.generation.steppers import PrefixStepper
from tensorar.generation.visits import Visits
from tensorar.noise import uniform
from tensorar.order import Order
from tensorar.utils.shapes import flatten_events, rows_of

# parameters of recent steps that are kept; bounds memory
MAX_PARAMETERS = 2**18
# of the steps: so many are made with all particles though one would do, since other numbers of examples need new caches
SHORT = 1 / 16
# of the steps: after more known ones than so many, effective sample sizes are computed, which costs as much as a step
RARELY = 1 / 256


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
    to be drawn (in events of 256 coefficients or more, after a few known ones). Steps before the first unknown
    coefficient are made once for all particles of an example; after the last known one, one particle is kept, drawn by
    weight, so that the completions of different examples are independent. Weights are float64 logarithms. A
    ``proposal`` draws what is unknown in place of the model, and needs examples with one mask.
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

    def noise(self, batch: int) -> tuple[Float[Tensor, "steps rows k"], Float[Tensor, "_ examples"]]:
        """The uniform numbers of each step: for the values of all particles, and to resample and at last select them.

        The numbers of an example lie together where they are drawn: they do not depend on how many are drawn at once.
        """
        steps, size = len(self.order), self.noise_size
        per_example = self.particles * steps * size
        drawn = uniform((batch, per_example + steps + 1), self.model.dtype, self.model.device)
        by_step = drawn[:, :per_example].reshape(batch * self.particles, steps, size).transpose(0, 1).contiguous()
        return by_step, drawn[:, per_example:].double().T

    @property
    def noise_size(self) -> int:
        """The number of uniform numbers for a value of a particle."""
        proposed = 0 if self.proposal is None else self.proposal.head.noise_size
        return max(self.chooser.noise_size(self.model.head), proposed)


class _Walk:
    """One walk of a batch through the order. Per-particle tensors are ``(examples * particles,)``.

    Up to the step ``shared`` a row stands for all particles of an example. What is observed is weighed when the weights
    are needed, several steps at once.
    """

    def __init__(self, setup: ParticleFilter, evidence: Evidence, context: Tensor | None) -> None:
        self.setup, self.model, self.order = setup, setup.model, setup.order
        self.examples, self.evidence, self.context = len(evidence), evidence, context
        # by step, so that a step reads rows that lie together
        self.known = flatten_events(evidence.mask)[:, self.order.visits].T.contiguous()
        self.value = flatten_events(evidence.value)[:, self.order.visits].T.contiguous()
        self.values, self.index = self.value.unbind(), self.order.visits.unsqueeze(1)
        self.known_in_some, self.known_in_all = self.known.any(1).tolist(), self.known.all(1).tolist()
        self.masks_differ = self.known_in_some != self.known_in_all
        self.first = self.known_in_all.index(False) if False in self.known_in_all else len(self.order)
        self.last = int(known_steps(self.order, evidence.mask).amax())
        self.short = SHORT * len(self.order)
        self.shared = self.first if self.first > self.short else 0
        noise, own_noise = setup.noise(self.examples)
        self.noise, self.own_noise = noise.unbind(), own_noise.unbind()
        self.choose, self.noise_size = setup.chooser.bind(self.model.head), setup.chooser.noise_size(self.model.head)
        self.rows = torch.arange(self.examples, device=self.model.device).repeat_interleave(setup.particles)
        self.generation = self._start_with(self.rows[:: setup.particles] if self.shared else self.rows)
        self.proposal: Proposal | None = None
        self.weights = Weights(self.examples, setup.particles, self.model.device)
        self.dtype = self.model.dtype
        # the parameters of the steps at which something is known that is not yet weighed, and the number of known
        # steps since the effective sample sizes were computed
        self.pending: list[Tensor] = []
        self.pending_steps: list[int] = []
        self.known_since, self.rarely = 0, int(RARELY * len(self.order))
        # the parameters of recent steps, and the largest ones before, which are NaN if any was
        self.recent: list[Tensor] = []
        self.largest = Lineage()

    def run(self, complete: bool) -> Filtered:
        """Walk to the last known coefficient, or to the end."""
        for t in range(self.shared):
            self._step(t)
        self._weigh()
        self._multiply()
        for t in range(self.shared, self.last):
            self._step(t)
        self._weigh()
        weights = self.weights
        rows = weights.finish(self.own_noise[-1])
        value = self._finish(rows) if complete else self.evidence.value
        stepper = self.generation.stepper
        passes = stepper.passes if isinstance(stepper, PrefixStepper) else 1
        return Filtered(
            value, weights.log_evidence, weights.effective_sample_size(), weights.distinct_ancestors(), passes
        )

    def _start_with(self, rows: Int[Tensor, " rows"]) -> Generation:
        context = rows_of(self.context, rows)
        return Generation(self.model, len(rows), Visits([self.order]), context, cached=self.setup.cached)

    def _multiply(self) -> None:
        """Repeat each example once per particle."""
        if self.shared:
            self._select(self.rows)
        self.known, self.value = self.known[:, self.rows], self.value[:, self.rows]
        self.values = self.value.unbind()
        if self.setup.proposal is not None:
            self.proposal = self._new_proposal(self.setup.proposal)
            self.proposal.select(self.rows)

    def _new_proposal(self, model: Factorization) -> Proposal:
        value = self.model.restore(self.evidence.value)
        return Proposal(model, self.order, self.evidence.mask[0], value, self.context)

    def _step(self, t: int) -> None:
        """Draw or observe the values of a step, and resample where few particles are effective."""
        parameters = self._parameters()
        if self.known_in_some[t]:
            self._observe(t, parameters)
        value = self.values[t] if self.known_in_all[t] else self._draw(parameters, self.noise[t])
        if self.known_in_some[t] and not self.known_in_all[t]:
            value = torch.where(self.known[t], self.values[t], value)
        self._advance(value)
        if self._due(t):
            self._weigh()
            self._resample_where_few(t)
            self.known_since = 0

    def _due(self, t: int) -> bool:
        """Whether the weights are to be spread before the next step: particles differ only in what they draw."""
        if t + 1 >= self.last or self.known_in_all[t + 1]:
            return False
        return self.proposal is not None or self.known_since > self.rarely

    def _observe(self, t: int, parameters: Tensor) -> None:
        """Weigh what is known at a step, but not before it is needed or much is pending."""
        self.known_since += 1
        self.pending.append(parameters)
        self.pending_steps.append(t)
        if len(self.pending) * parameters.numel() > MAX_PARAMETERS:
            self._weigh()

    def _weigh(self) -> None:
        """Multiply the weights by the probabilities of what is known at the pending steps."""
        if not self.pending:
            return
        steps = torch.tensor(self.pending_steps, device=self.index.device)
        value = torch.stack([self.values[t] for t in self.pending_steps])
        index = self.index.index_select(0, steps).expand(-1, value.shape[1])
        log_prob = self.model.head.log_prob(torch.stack(self.pending), value, index)
        if self.masks_differ:
            log_prob = log_prob.where(self.known[steps], 0.0)
        self.weights.multiply(log_prob.sum(0, dtype=torch.float64))
        self.pending, self.pending_steps = [], []

    def _draw(self, parameters: Tensor, noise: Tensor) -> Tensor:
        """Values from the model, or from the proposal, which the weights make up for."""
        index = self.generation.index
        if self.proposal is None:
            return self.choose(parameters, noise, index)
        value, log_proposed = self.proposal.propose(noise)
        standard = self.model.standardize(value, index)
        log_prob = self.model.data_distribution(parameters, index).log_prob(self.model.restore(standard, index))
        self.weights.multiply(log_prob.double() - log_proposed)
        return standard

    def _resample_where_few(self, t: int) -> None:
        """Resample the particles of examples with few effective ones."""
        rows = self.weights.resample_where_few(self.own_noise[t])
        if rows is not None:
            self._select(rows)

    def _finish(self, rows: Int[Tensor, " examples"]) -> Float[Tensor, "batch *event"]:
        """The events of these particles, with the rest of them drawn."""
        self.proposal, kept = None, torch.arange(len(self.rows), device=rows.device)
        if len(self.order) - self.last > self.short:
            self._select(rows)
            kept, rows = rows, kept[: self.examples]
        for noise in self.noise[self.last :]:
            self._advance(self._draw(self._parameters(), noise[kept, : self.noise_size]))
        self._look()
        broken = self.largest.stacked().isnan().any(0)[rows].reshape(-1, *[1] * len(self.model.event_shape))
        return torch.where(broken, torch.nan, self.generation.standard_evidence().value[rows])

    # --- helpers ----------------------------------------------------------------------------------------------------

    def _parameters(self) -> Tensor:
        parameters = self.generation.parameters()
        parameters = parameters if parameters.dtype == self.dtype else parameters.to(self.dtype)
        # heads draw some value from NaN too, so parameters are looked at, but not at every step
        self.recent.append(parameters)
        if len(self.recent) * parameters.numel() > MAX_PARAMETERS:
            self._look()
        return parameters

    def _look(self) -> None:
        """Note the largest of the recent parameters."""
        if self.recent:
            self.largest.append(torch.stack(self.recent).amax((0, 2)))
            self.recent = []

    def _advance(self, value: Tensor) -> None:
        self.generation.advance(value)
        self.setup.report_step()

    def _select(self, rows: Int[Tensor, " selected"]) -> None:
        self._look()
        self.generation.select(rows)
        self.largest.select(rows)
        if self.proposal is not None:
            self.proposal.select(rows)
