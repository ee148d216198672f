"""The neural autoregressive distribution estimator, for any head, order and shape."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import nn

from tensorar import CausalBackbone, Stepper
from tensorar_plugins.backbones.layers.context_bias import ContextBias
from tensorar_plugins.backbones.layers.sequence import by_coefficient, by_step
from tensorar_plugins.backbones.layers.sizes import require_positive
from tensorar_plugins.backbones.nade_scan import nade_scan

# of the authors' code for RNADE
SPREAD = 0.01


class NADE(CausalBackbone):
    """One hidden layer for all conditionals, its weights shared: each coefficient adds its column, ``O(N hidden)``.

    ``parameters[i] = b[i] + V[i] act(rho[rank[i]] (c + sum_{rank[j] < rank[i]} W[j]^T features[j] (+ U context)))``

    NADE: Larochelle and Murray, "The Neural Autoregressive Distribution Estimator", AISTATS 2011, section 3, with
    sigmoid units and no ``rho``. RNADE: Uria, Murray, Larochelle, NIPS 2013, with rectified units and the scaling
    ``rho``, one number per step, since the later a coefficient is visited the more terms its sum has; it is learned
    and starts at 1. Both and discrete forms: Uria et al., JMLR 2016.

    Unless told otherwise units are RNADE's for heads that show one number of a coefficient and want several (mixtures,
    Gaussians), and NADE's for all others (``bernoulli``; ``categorical`` with ``one_hot``). Whatever the order, the
    weights are the same ones. ``chunk`` is how many coefficients' hidden units are held at once: memory and speed only.
    """

    name = "nade"
    sequential_over = "chunks of coefficients"

    def __init__(
        self,
        signature,
        *,
        hidden: int = 500,
        activation: Literal["sigmoid", "relu"] | None = None,
        scaling: bool | None = None,
        chunk: int = 16,
    ):
        super().__init__(signature)
        require_positive(self.name, hidden=hidden, chunk=chunk)
        n, f, p = math.prod(signature.event_shape), signature.feature_count, signature.parameter_count
        real_valued = f == 1 < p
        self.activation = activation or ("relu" if real_valued else "sigmoid")
        self.chunk = chunk
        self.weight = nn.Parameter(torch.randn(n, f, hidden) * SPREAD)
        self.hidden_bias = nn.Parameter(torch.randn(hidden) * SPREAD)
        self.context = ContextBias(signature, hidden)
        self.scale = nn.Parameter(torch.ones(n)) if (real_valued if scaling is None else scaling) else None
        self.readout = nn.Parameter(torch.randn(n, p, hidden) * SPREAD)
        self.bias = nn.Parameter(torch.zeros(n, p))

    def init_output_bias(self, marginal):
        self.bias.data = marginal.reshape(self.bias.shape).to(self.bias)

    def forward(self, features, order, context=None):
        weight, readout = (w.index_select(0, order.visits) for w in (self.weight, self.readout))
        seen = by_step(features, order).permute(1, 2, 0)
        start = self.context(self.hidden_bias.expand(len(features), -1), context)
        answer = nade_scan(seen, weight, start, readout, self.scale, activation=self.activation, chunk=self.chunk)
        return by_coefficient(answer.permute(2, 0, 1), order) + self.bias.reshape(*self.signature.event_shape, -1)

    def stepper(self, order, batch, context=None):
        return NADEStepper(self, order, batch, context)


class NADEStepper(Stepper):
    """Holds the hidden units' sums, ``(batch, hidden)``: a coefficient adds its column, ``O(hidden)`` a step."""

    def __init__(self, backbone, order, batch, context):
        self.columns, self.readouts, self.biases = (
            parameter.detach().index_select(0, order.visits).unbind(0)
            for parameter in (backbone.weight, backbone.readout.mT, backbone.bias)
        )
        self.scales = None if backbone.scale is None else backbone.scale.detach().tolist()
        self.activate = torch.sigmoid if backbone.activation == "sigmoid" else _relu
        self.sums = backbone.context(backbone.hidden_bias.detach().repeat(batch, 1), context).detach()
        self.hidden = torch.empty_like(self.sums)
        self.t = 0

    def step(self, features):
        t = self.t
        if features is not None:
            self.sums.addmm_(features, self.columns[t - 1])
        self.t += 1
        scaled = self.sums if self.scales is None else torch.mul(self.sums, self.scales[t], out=self.hidden)
        return torch.addmm(self.biases[t], self.activate(scaled, out=self.hidden), self.readouts[t])


def _relu(x, out):
    return torch.clamp_min(x, 0, out=out)
