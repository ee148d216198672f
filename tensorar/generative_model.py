"""A model that generates: events step by step, samples given any evidence, and likelihoods of parts of events."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Real
from torch import Tensor

from tensorar import validation
from tensorar.conditioning.estimate import Estimate
from tensorar.conditioning.filtering import SamplingOptions
from tensorar.conditioning.likelihood import DEFAULT_RUNS, log_conditional, log_marginal
from tensorar.conditioning.sample import complete_given
from tensorar.conditioning.ways import DEFAULT_PARTICLES, Conditioning, ConditioningOptions
from tensorar.evidence import Evidence
from tensorar.factorization import Factorization
from tensorar.finiteness import check_finite
from tensorar.generation.choosers import Chooser
from tensorar.generation.generation import Generation, visits_of
from tensorar.generation.info import SamplingInfo
from tensorar.generation.sample import Method
from tensorar.order import Order
from tensorar.utils.eval_mode import eval_mode
from tensorar.utils.random_state import reproducible


class GenerativeModel(Factorization):
    """What an ``AutoregressiveModel`` draws, and what it knows of the parts of an event: the base of that class."""

    def generation(
        self,
        batch: int,
        order: Order | Sequence[Order] | None = None,
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Generation:
        """Start generating ``batch`` events one coefficient at a time, in a loop of your own.

        ``order`` defaults to the model's order (the first one for an ensemble); it may be another one, or one per
        example. Call ``model.eval()`` first. Raises ``ShapeError`` for an order or a context of another shape.

        >>> from tensorar import build
        >>> state = build((2, 2), "raster", "bernoulli", "fvsbn").generation(batch=3)
        >>> while not state.done:
        ...     state.observe(state.distribution().sample())
        >>> state.evidence.value.shape
        torch.Size([3, 2, 2])
        """
        validation.check_batch(batch)
        context = validation.check_context(self, context, batch)
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            return Generation(self, batch, visits_of(self, batch, order), context)

    @torch.no_grad()
    def sample(
        self,
        n: int | None = None,
        evidence: Evidence | None = None,
        *,
        context: Float[Tensor, "..."] | None = None,
        method: Method = "auto",
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        orders: Sequence[Order] | None = None,
        generator: torch.Generator | None = None,
        progress: Callable[[int, int], None] | None = None,
        info: SamplingInfo | None = None,
        memory: int | None = None,
        conditioning: Conditioning = "auto",
        particles: int = DEFAULT_PARTICLES,
        proposal: Factorization | None = None,
    ) -> Float[Tensor, "n *event"]:
        """``n`` exact samples, coefficient by coefficient; with evidence, completions that keep what is observed.

        Completions follow the model's distribution given what is known, whatever it is. ``conditioning``: ``exact``
        where an order of the model visits what is known first, or what is unknown before it has at most 4096
        completions; ``smc`` draws each completion by weight from ``particles`` particles of its own, which a
        ``proposal``, a model of the same events for all orders, may draw (exact in the limit of many particles);
        ``clamp`` ignores what is known after something unknown, and is biased; ``auto`` is exact, or else ``smc``.

        The same generator state gives the same samples for every ``method``, and samples with the same seed start alike
        for every ``n`` (on a GPU, with several batches, they also depend on ``memory``). ``cached`` computes every
        activation once, ``fixed-point`` iterates over whole passes, ``naive`` calls the network for every coefficient;
        ``auto`` picks the fastest that the model supports. Runs in evaluation mode.

        ``temperature`` other than 1 sharpens or flattens every conditional; discrete heads draw from the ``top_k``
        most likely values, or the fewest that together have the probability ``top_p``. Such samples do not follow the
        model's distribution; ``top_k=1`` is the most likely value each time.

        An ensemble draws an order for each sample; given evidence, one that visits it first if there is one, weighted
        by the likelihood of that evidence. ``orders``, such as ``model.draw_orders(128)``, draws one of these for each
        sample (without evidence). ``info`` is filled with the method, the pass count and the way of conditioning.
        ``memory``: bytes for the buffers of the events drawn at once (default: 1 GiB). ``progress(steps_done, steps)``
        is called on the way.

        Raises ``ShapeError`` if ``n``, the evidence and the context do not fit together, ``SpecError`` for a method or
        an option that the model does not support, ``SupportError`` for evidence of probability zero,
        ``NumericalError`` if the network outputs NaN or infinity.
        """
        given = ConditioningOptions(conditioning, particles, proposal)
        start, context = validation.initial_evidence(self, n, evidence, context)
        mixed = validation.check_mixture(self, orders, evidence)
        chooser = Chooser(temperature, top_k, top_p)
        # every method computes in the network's own dtype, whatever autocast makes of products
        exact = torch.autocast(self.device.type, enabled=False)
        with reproducible(generator, self.device), eval_mode(self), exact:
            known = validation.check_evidence(self, start)
            sampling = SamplingOptions(method, chooser, progress, info or SamplingInfo(), memory, mixed)
            standard = complete_given(self, known, context, given, sampling)
        drawn = self.restore(standard)
        check_finite(drawn, "sample", self.backbone)
        return self._completed(start, drawn)

    def log_marginal(
        self,
        evidence: Evidence,
        context: Float[Tensor, "batch context"] | None = None,
        *,
        conditioning: Conditioning = "auto",
        particles: int = DEFAULT_PARTICLES,
        runs: int = DEFAULT_RUNS,
        proposal: Factorization | None = None,
        generator: torch.Generator | None = None,
        memory: int | None = None,
    ) -> Estimate:
        """The log-probability of what is known of each example, in nats, whatever the rest may be.

        Exact where ``sample`` conditions exactly, else the logarithm of the mean of ``runs`` unbiased estimates by
        sequential Monte Carlo, with its standard error. An ensemble is the mixture of its orders that visit what is
        known first, or of all orders if none does. The other arguments, and what is raised, are those of ``sample``;
        also ``SpecError`` under an adaptive ordering, unless everything or nothing is known.
        """
        options = ConditioningOptions(conditioning, particles, proposal)
        return log_marginal(self, evidence, context, options=options, runs=runs, generator=generator, memory=memory)

    def log_conditional(
        self,
        x: Real[Tensor, "batch *event"] | Evidence,
        mask: Bool[Tensor, "..."],
        context: Float[Tensor, "batch context"] | None = None,
        *,
        conditioning: Conditioning = "auto",
        particles: int = DEFAULT_PARTICLES,
        runs: int = DEFAULT_RUNS,
        proposal: Factorization | None = None,
        generator: torch.Generator | None = None,
        memory: int | None = None,
    ) -> Estimate:
        """The log-probability of each event given the part of it in ``mask``, in nats: ``log p(x) - log p(x[mask])``.

        ``mask`` ``(*event)`` or ``(batch, *event)`` is True where a coefficient is known. See ``log_marginal``.
        ``conditioning="clamp"`` gives the log-probability that ``sample`` draws the rest in that biased way. Under an
        adaptive ordering it is that of the rest as ``sample`` draws it: what is known first, then as the rule chooses.

        Of events with missing values (``Evidence``) it is the log-probability of what was observed given what was
        observed of the part in ``mask``: a model of all orders visits the part, then the rest of what was observed;
        any other one sums over what is missing, as ``log_marginal`` does. ``clamp`` and adaptive orderings refuse them.
        """
        options = ConditioningOptions(conditioning, particles, proposal)
        return log_conditional(self, x, mask, context, options=options, runs=runs, generator=generator, memory=memory)

    def _completed(self, evidence: Evidence, drawn: Tensor) -> Tensor:
        """Samples with the observed values as they were given."""
        if not bool(evidence.mask.any()):
            return drawn
        dtype = torch.promote_types(drawn.dtype, evidence.value.dtype)
        return torch.where(evidence.mask.to(drawn.device), evidence.value.to(drawn.device, dtype), drawn.to(dtype))
