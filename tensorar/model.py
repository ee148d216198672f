"""The autoregressive model: likelihoods, training objective, conditionals, samples and generation step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Bool, Float, Int, Real
from torch import Tensor
from torch.distributions import Distribution

from tensorar import ensemble, objective, observed, validation
from tensorar.backbone import Backbone
from tensorar.conditionals import all_conditionals
from tensorar.errors import ShapeError
from tensorar.evidence import Evidence
from tensorar.generation.replay import next_given, replay, replay_batch_size, replay_batches
from tensorar.generative_model import GenerativeModel
from tensorar.model_display import model_table
from tensorar.order import Order
from tensorar.utils.eval_mode import eval_mode
from tensorar.utils.shapes import MAX_EVENTS_PER_CALL, flatten_events, rows_of, split_batch


class AutoregressiveModel(GenerativeModel):
    """``log p(x) = sum_t log p(x[order[t]] | x[order[0]], ..., x[order[t-1]])``, exactly, for events of any shape.

    Shapes: events ``(batch, *event)``, contexts ``(batch, context)``. Likelihoods are in nats. ``model(x)`` is
    ``model.loss(x)``, so that wrappers made for ``forward`` (distributed training) work.
    """

    def init_from_marginals(self, values: Real[Tensor, "n *event"]) -> None:
        """Initialize the network from training events, as far as head and backbone support it.

        The output bias becomes each coefficient's marginal distribution. NaN stands for a missing value; a coefficient
        that is never observed keeps parameters of zero.
        """
        standard, known = self.head.standardize(values, self.coefficients), ~values.isnan()
        if type(self.backbone).init_from_features is not Backbone.init_from_features:
            features = self.features(torch.where(known, standard, 0.0).to(self.device, self.dtype))
            self.backbone.init_from_features(torch.where(known.unsqueeze(-1), features, 0.0), known)
        marginal = self.head.marginal_parameters(standard)
        if marginal is not None:
            unknown = values.isnan().all(0).unsqueeze(-1) | marginal.isnan()
            self.backbone.init_output_bias(torch.where(unknown, 0.0, marginal))

    def _repr_html_(self) -> str:
        """A table of the parts, and a picture of the order, for notebooks."""
        return model_table(self)

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
        return self.data_distribution(self._all_parameters(x, context, orders[0], checked=False))

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
        if not x.shape[0]:
            return x.new_zeros(0)
        standard = ensemble.mixture_log_prob([self._log_prob(x, context, one) for one in self._orders_of(order)])
        return self.in_data_units(standard, x)

    def _checked(
        self, x: Tensor | Evidence, context: Tensor | None, *, known: bool = False
    ) -> tuple[Tensor | Evidence, Tensor | None]:
        """Standard values of events that have a probability (which may be known), and their contexts."""
        if isinstance(x, Evidence):
            evidence = validation.check_evidence(self, x, checked=known)
            return evidence, validation.check_context(self, context, len(x))
        return self._checked_events(x, context, known=known)

    def _checked_events(
        self, x: Tensor, context: Tensor | None, *, known: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        validation.check_event_shape(self, x)
        dtype = self.dtype
        if not known:
            self.head.check(x, what="x", dtype=dtype)
        return self.standardize(x, dtype=dtype), validation.check_context(self, context, x.shape[0])

    def _orders_of(self, order: Order | None) -> Sequence[Order | None]:
        """The given order, the model's orders, or None for those that an adaptive ordering chooses."""
        if order is not None:
            return [validation.check_order(self, order)]
        return [None] if self.ordering.adaptive else self.orders

    def _all_parameters(self, x: Tensor, context: Tensor | None, order: Order | None, *, checked: bool) -> Tensor:
        """The parameters of all conditionals of standard values ``(batch, *event)``."""
        if order is None:
            return replay(self, x, context).parameters
        return all_conditionals(self.backbone, self.features(x), order, context, checked=checked)

    def _log_prob(self, x: Tensor, context: Tensor | None, order: Order | None) -> Tensor:
        """The log-likelihood of standard values."""
        if not self.is_causal or order is None:
            return torch.cat([self._log_prob_at_once(*part, order) for part in self._split_batch(x, context)])
        return self._log_prob_at_once(x, context, order)

    def _log_prob_at_once(self, x: Tensor, context: Tensor | None, order: Order | None) -> Tensor:
        parameters = self._all_parameters(x, context, order, checked=True)
        return flatten_events(self.log_prob_of(parameters, x)).sum(1)

    def _split_batch(self, x: Tensor, context: Tensor | None) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Small batches, where the parameters of all prefixes of every event would fill memory."""
        return split_batch(x, context, replay_batch_size(self) if self.ordering.adaptive else MAX_EVENTS_PER_CALL)

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
        checked: bool = False,
    ) -> Float[Tensor, ""]:
        """Nats per event to minimize: ``-log_prob(x).mean()``, or an unbiased estimate for evidence backbones.

        An ordering that varies draws the orders; ``progress``, the fraction of the training that is done, decides which
        ones where it is a curriculum. Of events with missing values (``Evidence``), nats of what was observed; the
        ``SupportError`` of ``log_prob`` applies. ``checked`` values are known to have a probability, as those of a
        dataset after one look at all of it. Raises ``ShapeError`` for events of another shape, ``SupportError`` for
        values without a probability.
        """
        x, context = self._checked(x, context, known=checked)
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
        checked: bool = False,
    ) -> Float[Tensor, ""]:
        """The same as ``loss``."""
        return self.loss(x, context, generator=generator, progress=progress, checked=checked)

    # --- one conditional --------------------------------------------------------------------------------------------

    def next_coefficient(
        self, evidence: Evidence, context: Float[Tensor, "batch context"] | None = None
    ) -> Int[Tensor, " batch"]:
        """The flat index of the coefficient visited next: the first unknown one of each example.

        Under an adaptive ordering it depends on the values and the context.
        """
        evidence = validation.check_incomplete(self, evidence)
        context = validation.check_context(self, context, len(evidence))
        if self.ordering.adaptive:
            return next_given(self, evidence, context)[0]
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
