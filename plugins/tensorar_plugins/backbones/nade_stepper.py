"""Sampling from NADE: the running sum of what was shown."""

from __future__ import annotations

import torch

from tensorar import Stepper


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
