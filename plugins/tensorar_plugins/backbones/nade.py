"""The neural autoregressive distribution estimator, for any head, order and shape."""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tensorar import CachedStepper, CausalBackbone, Order, Signature
from tensorar_plugins.backbones.layers.context_bias import ContextBias
from tensorar_plugins.backbones.layers.sequence import to_event, to_sequence
from tensorar_plugins.backbones.layers.sizes import require_positive
from tensorar_plugins.backbones.nade_scan import nade_scan

# standard deviation of the initial weights in the authors' code for RNADE
INITIAL_DEVIATION = 0.01


class NADE(CausalBackbone):
    """One hidden layer for all conditionals, with shared weights: a coefficient adds its column, ``O(N hidden)``.

    ``parameters[i] = b[i] + V[i] act(rho[rank[i]] (c + sum_{rank[j] < rank[i]} W[j]^T features[j] (+ U context)))``

    NADE: Larochelle and Murray, "The Neural Autoregressive Distribution Estimator", AISTATS 2011, section 3, with
    sigmoid units and no ``rho``. RNADE: Uria, Murray, Larochelle, NIPS 2013, with rectified units and one learned
    scale ``rho`` per step, since the number of terms in the sum grows with the step; it starts at 1. Both and discrete
    forms: Uria et al., JMLR 2016. Every order uses the same weights.

    Options:
        hidden: Number of hidden units.
        activation: Activation of the hidden units; none: relu, as in RNADE, if the head has one feature and
            several parameters per coefficient (mixtures, Gaussians), and sigmoid, as in NADE, otherwise.
        scaling: Whether to scale the hidden units' sums by a learned number per step; none: yes under the same
            condition.
        chunk: Number of coefficients whose hidden units are computed at once; affects memory and speed only.
    """

    name = "nade"
    # scattered: neighbors on all sides are known for most pixels
    image_ordering = "random"
    sequential_over = "chunks of coefficients"

    def __init__(
        self,
        signature: Signature,
        *,
        hidden: int = 500,
        activation: Literal["sigmoid", "relu"] | None = None,
        scaling: bool | None = None,
        chunk: int = 16,
    ) -> None:
        super().__init__(signature)
        require_positive(self.name, hidden=hidden, chunk=chunk)
        n, f, p = math.prod(signature.event_shape), signature.feature_count, signature.parameter_count
        real_valued = f == 1 < p
        self.activation: Literal["sigmoid", "relu"] = activation or ("relu" if real_valued else "sigmoid")
        self.chunk = chunk
        self.weight = nn.Parameter(torch.randn(n, f, hidden) * INITIAL_DEVIATION)
        self.hidden_bias = nn.Parameter(torch.randn(hidden) * INITIAL_DEVIATION)
        self.context = ContextBias(signature, hidden)
        self.scale = nn.Parameter(torch.ones(n)) if (real_valued if scaling is None else scaling) else None
        self.output_weight = nn.Parameter(torch.randn(n, p, hidden) * INITIAL_DEVIATION)
        self.output_bias = nn.Parameter(torch.zeros(n, p))

    def init_output_bias(self, marginal: Float[Tensor, "*event parameters"]) -> None:
        self.output_bias.data = marginal.reshape(self.output_bias.shape).to(self.output_bias)

    def forward(
        self,
        features: Float[Tensor, "batch *event features"],
        order: Order,
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch *event parameters"]:
        weight, output_weight = (w.index_select(0, order.visits) for w in (self.weight, self.output_weight))
        steps = to_sequence(features, order).permute(1, 2, 0)  # (N, F, B)
        start = self.context(self.hidden_bias.expand(len(features), -1), context)
        output = nade_scan(
            steps, weight, start, output_weight, self.scale, activation=self.activation, chunk=self.chunk
        )
        bias = self.output_bias.reshape(*self.signature.event_shape, -1)
        return to_event(output.permute(2, 0, 1), order) + bias

    def stepper(self, order: Order, batch: int, context: Float[Tensor, "batch context"] | None = None) -> NADEStepper:
        return NADEStepper(self, order, batch, context)


class NADEStepper(CachedStepper):
    """Keeps the hidden units' sums, ``(batch, hidden)``: a coefficient adds its column, ``O(hidden)`` per step."""

    backbone: NADE

    def begin(self) -> None:
        network = self.backbone
        # N times (F, hidden), (hidden, P) and (P)
        self.columns, self.output_weights, self.output_biases = (
            parameter.detach().index_select(0, self.order.visits).unbind(0)
            for parameter in (network.weight, network.output_weight.mT, network.output_bias)
        )
        self.scales = None if network.scale is None else network.scale.detach().tolist()
        self.activate = torch.sigmoid if network.activation == "sigmoid" else _relu
        bias = network.hidden_bias.detach().repeat(self.batch, 1)
        self.sums: Tensor = network.context(bias, self.context).detach()
        self.hidden = torch.empty_like(self.sums)

    def advance(self, features: Float[Tensor, "batch features"] | None, t: int) -> Float[Tensor, "batch parameters"]:
        if features is not None:
            self.sums.addmm_(features, self.columns[t - 1])
        scaled = self.sums if self.scales is None else torch.mul(self.sums, self.scales[t], out=self.hidden)
        return torch.addmm(self.output_biases[t], self.activate(scaled, out=self.hidden), self.output_weights[t])

    def state(self) -> dict[str, Tensor]:
        return {"sums": self.sums}


def _relu(x: Float[Tensor, "batch hidden"], out: Float[Tensor, "batch hidden"]) -> Float[Tensor, "batch hidden"]:
    return torch.clamp_min(x, 0, out=out)
