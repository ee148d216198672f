"""Recurrent networks over the coefficients in visiting order."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from tensorar import CausalBackbone
from tensorar_plugins.backbones.context import ContextBias
from tensorar_plugins.backbones.positions import StepPlaces
from tensorar_plugins.backbones.rnn_stepper import RNNStepper
from tensorar_plugins.backbones.sizes import require_positive
from tensorar_plugins.backbones.visiting import by_coefficient, by_step, shifted

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
    scans = "coefficients"

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

    def start_at(self, marginal):
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
