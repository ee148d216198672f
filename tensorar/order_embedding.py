"""The adapter that tells a network which order of an ensemble it is in; no other module has to know."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from tensorar.backbone import Backbone, CausalBackbone, Signature
from tensorar.errors import ShapeError, SpecError
from tensorar.order import Order
from tensorar.stepper import Stepper


def signature_with_embedding(kind: type[Backbone], signature: Signature) -> Signature:
    """The signature of the network itself: with a longer context, if it receives the order as a part of that.

    Raises ``SpecError`` for a network that takes any evidence, whose conditionals do not depend on the order.
    """
    if not signature.embeds_order:
        return signature
    if not issubclass(kind, CausalBackbone):
        raise SpecError(
            expected=f"a causal backbone for the ordering {signature.ordering!r} with embedding=true",
            got=f"{kind.name!r}, which sees what is known instead of an order",
            remedy="leave out embedding=true, or choose another backbone",
        )
    longer = signature.context_features + len(signature.orders)
    return replace(signature, context_features=longer, embeds_order=False)


class OrderEmbedding(CausalBackbone):
    """A network whose context ends with the member of the ensemble it is in, one-hot; its first weights embed that.

    ``signature`` is that of the data, ``network.signature`` has the longer context.
    """

    name = "order_embedding"

    def __init__(self, network: CausalBackbone, signature: Signature) -> None:
        super().__init__(signature)
        self.network = network
        self.members = {order: k for k, order in enumerate(signature.orders)}

    def init_output_bias(self, marginal: Float[Tensor, "*event parameters"]) -> None:
        """Initialize the network's output bias to these parameters."""
        self.network.init_output_bias(marginal)

    def forward(
        self,
        features: Float[Tensor, "batch *event features"],
        order: Order,
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch *event parameters"]:
        """Parameters of every coefficient. Raises ``ShapeError`` for an order that the ensemble does not have."""
        parameters: Tensor = self.network(features, order, self._with_member(order, features, len(features), context))
        return parameters

    def stepper(
        self, order: Order, batch: int, context: Float[Tensor, "batch context"] | None = None
    ) -> Stepper | None:
        """The network's stepper. Raises ``ShapeError`` for an order that the ensemble does not have."""
        like = next(self.network.parameters())
        return self.network.stepper(order, batch, self._with_member(order, like, batch, context))

    @property
    def has_stepper(self) -> bool:
        """Whether the network implements its own stepper."""
        return self.network.has_stepper

    def _with_member(
        self, order: Order, like: Tensor, batch: int, context: Float[Tensor, "batch context"] | None
    ) -> Float[Tensor, "batch longer_context"]:
        member = self.members.get(order)
        if member is None:
            raise ShapeError(
                expected=f"one of the {len(self.members)} orders of {self.signature.ordering!r}, which are embedded",
                got="another order",
                remedy="leave out the order, or embedding=true",
            )
        one_hot = like.new_zeros(batch, len(self.members))
        one_hot[:, member] = 1.0
        return one_hot if context is None else torch.cat([context, one_hot], dim=1)
