"""Sampling from MADE: each hidden unit is computed once, as soon as all that it sees is known."""

from __future__ import annotations

import torch

from tensorar import Stepper, may_see
from tensorar_plugins.backbones.shown import Shown, columns_by_step, rows_by_step


class MADEStepper(Stepper):
    """Holds the units of every layer in the order of their degrees, ``(units, batch)``.

    In that order the mask of a layer is a staircase, and what a unit sees is the start of the layer below: at step
    ``t`` the units of degree ``t - 1`` come to be, and no other. All steps together are one pass.
    """

    def __init__(self, backbone, order, batch, context):
        f, p = backbone.signature.feature_count, backbone.signature.parameter_count
        degrees = backbone.degrees[backbone.connectivity]
        places = [d.argsort(stable=True) for d in degrees]
        ends = [_known_at_each_step(d, len(order)) for d in degrees]
        self.shown = Shown(backbone.answer.weight, len(order), f, batch)
        weights = [columns_by_step(backbone.layers[0].weight.detach(), order, f)]
        weights += [layer.weight.detach()[:, below] for layer, below in zip(backbone.layers[1:], places, strict=False)]
        self.layers = [
            Units(weight[place], _bias(layer, bias, context)[place], end, batch)
            for weight, layer, bias, place, end in zip(
                weights, backbone.layers, backbone.contexts, places, ends, strict=True
            )
        ]
        self.answers = rows_by_step(backbone.answer.weight.detach()[:, places[-1]], order, p)
        self.biases = rows_by_step(_bias(backbone.answer, backbone.context, context), order, p)
        self.direct = backbone.direct and rows_by_step(
            columns_by_step(backbone.direct.weight.detach(), order, f), order, p
        )
        self.t = 0

    def step(self, features):
        t = self.t
        self.shown.add(features)
        seen = shown = self.shown.so_far()
        for layer in self.layers:
            seen = layer.known(seen, t)
        answer = torch.addmm(self.biases[t], self.answers[t][:, : len(seen)], seen)
        if self.direct is not None:
            answer.addmm_(self.direct[t][:, : len(shown)], shown)
        self.t += 1
        return answer.T


class Units:
    """The units of one layer, in the order of their degrees."""

    def __init__(self, weight, bias, ends, batch):
        self.weight, self.bias, self.ends = weight, bias, ends
        self.values = weight.new_empty(len(weight), batch)
        self.done = 0

    def known(self, below, t):
        """The values of all units that see nothing later than step ``t - 1``, given what these see."""
        start, end = self.done, self.ends[t]
        if end > start:
            new = self.values[start:end]
            torch.addmm(self.bias[start:end], self.weight[start:end, : len(below)], below, out=new)
            new.relu_()
            self.done = end
        return self.values[:end]


def _known_at_each_step(degrees, steps):
    """How many units see only what is visited before each step."""
    return may_see(degrees, torch.arange(steps, device=degrees.device)[:, None]).sum(1).tolist()


def _bias(layer, listening, context):
    """A layer's bias with what the context adds to it: ``(outputs, 1)``, or ``(outputs, batch)``."""
    bias = layer.bias.detach().unsqueeze(0)
    return listening(bias, context).detach().T
