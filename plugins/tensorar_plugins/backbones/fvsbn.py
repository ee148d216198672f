"""The fully visible sigmoid belief network, for any head, order and shape."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.distributions import constraints

from tensorar import CausalBackbone, Stepper
from tensorar_plugins.backbones.layers.feature_history import Shown, columns_by_step, rows_by_step

# above this, the quadratic number of weights makes it a poor default
MAX_COEFFICIENTS = 4096


class FVSBN(CausalBackbone):
    """One linear map of what was visited before: logistic regression, for the Bernoulli head.

    ``parameters[i] = b[i] + sum_{rank[j] < rank[i]} W[i, j] features[j] (+ U[i] context)``

    R. Neal, "Connectionist learning of belief networks", 1992; Frey, Hinton, Dayan 1996; called FVSBN in Gan et al.
    2015. The map has ``N * N * F * P`` numbers: for events of up to some thousand coefficients, of few parameters.
    """

    name = "fvsbn"

    def __init__(self, signature):
        super().__init__(signature)
        n, f, p = math.prod(signature.event_shape), signature.feature_count, signature.parameter_count
        # small random weights: components of a mixture that start equal would stay equal
        self.weight = nn.Parameter(torch.randn(n, p, n, f) * 0.01)
        self.bias = nn.Parameter(torch.zeros(n, p))
        self.context = nn.Linear(signature.context_features, n * p, bias=False) if signature.context_features else None

    @classmethod
    def options_for(cls, event_shape, head):
        binary = head.support is constraints.boolean
        return {} if binary and math.prod(event_shape) <= MAX_COEFFICIENTS else None

    def init_output_bias(self, marginal):
        self.bias.data = marginal.reshape(self.bias.shape).to(self.bias)

    def forward(self, features, order, context=None):
        n, p = self.bias.shape
        weight = self.weight * order.causal_mask()[:, None, :, None]
        out = features.flatten(1) @ weight.reshape(n * p, -1).T + self.bias.flatten()
        if self.context is not None:
            out = out + self.context(context)
        return out.reshape(-1, *self.signature.event_shape, p)

    def stepper(self, order, batch, context=None):
        return FVSBNStepper(self, order, batch, context)


class FVSBNStepper(Stepper):
    """Holds what was shown in visiting order, and multiplies it by the start of the next coefficient's row."""

    def __init__(self, backbone, order, batch, context):
        n, p, _, f = backbone.weight.shape
        self.shown = Shown(backbone.weight, n, f, batch)
        self.weights = rows_by_step(columns_by_step(backbone.weight.detach().reshape(n * p, n * f), order, f), order, p)
        bias = backbone.bias.detach().flatten().unsqueeze(1)
        if context is not None:
            bias = bias + backbone.context(context).detach().T
        self.biases = rows_by_step(bias, order, p)
        self.t = 0

    def step(self, features):
        self.shown.add(features)
        shown, t = self.shown.so_far(), self.t
        self.t += 1
        return torch.addmm(self.biases[t], self.weights[t][:, : len(shown)], shown).T
