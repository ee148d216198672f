"""The factorization of a joint distribution by an ordering, a head and a backbone."""

from __future__ import annotations

from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int, Real
from torch import Tensor, nn
from torch.distributions import Distribution

from tensorar import ensemble
from tensorar.backbone import Backbone, CausalBackbone
from tensorar.conditionals import queried_conditionals
from tensorar.errors import SpecError
from tensorar.evidence import Evidence
from tensorar.head import Head
from tensorar.mixed import in_data_units
from tensorar.order import Order
from tensorar.ordering import Ordering
from tensorar.utils.parameters import first_parameter
from tensorar.utils.precision import never_half, widened
from tensorar.utils.shapes import flatten_events, rows_by_mask


class Factorization(nn.Module):
    """The chain rule's factors ``p(x[order[t]] | x[order[0]], ..., x[order[t-1]])`` for events of one shape.

    The base of ``AutoregressiveModel``. Validation, the training objective and generation take a ``Factorization``, so
    that they do not import the model. Raises ``SpecError`` for a network that supports raster order only and was not
    wrapped by ``tensorar.build``.
    """

    def __init__(self, event_shape: tuple[int, ...], ordering: Ordering, head: Head, backbone: Backbone) -> None:
        super().__init__()
        if backbone.orders == "raster":
            raise SpecError(
                expected="a backbone for any order",
                got=f"{backbone.name!r}, which supports raster order only",
                remedy="make the model with tensorar.build, or the backbone with tensorar.build.make_backbone",
            )
        self.event_shape = tuple(event_shape)
        self.ordering, self.head, self.backbone = ordering, head, backbone
        # a buffer follows the model from device to device; not saved, since the ordering recreates it
        self.register_buffer("_visits", ordering.order(self.event_shape).visits, persistent=False)
        self._orders = ordering.orders(self.event_shape) or (ordering.order(self.event_shape),)
        self._coefficients = torch.arange(len(self._orders[0])).reshape(self.event_shape)

    @property
    def order(self) -> Order:
        """The order used for likelihoods and samples, on the model's device; the first one for an ensemble."""
        return self.orders[0]

    @property
    def orders(self) -> tuple[Order, ...]:
        """The orders that the model mixes: one, unless its ordering is an ensemble."""
        device = self.device
        if self._orders[0].visits.device != device:
            self._orders = tuple(order.to(device) for order in self._orders)
        return self._orders

    @property
    def device(self) -> torch.device:
        """The device of the model."""
        return self._buffers["_visits"].device  # type: ignore[union-attr]

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of values and likelihoods: that of the network, but never half precision."""
        return torch.promote_types(self.features_dtype, torch.float32)

    @property
    def features_dtype(self) -> torch.dtype:
        """The dtype of the network."""
        weight = first_parameter(self.backbone)
        return torch.get_default_dtype() if weight is None else weight.dtype

    @cached_property
    def is_causal(self) -> bool:
        """Whether one pass of the network gives all conditionals of an event."""
        return isinstance(self.backbone, CausalBackbone)

    @property
    def coefficients(self) -> Int[Tensor, "*event"]:
        """The flat index of every coefficient."""
        if self._coefficients.device != self.device:
            self._coefficients = self._coefficients.to(self.device)
        return self._coefficients

    def check_orders(self, count: int) -> None:
        """Raise ``SpecError`` unless ``count`` random orders can be drawn."""
        if self.ordering.fixed or self.ordering.ensemble:
            why, remedy = "which is always the same", "train with ordering=shuffled"
            if self.ordering.ensemble:
                why, remedy = "an ensemble", "leave it out: the model is the mixture of the ensemble's orders"
            raise SpecError(
                expected="an ordering that varies, for a mixture of random orders",
                got=f"{self.ordering.name!r}, {why}",
                remedy=remedy,
            )
        if count < 1:
            raise SpecError(expected="at least one order", got=str(count), remedy="ask for 1 or more")

    def draw_orders(self, count: int, seed: int = 0) -> tuple[Order, ...]:
        """``count`` orders of an ordering that varies, each drawn on its own: those of a mixture, for a seed.

        The first ones are the same for every count. Raises ``SpecError`` for an ordering that is always the same, an
        ensemble, or a count below 1.
        """
        self.check_orders(count)
        generator = torch.Generator().manual_seed(seed)
        return tuple(self.ordering.draw(self.event_shape, generator).to(self.device) for _ in range(count))

    def orders_for_completion(self, mask: Bool[Tensor, "batch *event"]) -> list[tuple[Int[Tensor, " rows"], Order]]:
        """Group the examples by the order used to complete them, given which coefficients are observed.

        A fixed ordering keeps its order. A network trained for every order serves the one in which the observed
        coefficients come first, so that the completion depends on all of them. An ensemble uses the member that visits
        most of them first (ties: the first member).
        """
        if self.ordering.ensemble:
            return ensemble.choose_orders(self.orders, mask)
        if not self.ordering.any_order:
            return [(torch.arange(len(mask), device=mask.device), self.order)]
        return [(rows, self.order.observed_first(mask[rows[0]])) for rows in rows_by_mask(mask)]

    # --- standard values, in which head and backbone work, and the data's ------------------------------------------

    def standardize(
        self,
        values: Real[Tensor, "*batch"],
        coefficients: Int[Tensor, "*some"] | None = None,
        *,
        dtype: torch.dtype | None = None,
    ) -> Float[Tensor, "*batch"]:
        """Standard values of the data's values, computed in float64 and rounded to the model's ``dtype``."""
        if not self.head.untransformed:
            values = self.head.standardize(values, self.coefficients if coefficients is None else coefficients)
        dtype, device = dtype or self.dtype, self.device
        # a call that changes nothing takes as long as a small operation
        return values if values.dtype == dtype and values.device == device else values.to(device, dtype)

    def restore(
        self, standard: Float[Tensor, "*batch"], coefficients: Int[Tensor, "*some"] | None = None
    ) -> Float[Tensor, "*batch"]:
        """The data's values of standard values: in float64, or as they are if the head has no transform."""
        return self.head.restore(standard, self.coefficients if coefficients is None else coefficients)

    def in_data_units(
        self, log_prob: Float[Tensor, " batch"], standard: Float[Tensor, "batch *event"]
    ) -> Float[Tensor, " batch"]:
        """The log-likelihoods of events in the data's units, from those of their standard values."""
        untransformed = self.head.untransformed or self.head.transform(self.coefficients) is None
        return log_prob if untransformed else log_prob - self.log_scale(standard)

    def log_scale(
        self, standard: Float[Tensor, "batch *event"], known: Bool[Tensor, "batch *event"] | None = None
    ) -> Float[Tensor, " batch"]:
        """The nats of each event that the data's units cost: standard log-likelihoods minus these are the data's.

        Only those of the coefficients in ``known``, if it is given.
        """
        transform = self.head.transform(self.coefficients)
        if transform is None:
            return standard.new_zeros(len(standard))
        log_scale = transform.log_abs_det_jacobian(widened(standard), transform(standard)).expand(standard.shape)
        return flatten_events(log_scale if known is None else torch.where(known, log_scale, 0.0)).sum(1)

    def data_distribution(
        self, parameters: Float[Tensor, "*batch parameters"], coefficients: Int[Tensor, "*some"] | None = None
    ) -> Distribution:
        """The distribution of the data's values; of all coefficients of an event unless some are given."""
        transform = self.head.transform(self.coefficients if coefficients is None else coefficients)
        return in_data_units(self.distribution(parameters, coefficients), transform)

    def distribution(
        self, parameters: Float[Tensor, "*batch parameters"], coefficients: Int[Tensor, "*some"] | None = None
    ) -> Distribution:
        """The head's distribution of standard values, never in half precision; of all coefficients by default."""
        return self.head.distribution(
            never_half(parameters), self.coefficients if coefficients is None else coefficients
        )

    def log_prob_of(
        self,
        parameters: Float[Tensor, "*batch parameters"],
        value: Float[Tensor, "*batch"],
        coefficients: Int[Tensor, "*some"] | None = None,
    ) -> Float[Tensor, "*batch"]:
        """The log-probabilities of standard values under ``distribution``, which need not be made for them."""
        index = self.coefficients if coefficients is None else coefficients
        return self.head.log_prob(never_half(parameters), value, index)

    def features(
        self, x: Float[Tensor, "*batch"], coefficients: Int[Tensor, "*some"] | None = None
    ) -> Float[Tensor, "*batch features"]:
        """Encode standard values as network features; values of whole events unless coefficients are given."""
        encoded = self.head.encode(x, self.coefficients if coefficients is None else coefficients)
        dtype = self.features_dtype
        return encoded if encoded.dtype == dtype else encoded.to(dtype)

    def query(
        self,
        evidence: Evidence,
        query: Int[Tensor, "batch queries"],
        order: Order,
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch queries parameters"]:
        """The head parameters of the queried coefficients given evidence (standard values), a prefix of ``order``."""
        return queried_conditionals(self.backbone, self.features(evidence.value), evidence.mask, query, order, context)
