"""Sampling from a recurrent network: its state is carried from coefficient to coefficient."""

from __future__ import annotations

import torch
from torch.nn import functional

from tensorar import Stepper

CELLS = {"RNN_TANH": torch.rnn_tanh_cell, "GRU": torch.gru_cell, "LSTM": torch.lstm_cell}


class RNNStepper(Stepper):
    """Holds the hidden state of every layer; a step is one step of each cell.

    What is told at every step whatever the values (that it is the first, where the two coefficients are) is multiplied
    by the first layer's weights for all steps at once, and stands in for its bias.
    """

    def __init__(self, backbone, order, batch, context):
        f = backbone.signature.feature_count
        self.weights = [tuple(p.detach() for p in layer._flat_weights) for layer in backbone.layers]
        self.cell = CELLS[backbone.layers[0].mode]
        self.biases = [None if context is None else bias.map(context) for bias in backbone.contexts]
        self.answer = (backbone.answer.weight.T, backbone.answer.bias)
        self.told = _told_at_each_step(backbone, order, self.weights[0])
        self.context = context
        weight = self.weights[0][0]
        # the columns of the values, and of the context, which is the same at every step
        listens = [] if context is None else [weight[:, weight.shape[1] - context.shape[1] :]]
        self.first = torch.cat([weight[:, :f], *listens], dim=1)
        self.nothing = weight.new_zeros(batch, f)
        size = backbone.layers[0].hidden_size
        self.states = [self._begin(batch, size, weight) for _ in self.weights]
        self.t = 0

    def _begin(self, batch, size, like):
        zeros = like.new_zeros(batch, size)
        return (zeros, zeros) if self.cell is torch.lstm_cell else zeros

    def step(self, features):
        features = self.nothing if features is None else features
        shown = features if self.context is None else torch.cat([features, self.context], dim=1)
        for i, (to_gates, from_state, bias, state_bias) in enumerate(self.weights):
            if i == 0:
                to_gates, bias = self.first, self.told[self.t]
            state = self.cell(shown, self.states[i], to_gates, from_state, bias, state_bias)
            self.states[i] = state
            shown = state[0] if isinstance(state, tuple) else state
            if self.biases[i] is not None:
                shown = shown + self.biases[i]
        self.t += 1
        weight, bias = self.answer
        return torch.addmm(bias, shown, weight)


def _told_at_each_step(backbone, order, weights):
    """The first layer's gates from all but values, state and context, with its bias: a vector for each step."""
    signature = backbone.signature
    like = weights[0]
    nothing = like.new_zeros(1, *signature.event_shape, signature.feature_count)
    context = like.new_zeros(1, signature.context_features) if signature.context_features else None
    told = backbone.steps(nothing, order, context)[0].detach()
    return functional.linear(told, weights[0], weights[2]).unbind(0)
