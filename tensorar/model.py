"""The autoregressive model: likelihoods, training objective, conditionals, samples and generation step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Int, Real
from torch import Tensor
from torch.distributions import Distribution

from tensorar import ensemble, objective, observed, validation
from tensorar.conditionals import all_conditionals
from tensorar.conditioning.estimate import Estimate
from tensorar.conditioning.filtering import SamplingOptions
from tensorar.conditioning.likelihood import DEFAULT_RUNS, log_conditional, log_marginal
from tensorar.conditioning.sample import complete_given
from tensorar.conditioning.ways import DEFAULT_PARTICLES, Conditioning, ConditioningOptions
from tensorar.errors import ShapeError
from tensorar.evidence import Evidence
from tensorar.factorization import Factorization
from tensorar.finiteness import check_finite
from tensorar.generation.choosers import Chooser
from tensorar.generation.generation import Generation, visits_of
from tensorar.generation.info import SamplingInfo
from tensorar.generation.replay import next_given, replay, replay_batch_size, replay_batches
from tensorar.generation.sample import Method
from tensorar.order import Order
from tensorar.utils.eval_mode import eval_mode
from tensorar.utils.random_state import reproducible
from tensorar.utils.shapes import flatten_events, rows_of, split_batch


class AutoregressiveModel(Factorization):
    """``log p(x) = sum_t log p(x[order[t]] | x[order[0]], ..., x[order[t-1]])``, exactly, for events of any shape.

    Shapes: events ``(batch, *event)``, contexts ``(batch, context)``. Likelihoods are in nats. ``model(x)`` is
    ``model.loss(x)``, so that wrappers made for ``forward`` (distributed training) work.
    """

    def init_from_marginals(self, values: Real[Tensor, "n *event"]) -> None:
        """Initialize the output bias to each coefficient's marginal distribution, if head and backbone support it.

        NaN stands for a missing value; a coefficient that is never observed keeps parameters of zero.
        """
        marginal = self.head.marginal_parameters(self.head.standardize(values, self.coefficients))
        if marginal is not None:
            unknown = values.isnan().all(0).unsqueeze(-1) | marginal.isnan()
            self.backbone.init_output_bias(torch.where(unknown, 0.0, marginal))

    # --- likelihood -------------------------------------------------------------------------------------------------

    def conditionals(
        self,
        x: Real[Tensor, "batch *event"],
        context: Float[Tensor, "batch context"] | None = None,
        *,
        order: Order | None = None,
    ) -> Distribution:
        """All ``N`` conditionals of complete events: a distribution over ``(batch, *event)``.

        They are those of one order: the given one, else the model's (the first one for an ensemble). NaN in ``x`` marks
        an unknown value: conditionals of coefficients visited after it are NaN too.
        """
        orders, (x, context) = self._orders_of(order), validation.check_examples(self, x, context)
        return self.data_distribution(self._all_parameters(x, context, orders[0]))

    def visits_for(
        self,
        x: Real[Tensor, "batch *event"],
        context: Float[Tensor, "batch context"] | None = None,
        *,
        known: Bool[Tensor, "batch *event"] | None = None,
    ) -> Int[Tensor, "batch n"]:
        """The flat indices of each event's coefficients in the order in which they are visited.

        Under an adaptive ordering each event has an order of its own. ``known`` coefficients come first where
        ``sample`` completes them in such an order (``orders_for_completion``).
        """
        x, context = self._checked_events(x, context)
        known = torch.zeros(x.shape, dtype=torch.bool) if known is None else known
        known, visits = known.to(self.device), torch.empty(len(x), len(self.order), dtype=torch.long)
        if not self.ordering.adaptive:
            for rows, order in self.orders_for_completion(known):
                visits[rows.cpu()] = order.visits.cpu()
            return visits
        for rows in replay_batches(self, known):
            visits[rows.cpu()] = replay(self, x[rows], rows_of(context, rows), known[rows]).visits.cpu()
        return visits

    def log_prob(
        self,
        x: Real[Tensor, "batch *event"] | Evidence,
        context: Float[Tensor, "batch context"] | None = None,
        *,
        order: Order | None = None,
    ) -> Float[Tensor, " batch"]:
        """The exact log-likelihood of each event in nats, in the model's order unless another is given.

        For an ensemble of orders it is that of the mixture; under an adaptive ordering the order that each event takes
        is replayed, at the cost of sampling, and there are no gradients. Call ``model.eval()`` first if the network has
        dropout or random connectivities. Raises ``ShapeError`` for events of another shape, ``SupportError`` for values
        without a probability.

        Of events with missing values (``Evidence``), the log-likelihood of what was observed: in the same order, what
        is missing is never visited. Raises ``SupportError`` where a causal network of a fixed order would have to visit
        it, ``SpecError`` under an adaptive ordering, which may choose it.
        """
        x, context = self._checked(x, context)
        if isinstance(x, Evidence) and order is None and self.ordering.adaptive:
            x = observed.complete_values(self, x)
        if isinstance(x, Evidence):
            orders = self.orders if order is None else (validation.check_order(self, order),)
            return observed.log_prob(self, x, orders, context)
        if not len(x):
            return x.new_zeros(0)
        standard = ensemble.mixture_log_prob([self._log_prob(x, context, one) for one in self._orders_of(order)])
        return standard - self.log_scale(x)

    def _checked(self, x: Tensor | Evidence, context: Tensor | None) -> tuple[Tensor | Evidence, Tensor | None]:
        """Standard values of events that have a probability, and their contexts."""
        if isinstance(x, Evidence):
            return validation.check_evidence(self, x), validation.check_context(self, context, len(x))
        return self._checked_events(x, context)

    def _checked_events(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor | None]:
        validation.check_event_shape(self, x)
        self.head.check(x, coefficients=self.coefficients.to(x.device), what="x", dtype=self.dtype)
        return validation.check_examples(self, x, context)

    def _orders_of(self, order: Order | None) -> Sequence[Order | None]:
        """The given order, the model's orders, or None for those that an adaptive ordering chooses."""
        if order is not None:
            return [validation.check_order(self, order)]
        return [None] if self.ordering.adaptive else self.orders

    def _all_parameters(self, x: Tensor, context: Tensor | None, order: Order | None) -> Tensor:
        """The parameters of all conditionals of standard values ``(batch, *event)``."""
        if order is None:
            return replay(self, x, context).parameters
        return all_conditionals(self.backbone, self.features(x), order, context)

    def _log_prob(self, x: Tensor, context: Tensor | None, order: Order | None) -> Tensor:
        """The log-likelihood of standard values."""
        log_prob = []
        for some, given in self._split_batch(x, context):
            parameters = self._all_parameters(some, given, order)
            log_prob.append(flatten_events(self.distribution(parameters).log_prob(some)).sum(1))
        return torch.cat(log_prob)

    def _split_batch(self, x: Tensor, context: Tensor | None) -> list[tuple[Tensor, Tensor | None]]:
        """All events at once, or small batches if the parameters of all prefixes of every event would fill memory."""
        if self.ordering.adaptive:
            return split_batch(x, context, replay_batch_size(self))
        return [(x, context)] if self.is_causal else split_batch(x, context)

    @torch.no_grad()
    def conditional_means(
        self, x: Real[Tensor, "batch *event"], context: Float[Tensor, "batch context"] | None = None
    ) -> Float[Tensor, "batch *event"]:
        """The conditional mean of each coefficient given those before it.

        For an ensemble, given those before it in the first of its orders, whichever order a sample was drawn in.
        """
        validation.check_event_shape(self, x)
        context = validation.check_context(self, context, len(x))
        with eval_mode(self):
            return torch.cat([self.conditionals(*part).mean for part in split_batch(x, context)])

    def loss(
        self,
        x: Real[Tensor, "batch *event"] | Evidence,
        context: Float[Tensor, "batch context"] | None = None,
        *,
        generator: torch.Generator | None = None,
        progress: float = 0.0,
    ) -> Float[Tensor, ""]:
        """Nats per event to minimize: ``-log_prob(x).mean()``, or an unbiased estimate for evidence backbones.

        An ordering that varies draws the orders; ``progress``, the fraction of the training that is done, decides which
        ones where it is a curriculum. Of events with missing values (``Evidence``), nats of what was observed; the
        ``SupportError`` of ``log_prob`` applies. Raises ``ShapeError`` for events of another shape, ``SupportError``
        for values without a probability.
        """
        x, context = self._checked(x, context)
        if not len(x):
            raise ShapeError(expected="at least one event", got="an empty batch", remedy="skip empty batches")
        if isinstance(x, Evidence):
            return observed.loss_per_event(self, x, context, generator, progress).mean()
        return objective.loss_per_event(self, x, context, generator, progress).mean()

    def forward(
        self,
        x: Real[Tensor, "batch *event"] | Evidence,
        context: Float[Tensor, "batch context"] | None = None,
        generator: torch.Generator | None = None,
        progress: float = 0.0,
    ) -> Float[Tensor, ""]:
        """The same as ``loss``."""
        return self.loss(x, context, generator=generator, progress=progress)

    # --- one conditional --------------------------------------------------------------------------------------------

    def next_coefficient(
        self, evidence: Evidence, context: Float[Tensor, "batch context"] | None = None
    ) -> Int[Tensor, " batch"]:
        """The flat index of the coefficient visited next: the first unknown one of each example.

        Under an adaptive ordering it depends on the values and the context.
        """
        evidence = validation.check_incomplete(self, evidence)
        if self.ordering.adaptive:
            return next_given(self, evidence, validation.check_context(self, context, len(evidence)))[0]
        return self._next_coefficient(evidence.mask)

    def _next_coefficient(self, mask: Tensor) -> Tensor:
        rank = flatten_events(torch.where(mask, len(self.order), self._ranks(mask)))
        return rank.argmin(1)

    def _ranks(self, mask: Tensor) -> Tensor:
        """The rank of each coefficient of each example, as far as it decides which unknown one comes next."""
        if not self.ordering.ensemble:
            return self.order.rank
        ranks = torch.empty(mask.shape, dtype=torch.long, device=mask.device)
        for rows, order in self.orders_for_completion(mask):
            ranks[rows] = order.rank
        return ranks

    def conditional(self, evidence: Evidence, context: Float[Tensor, "batch context"] | None = None) -> Distribution:
        """The predictive distribution of the next coefficient (``next_coefficient``), over ``(batch,)``.

        For a fixed ordering it is conditioned on what the order visits before that coefficient, all of which is known;
        later observations do not influence it. For an ensemble it is that of the order that visits most of what is
        observed first; for an adaptive ordering, that of the coefficient it chooses given all that is known.
        """
        evidence = validation.check_incomplete(self, evidence)
        context = validation.check_context(self, context, len(evidence))
        if self.ordering.adaptive:
            index, parameters = next_given(self, evidence, context)
            return self.data_distribution(parameters, index)
        query = self._next_coefficient(evidence.mask)
        parameters = torch.empty(len(query), self.head.parameter_count, dtype=self.dtype, device=self.device)
        for rows, order in self.orders_for_completion(evidence.mask):
            known = order.evidence_before(evidence.value[rows], order.rank.flatten()[query[rows]])
            queried = self.query(known, query[rows].unsqueeze(1), order, rows_of(context, rows))
            parameters[rows] = queried.squeeze(1).to(self.dtype)
        return self.data_distribution(parameters, query)

    # --- generation -------------------------------------------------------------------------------------------------

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
        proposal: AutoregressiveModel | None = None,
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
        proposal: AutoregressiveModel | None = None,
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
        x: Real[Tensor, "batch *event"],
        mask: Bool[Tensor, "..."],
        context: Float[Tensor, "batch context"] | None = None,
        *,
        conditioning: Conditioning = "auto",
        particles: int = DEFAULT_PARTICLES,
        runs: int = DEFAULT_RUNS,
        proposal: AutoregressiveModel | None = None,
        generator: torch.Generator | None = None,
        memory: int | None = None,
    ) -> Estimate:
        """The log-probability of each event given the part of it in ``mask``, in nats: ``log p(x) - log p(x[mask])``.

        ``mask`` ``(*event)`` or ``(batch, *event)`` is True where a coefficient is known. See ``log_marginal``.
        ``conditioning="clamp"`` gives the log-probability that ``sample`` draws the rest in that biased way. Under an
        adaptive ordering it is that of the rest as ``sample`` draws it: what is known first, then as the rule chooses.
        """
        options = ConditioningOptions(conditioning, particles, proposal)
        return log_conditional(self, x, mask, context, options=options, runs=runs, generator=generator, memory=memory)

    def _completed(self, evidence: Evidence, drawn: Tensor) -> Tensor:
        """Samples with the observed values as they were given."""
        if not bool(evidence.mask.any()):
            return drawn
        dtype = torch.promote_types(drawn.dtype, evidence.value.dtype)
        return torch.where(evidence.mask.to(drawn.device), evidence.value.to(drawn.device, dtype), drawn.to(dtype))
