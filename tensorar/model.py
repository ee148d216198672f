"""The autoregressive model: an ordering, a head and a backbone, put together by the chain rule."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int, Real
from torch import Tensor, nn
from torch.distributions import Distribution

from tensorar import objective, validation
from tensorar.backbone import Backbone, CausalBackbone
from tensorar.conditionals import all_conditionals, queried_conditionals
from tensorar.errors import ShapeError
from tensorar.evidence import Evidence
from tensorar.generation import mixture_orders
from tensorar.generation.sample import Method, Record, complete, rows_of
from tensorar.head import Head
from tensorar.order import Order
from tensorar.ordering import Ordering
from tensorar.utils.eval_mode import eval_mode
from tensorar.utils.random_state import reproducible
from tensorar.utils.shapes import flatten_events, split_batch


class AutoregressiveModel(nn.Module):
    """``log p(x) = sum_t log p(x[order[t]] | x[order[0]], ..., x[order[t-1]])``, exactly, for events of any shape.

    Shapes: events ``(batch, *event)``, contexts ``(batch, context)``. Likelihoods are in nats. ``model(x)`` is
    ``model.loss(x)``, so that wrappers made for ``forward`` (distributed training) work.
    """

    def __init__(self, event_shape: tuple[int, ...], ordering: Ordering, head: Head, backbone: Backbone) -> None:
        super().__init__()
        self.event_shape = tuple(event_shape)
        self.ordering, self.head, self.backbone = ordering, head, backbone
        # a buffer follows the model from device to device; not saved, since the ordering gives it again
        self.register_buffer("_visits", ordering.order(self.event_shape).visits, persistent=False)
        self._orders = ordering.orders(self.event_shape) or (ordering.order(self.event_shape),)

    # --- what the model is made of ----------------------------------------------------------------------------------

    @property
    def order(self) -> Order:
        """The order of likelihoods and samples, on the model's device; of an ensemble, the first."""
        return self.orders[0]

    @property
    def orders(self) -> tuple[Order, ...]:
        """The orders that the model mixes: one, unless its ordering is an ensemble."""
        self._orders = tuple(order.to(self.device) for order in self._orders)
        return self._orders

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        visits = self._visits
        assert isinstance(visits, Tensor)
        return visits.device

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of values and likelihoods: that of the network, but never half precision."""
        return torch.promote_types(self.features_dtype, torch.float32)

    @property
    def features_dtype(self) -> torch.dtype:
        """The dtype of the network."""
        return next((p.dtype for p in self.backbone.parameters()), torch.get_default_dtype())

    @property
    def is_causal(self) -> bool:
        """Whether one pass of the network gives all conditionals of a tensor."""
        return isinstance(self.backbone, CausalBackbone)

    def orders_for_completion(self, mask: Bool[Tensor, "batch *event"]) -> list[tuple[Int[Tensor, " rows"], Order]]:
        """The orders in which examples with these observed coefficients are completed, each with its examples.

        A fixed ordering keeps its order whatever is observed. Where the order varies the model knows them all, so the
        observed coefficients come first and everything drawn is conditioned on all of them. An ensemble uses that of
        its orders in which most of them come first, of equally good ones the first.
        """
        if self.ordering.ensemble:
            return mixture_orders.choose_orders(self.orders, mask)
        if self.ordering.fixed:
            return [(torch.arange(len(mask), device=mask.device), self.order)]
        kinds, of = flatten_events(mask).unique(dim=0, return_inverse=True)
        return [
            ((of == k).nonzero()[:, 0], self.order.observed_first(kind.reshape(self.event_shape)))
            for k, kind in enumerate(kinds)
        ]

    def distribution(
        self, parameters: Float[Tensor, "*batch parameters"], coefficients: Int[Tensor, "*some"] | None = None
    ) -> Distribution:
        """The head's distribution, never in half precision; of all coefficients of an event unless some are named."""
        parameters = parameters.to(torch.promote_types(parameters.dtype, torch.float32))
        if coefficients is None:
            coefficients = torch.arange(len(self.order), device=self.device).reshape(self.event_shape)
        return self.head.distribution(parameters, coefficients)

    def features(self, x: Float[Tensor, "batch *event"]) -> Float[Tensor, "batch *event features"]:
        """What the network sees of values."""
        return self.head.encode(x).to(self.features_dtype)

    def init_from_marginals(self, values: Real[Tensor, "n *event"]) -> None:
        """Let training begin at each coefficient's own distribution in the data, where head and backbone know how."""
        marginal = self.head.marginal_parameters(values)
        if marginal is None:
            return
        view = self.order.raster_view
        if isinstance(self.backbone, CausalBackbone) and self.backbone.orders == "raster" and view is not None:
            marginal = view.apply(marginal.unsqueeze(0)).squeeze(0)
        self.backbone.init_output_bias(marginal)

    # --- likelihood -------------------------------------------------------------------------------------------------

    def conditionals(
        self,
        x: Real[Tensor, "batch *event"],
        context: Float[Tensor, "batch context"] | None = None,
        *,
        order: Order | None = None,
    ) -> Distribution:
        """All ``N`` conditionals of complete tensors: a distribution over ``(batch, *event)``.

        They are those of one order: the given one, else the model's (of an ensemble the first). Where ``x`` is NaN the
        value is not known: conditionals of coefficients visited after it are NaN too.
        """
        order, (x, context) = validation.check_order(self, order), validation.check_examples(self, x, context)
        return self.distribution(all_conditionals(self.backbone, self.features(x), order, context))

    def log_prob(
        self,
        x: Real[Tensor, "batch *event"],
        context: Float[Tensor, "batch context"] | None = None,
        *,
        order: Order | None = None,
    ) -> Float[Tensor, " batch"]:
        """The exact log-likelihood of each event in nats, in the model's order unless another is given.

        Under an ensemble of orders it is that of the mixture. A network with dropout (or connectivities drawn by
        chance) gives it in evaluation mode, ``model.eval()``. Raises ``ShapeError`` for events of another shape,
        ``SupportError`` for values without a probability.
        """
        x, context = validation.check_examples(self, x, context)
        self.head.check(x, what="x")
        orders = self.orders if order is None else (order,)
        if not len(x):
            return x.new_zeros(0)
        return mixture_orders.mixture_log_prob([self._log_prob(x, context, order) for order in orders])

    def _log_prob(self, x: Tensor, context: Tensor | None, order: Order) -> Tensor:
        nats = [
            flatten_events(self.conditionals(some, given, order=order).log_prob(some)).sum(1)
            for some, given in self._few_at_once(x, context)
        ]
        return torch.cat(nats)

    def _few_at_once(self, x: Tensor, context: Tensor | None) -> list[tuple[Tensor, Tensor | None]]:
        """All events at once, or a few where the parameters of all prefixes of every event would fill the memory."""
        return [(x, context)] if self.is_causal else split_batch(x, context)

    @torch.no_grad()
    def conditional_means(
        self, x: Real[Tensor, "batch *event"], context: Float[Tensor, "batch context"] | None = None
    ) -> Float[Tensor, "batch *event"]:
        """The mean of each coefficient given those before it: for samples, what their values were drawn from.

        Under an ensemble, given those before it in the first of its orders, whichever a sample was drawn in.
        """
        x, context = validation.check_examples(self, x, context)
        with eval_mode(self):
            return torch.cat([self.conditionals(*part).mean for part in split_batch(x, context)])

    def loss(
        self,
        x: Real[Tensor, "batch *event"],
        context: Float[Tensor, "batch context"] | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, ""]:
        """Nats per event to minimise: ``-log_prob(x).mean()``, or an unbiased estimate for evidence backbones.

        Raises ``ShapeError`` for events of another shape, ``SupportError`` for values without a probability.
        """
        x, context = validation.check_examples(self, x, context)
        self.head.check(x, what="x")
        return objective.loss_per_event(self, x, context, generator).mean()

    def forward(
        self,
        x: Real[Tensor, "batch *event"],
        context: Float[Tensor, "batch context"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, ""]:
        """The same as ``loss``."""
        return self.loss(x, context, generator=generator)

    # --- one conditional, and samples -------------------------------------------------------------------------------

    def next_coefficient(self, evidence: Evidence) -> Int[Tensor, " batch"]:
        """The flat index of the coefficient that is visited next: the first unknown one of each example."""
        mask = validation.check_evidence(self, evidence).mask
        rank = flatten_events(torch.where(mask, len(self.order), self._ranks(mask)))
        if (rank.amin(1) == len(self.order)).any():
            raise ShapeError(
                expected="evidence with something left unknown", got="a complete event", remedy="hide a coefficient"
            )
        return rank.argmin(1)

    def _ranks(self, mask: Tensor) -> Tensor:
        """The rank of each coefficient of each example, as far as it matters for which unknown one comes next."""
        if not self.ordering.ensemble:
            return self.order.rank
        ranks = torch.empty(mask.shape, dtype=torch.long, device=mask.device)
        for rows, order in self.orders_for_completion(mask):
            ranks[rows] = order.rank
        return ranks

    def conditional(self, evidence: Evidence, context: Float[Tensor, "batch context"] | None = None) -> Distribution:
        """The posterior of the next coefficient (``next_coefficient``): a distribution over ``(batch,)``.

        Under a fixed ordering it is conditioned on what the order visits before that coefficient, all of which is
        known; what is observed further on has no say, as the chain rule has it. Under an ensemble it is that of the
        order in which most of what is observed comes first.
        """
        evidence, context = (
            validation.check_evidence(self, evidence),
            validation.check_context(self, context, len(evidence)),
        )
        query = self.next_coefficient(evidence)
        parameters = torch.empty(len(query), self.head.parameter_count, dtype=self.dtype, device=self.device)
        for rows, order in self.orders_for_completion(evidence.mask):
            known = order.evidence_before(evidence.value[rows], order.rank.flatten()[query[rows]])
            answer = self.query(known, query[rows].unsqueeze(1), order, rows_of(context, rows))
            parameters[rows] = answer.squeeze(1).to(self.dtype)
        return self.distribution(parameters, query)

    def query(
        self,
        evidence: Evidence,
        query: Int[Tensor, "batch queries"],
        order: Order,
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch queries parameters"]:
        """The head parameters of the queried coefficients given evidence that is a prefix of ``order``."""
        return queried_conditionals(self.backbone, self.features(evidence.value), evidence.mask, query, order, context)

    @torch.no_grad()
    def sample(
        self,
        n: int | None = None,
        evidence: Evidence | None = None,
        *,
        context: Float[Tensor, "..."] | None = None,
        method: Method = "auto",
        generator: torch.Generator | None = None,
        progress: Callable[[int, int], None] | None = None,
        record: Record | None = None,
        memory: int | None = None,
    ) -> Float[Tensor, "n *event"]:
        """``n`` exact samples, coefficient by coefficient; with evidence, completions that keep what is observed.

        The same generator state gives the same samples, whatever the ``method``: ``cached`` computes every activation
        once (causal backbones with a stepper; the others all anew), ``fixed-point`` iterates over whole passes,
        ``plain`` calls the network for every coefficient; ``auto`` is the first of these that the model has. (Where
        several batches are drawn, samples on a GPU, and those of heads that draw by rejection, follow the ``memory``
        too.) The network is in evaluation mode meanwhile.
        An ensemble draws an order for each sample, with evidence one that visits most of it first, as likely as it
        makes the evidence. ``record`` is told the method and the passes.
        As many events are drawn at once as fit into ``memory`` bytes (a GiB). ``progress(steps_done, steps)`` is called
        on the way. Raises ``ShapeError`` when ``n``, the evidence and the context do not go together, ``SpecError``
        for a method that the model does not have.
        """
        start, context = validation.initial_evidence(self, n, evidence, context)
        # every method computes in the network's own number type, whatever autocast makes of products
        exact = torch.autocast(self.device.type, enabled=False)
        with reproducible(generator, self.device), eval_mode(self), exact:
            return complete(self, start, context, method=method, progress=progress, record=record, memory=memory)
