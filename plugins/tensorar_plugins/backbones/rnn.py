"""Recurrent networks over the coefficients in visiting order."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from tensorar import CausalBackbone, Stepper
from tensorar_plugins.backbones.layers.context_bias import ContextBias
from tensorar_plugins.backbones.layers.positions import StepPlaces
from tensorar_plugins.backbones.layers.sequence import by_coefficient, by_step, shifted
from tensorar_plugins.backbones.layers.sizes import require_positive

CELLS = {"tanh": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class RNN(CausalBackbone):
    """Recurrent network over the coefficients in visiting order: tanh, GRU or LSTM cells.

    ``h_t = cell(h_{t-1}, [features[order[t-1]], e(order[t-1]), e'(order[t]), context])``,
    ``parameters[order[t]] = W (h_t + V context) + b``

    with ``e`` and ``e'`` learned positions, of the coefficient just shown and of the one asked for. They are there
    where the order varies; where it is fixed the state can count the steps, and ``positions=true`` asks for them. Each
    further layer takes ``h_t + V context`` of the one before it as its input, and has a ``V`` of its own.
    Elman 1990, "Finding Structure in Time" (tanh); Cho et al. 2014, "Learning Phrase Representations using RNN
    Encoder-Decoder", section 2.3 (GRU); Hochreiter and Schmidhuber 1997, "Long Short-Term Memory" (LSTM). Cells and
    initialisation are torch's own.
    """

    name = "rnn"
    sequential_over = "coefficients"

    def __init__(
        self,
        signature,
        *,
        cell: Literal["tanh", "gru", "lstm"] = "gru",
        hidden: int = 256,
        layers: int = 2,
        positions: bool | None = None,
        embedding: int = 64,
        dropout: float = 0.0,
    ):
        super().__init__(signature)
        require_positive(self.name, hidden=hidden, layers=layers, embedding=embedding)
        wanted = signature.order is None if positions is None else positions
        self.steps = StepInputs(signature, embedding if wanted else None)
        widths = [self.steps.width] + [hidden] * layers
        self.layers = nn.ModuleList(CELLS[cell](*sizes, batch_first=True) for sizes in pairwise(widths))
        self.contexts = nn.ModuleList(ContextBias(signature, hidden) for _ in range(layers))
        self.dropout = nn.Dropout(dropout)
        self.answer = nn.Linear(hidden, signature.parameter_count)

    def init_output_bias(self, marginal):
        self.answer.bias.data = marginal.reshape(-1, marginal.shape[-1]).mean(0).to(self.answer.bias)

    def forward(self, features, order, context=None):
        hidden = self.steps(features, order, context)
        for layer, bias in zip(self.layers, self.contexts, strict=True):
            hidden = self.dropout(bias(layer(hidden)[0], context))
        return by_coefficient(self.answer(hidden), order)

    def stepper(self, order, batch, context=None):
        return RNNStepper(self, order, batch, context)


class StepInputs(nn.Module):
    """What the network is told at each step: ``(B, *event, F) -> (B, N, width)``.

    The value of the coefficient visited before, or a mark at the first step; where it is and where the next one is, if
    ``embedding`` gives such a vector a width; the context.
    """

    def __init__(self, signature, embedding):
        super().__init__()
        self.places = StepPlaces(signature.event_shape, embedding) if embedding else None
        self.width = signature.feature_count + 1 + 2 * (embedding or 0) + signature.context_features

    def forward(self, features, order, context=None):
        marked = functional.pad(by_step(features, order), (0, 1))
        mark = functional.pad(marked.new_zeros(features.shape[-1]), (0, 1), value=1.0)
        told = [shifted(marked, mark)]
        if self.places is not None:
            told.append(self.places(order).expand(len(features), -1, -1))
        if context is not None:
            told.append(context.unsqueeze(1).expand(-1, len(order), -1))
        return torch.cat(told, dim=-1)


CELL_FUNCTIONS = {"RNN_TANH": torch.rnn_tanh_cell, "GRU": torch.gru_cell, "LSTM": torch.lstm_cell}


class RNNStepper(Stepper):
    """Holds the hidden state of every layer; a step is one step of each cell.

    What is told at every step whatever the values (that it is the first, where the two coefficients are) is multiplied
    by the first layer's weights for all steps at once, and stands in for its bias.
    """

    def __init__(self, backbone, order, batch, context):
        f = backbone.signature.feature_count
        self.weights = [tuple(p.detach() for p in layer._flat_weights) for layer in backbone.layers]
        self.cell = CELL_FUNCTIONS[backbone.layers[0].mode]
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
