"""The fully visible sigmoid belief network, for any head, order and shape."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import constraints

from tensorar import CachedStepper, CausalBackbone, Head, Order, Signature
from tensorar_plugins.backbones.layers.causal_staircase import causal_staircase
from tensorar_plugins.backbones.layers.feature_history import FeatureHistory, columns_by_step, rows_by_step
from tensorar_plugins.backbones.layers.staircase import masked_linear

# above this, the quadratic number of weights makes it a poor default
MAX_COEFFICIENTS = 4096


class FVSBN(CausalBackbone):
    """One linear map of all earlier coefficients: logistic regression, for the Bernoulli head.

    ``parameters[i] = b[i] + sum_{rank[j] < rank[i]} W[i, j] features[j] (+ U[i] context)``

    R. Neal, "Connectionist learning of belief networks", 1992; Frey, Hinton, Dayan 1996; called FVSBN in Gan et al.
    2015. The map has ``N * N * F * P`` weights: for events of up to a few thousand coefficients with few parameters.
    """

    name = "fvsbn"
    # scattered: neighbors on all sides are known for most pixels
    image_ordering = "random"

    def __init__(self, signature: Signature) -> None:
        super().__init__(signature)
        n, f, p = math.prod(signature.event_shape), signature.feature_count, signature.parameter_count
        # small random weights: components of a mixture that start equal would stay equal
        self.weight = nn.Parameter(torch.randn(n, p, n, f) * 0.01)
        self.bias = nn.Parameter(torch.zeros(n, p))
        self.context = nn.Linear(signature.context_features, n * p, bias=False) if signature.context_features else None

    @classmethod
    def options_for(cls, event_shape: tuple[int, ...], head: Head) -> dict[str, Any] | None:
        binary = head.support is constraints.boolean
        return {} if binary and math.prod(event_shape) <= MAX_COEFFICIENTS else None

    def init_output_bias(self, marginal: Float[Tensor, "*event parameters"]) -> None:
        self.bias.data = marginal.reshape(self.bias.shape).to(self.bias)

    def forward(
        self,
        features: Float[Tensor, "batch *event features"],
        order: Order,
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch *event parameters"]:
        n, p, _, f = self.weight.shape
        staircase = causal_staircase(order, f, p, self.weight.dtype, self.weight.device)
        output = masked_linear(features.flatten(1), self.weight.view(n * p, n * f), self.bias.flatten(), staircase)
        if self.context is not None:
            output = output + self.context(context)
        return output.reshape(-1, *self.signature.event_shape, p)

    def stepper(self, order: Order, batch: int, context: Float[Tensor, "batch context"] | None = None) -> FVSBNStepper:
        return FVSBNStepper(self, order, batch, context)


class FVSBNStepper(CachedStepper):
    """Keeps the features in visiting order: in that order a coefficient's unmasked weights are the start of its row."""

    backbone: FVSBN

    def begin(self) -> None:
        network = self.backbone
        n, p, _, f = network.weight.shape
        self.history = FeatureHistory(self.batch, n, f, like=network.weight)
        weight = columns_by_step(network.weight.detach().reshape(n * p, n * f), self.order, f)
        self.weights = rows_by_step(weight, self.order, p)  # N times (P, N * F)
        bias = network.bias.detach().flatten().unsqueeze(1)
        if network.context is not None:
            bias = bias + network.context(self.context).detach().T
        self.biases = rows_by_step(bias, self.order, p)  # N times (P, 1) or (P, batch)

    def advance(self, features: Float[Tensor, "batch features"] | None, t: int) -> Float[Tensor, "batch parameters"]:
        self.history.append(features, t)
        seen = self.history.before(t)  # (t * F, batch)
        return torch.addmm(self.biases[t], self.weights[t][:, : len(seen)], seen).T

    def state(self) -> dict[str, Tensor]:
        return {"features": self.history.state()}
