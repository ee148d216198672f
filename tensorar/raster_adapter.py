"""The adapter for networks that support raster order only; no other module has to handle them."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from tensorar.backbone import Backbone, CausalBackbone, Signature
from tensorar.errors import ShapeError
from tensorar.order import Order, RasterView
from tensorar.order_embedding import OrderEmbedding, signature_with_embedding
from tensorar.stepper import Stepper
from tensorar.utils.plans import cached_plan


def network_signature(kind: type[Backbone], signature: Signature) -> Signature:
    """The signature to build a backbone with: for one that supports raster order only, that of the event it receives.

    Raises ``ShapeError`` if the backbone takes no such shape or order, ``SpecError`` if it cannot be told the order.
    """
    kind.check_shape(signature.event_shape)
    signature = signature_with_embedding(kind, signature)
    if kind.orders == "any" or not issubclass(kind, CausalBackbone):
        return signature
    views = [order.raster_view for order in signature.orders]
    shapes = {None if view is None else view.event_shape(signature.event_shape) for view in views}
    shape = shapes.pop() if len(shapes) == 1 else None
    if shape is None:
        named = f"the ordering {signature.ordering!r}" if signature.ordering else "another order"
        differ = ", whose orders differ in more than flips" if shapes and None not in shapes else ""
        raise ShapeError(
            expected=f"a raster order up to flips and axis permutation for the backbone {kind.name!r}",
            got=named + differ,
            remedy="choose such an ordering, or another backbone",
        )
    axes = None if views[0] is None else views[0].axes
    return replace(signature, event_shape=shape, orders=(Order.raster(shape),), axes=axes)


def adapted(network: Backbone, signature: Signature) -> Backbone:
    """The network itself, or adapters around one that supports raster order only, or that is told its order."""
    if not isinstance(network, CausalBackbone):
        return network
    if network.orders == "raster":
        network = RasterAdapter(network, signature_with_embedding(type(network), signature))
    return OrderEmbedding(network, signature) if signature.embeds_order else network


@cached_plan(maxsize=64)
def _raster(event_shape: tuple[int, ...], device: torch.device) -> Order:
    """The same order on every call, so that plans cached per order are found again."""
    return Order.raster(event_shape).to(device)


class RasterAdapter(CausalBackbone):
    """A network that supports raster order only, for every order that is raster up to flips and an axis permutation.

    Events are flipped and permuted on their way in, parameters on their way out. ``signature`` is that of the data;
    ``network.signature`` that of the event as the network receives it.
    """

    name = "raster_adapter"

    def __init__(self, network: CausalBackbone, signature: Signature) -> None:
        super().__init__(signature)
        self.network = network

    def init_output_bias(self, marginal: Float[Tensor, "*event parameters"]) -> None:
        """Initialize the network's output bias to these parameters."""
        view = self._view(self.signature.orders[0])
        self.network.init_output_bias(view.apply(marginal.unsqueeze(0)).squeeze(0))

    def forward(
        self,
        features: Float[Tensor, "batch *event features"],
        order: Order,
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch *event parameters"]:
        """Parameters of every coefficient.

        Raises ``ShapeError`` for an order that is not raster up to flips and an axis permutation.
        """
        view = self._view(order)
        parameters: Tensor = self.network(view.apply(features), self._raster(order), context)
        return view.undo(parameters)

    def stepper(
        self, order: Order, batch: int, context: Float[Tensor, "batch context"] | None = None
    ) -> Stepper | None:
        """The network's stepper. It steps in visiting order, so it needs no view."""
        self._view(order)
        return self.network.stepper(self._raster(order), batch, context)

    @property
    def has_stepper(self) -> bool:
        """Whether the network implements its own stepper."""
        return self.network.has_stepper

    def _raster(self, order: Order) -> Order:
        return _raster(self.network.signature.event_shape, order.visits.device)

    def _view(self, order: Order) -> RasterView:
        view, shape = order.raster_view, self.network.signature.event_shape
        if view is None or view.event_shape(order.event_shape) != shape:
            raise ShapeError(
                expected=f"a raster order of {shape}, up to flips, for {self.network.name!r}",
                got="another order",
                remedy="omit the order, or build the model with that order",
            )
        return view
