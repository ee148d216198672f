"""Recurrent networks over the coefficients in visiting order."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import chain, pairwise, repeat
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from tensorar import CachedStepper, CausalBackbone, Head, Order, Signature
from tensorar_plugins.backbones.layers.context_bias import ContextBias
from tensorar_plugins.backbones.layers.module_sequence import ModuleSequence
from tensorar_plugins.backbones.layers.positions import StepPositions
from tensorar_plugins.backbones.layers.sequence import shift_right, to_event, to_sequence
from tensorar_plugins.backbones.layers.sizes import require_positive, require_probability

# sequences for which it is suggested
SHORTEST, LONGEST = 17, 512
LAYERS: dict[str, Callable[..., nn.RNNBase]] = {"tanh": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class RNN(CausalBackbone):
    """Recurrent network over the coefficients in visiting order: tanh, GRU or LSTM cells.

    ``h_t = cell(h_{t-1}, [features[order[t-1]], e(order[t-1]), e'(order[t]), context])``,
    ``parameters[order[t]] = W (h_t + V context) + b``

    with learned position embeddings ``e`` and ``e'`` of the coefficient visited last and of the one predicted next.
    Each further layer takes ``h_t + V context`` of the layer below as its input, and has a ``V`` of its own.
    Elman 1990, "Finding Structure in Time" (tanh); Cho et al. 2014, "Learning Phrase Representations using RNN
    Encoder-Decoder", section 2.3 (GRU); Hochreiter and Schmidhuber 1997, "Long Short-Term Memory" (LSTM). Cells and
    initialization are torch's own.

    Options:
        cell: Recurrent cell.
        hidden: Number of hidden units per layer.
        layers: Number of recurrent layers.
        position_embedding: Whether the inputs include learned embeddings of the positions of the last and the next
            coefficient; none: only if the order varies (under a fixed order the state can count the steps).
        embedding: Width of each position embedding.
        dropout: Probability of dropping an output of a layer in training.
    """

    name = "rnn"
    recommended: ClassVar[dict[str, float]] = {"learning_rate": 5e-3, "batch_size": 64}
    sequential_over = "coefficients"

    @classmethod
    def options_for(cls, event_shape: tuple[int, ...], head: Head) -> dict[str, Any] | None:
        # words, levels, digits: sequences whose conditionals have a state, not too long to go through
        sequence = sum(size > 1 for size in event_shape) == 1 and SHORTEST <= math.prod(event_shape) <= LONGEST
        categorical = head.support.is_discrete and head.parameter_count > 1 and len(head.members) == 1
        return {"layers": 1} if sequence and categorical else None

    def __init__(
        self,
        signature: Signature,
        *,
        cell: Literal["tanh", "gru", "lstm"] = "gru",
        hidden: int = 256,
        layers: int = 2,
        position_embedding: bool | None = None,
        embedding: int = 64,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(signature)
        require_positive(self.name, hidden=hidden, layers=layers, embedding=embedding)
        require_probability(self.name, dropout=dropout)
        embed = signature.order is None if position_embedding is None else position_embedding
        self.inputs = StepInputs(signature, embedding if embed else None)
        # no list, which would take the memory of a huge ``layers`` before the layers can be refused
        widths = chain([self.inputs.width], repeat(hidden, layers))
        self.layers: ModuleSequence[nn.RNNBase] = ModuleSequence(
            LAYERS[cell](*sizes, batch_first=True) for sizes in pairwise(widths)
        )
        self.contexts: ModuleSequence[ContextBias] = ModuleSequence(
            ContextBias(signature, hidden) for _ in range(layers)
        )
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, signature.parameter_count)

    def init_output_bias(self, marginal: Float[Tensor, "*event parameters"]) -> None:
        self.output.bias.data = marginal.reshape(-1, marginal.shape[-1]).mean(0).to(self.output.bias)

    def forward(
        self,
        features: Float[Tensor, "batch *event features"],
        order: Order,
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch *event parameters"]:
        hidden = self.inputs(features, order, context)
        for layer, bias in zip(self.layers, self.contexts, strict=True):
            hidden = self.dropout(bias(layer(hidden)[0], context))
        return to_event(self.output(hidden), order)

    def stepper(self, order: Order, batch: int, context: Float[Tensor, "batch context"] | None = None) -> RNNStepper:
        return RNNStepper(self, order, batch, context)


class StepInputs(nn.Module):
    """The inputs of each step: ``(B, *event, F) -> (B, N, width)``.

    The features of the coefficient visited before and a flag for the first step; the positions of that coefficient
    and of the next one, of width ``embedding`` each, unless it is None; the context.
    """

    def __init__(self, signature: Signature, embedding: int | None) -> None:
        super().__init__()
        self.positions = StepPositions(signature.event_shape, embedding) if embedding else None
        self.width = signature.feature_count + 1 + 2 * (embedding or 0) + signature.context_features

    def forward(
        self,
        features: Float[Tensor, "batch *event features"],
        order: Order,
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch steps width"]:
        """Features, flag, positions and context, concatenated."""
        flagged = functional.pad(to_sequence(features, order), (0, 1))  # (B, N, F + 1)
        first = functional.pad(flagged.new_zeros(features.shape[-1]), (0, 1), value=1.0)
        inputs = [shift_right(flagged, first)]
        if self.positions is not None:
            inputs.append(self.positions(order).expand(len(features), -1, -1))
        if context is not None:
            inputs.append(context.unsqueeze(1).expand(-1, len(order), -1))
        return torch.cat(inputs, dim=-1)


# one step of a layer, by torch's name of the cell; the LSTM's state is a pair
CELLS: dict[str, Callable[..., Any]] = {"RNN_TANH": torch.rnn_tanh_cell, "GRU": torch.gru_cell, "LSTM": torch.lstm_cell}


class RNNStepper(CachedStepper):
    """Keeps the state of every layer, ``(batch, hidden)``; a step is one step of each cell.

    The inputs that depend neither on the values nor on the context (the flag of the first step, the positions) are
    multiplied by the first layer's weights for all steps at once, and replace its bias.
    """

    backbone: RNN

    def begin(self) -> None:
        network, f = self.backbone, self.backbone.signature.feature_count
        # of each layer: (gates, inputs), (gates, hidden), (gates) and (gates)
        self.weights = [tuple(p.detach() for p in layer.parameters()) for layer in network.layers]
        self.cell = CELLS[network.layers[0].mode]
        self.input_biases = self._input_biases()
        self.biases = [bias.map(self.context).detach() if bias.map else None for bias in network.contexts]
        input_weight = self.weights[0][0]
        # the columns of the features, and those of the context, which come last
        context_columns = input_weight[:, input_weight.shape[1] - network.signature.context_features :]
        self.input_weight = torch.cat([input_weight[:, :f], context_columns], dim=1)
        self.no_features = input_weight.new_zeros(self.batch, f)
        self.states = [self._initial_state(layer.hidden_size, input_weight) for layer in network.layers]
        self.output = (network.output.bias.detach(), network.output.weight.detach().T)

    def _input_biases(self) -> tuple[Float[Tensor, " gates"], ...]:
        """The first layer's input bias, plus what the flag and the positions add at each step."""
        network, (weight, _, bias, _) = self.backbone, self.weights[0]
        signature = network.signature
        features = weight.new_zeros(1, *signature.event_shape, signature.feature_count)
        context = weight.new_zeros(1, signature.context_features) if signature.context_features else None
        inputs: Tensor = network.inputs(features, self.order, context)[0].detach()  # (N, width)
        return functional.linear(inputs, weight, bias).unbind(0)

    def _initial_state(self, hidden: int, like: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        state = like.new_zeros(self.batch, hidden)
        return (state, torch.zeros_like(state)) if self.cell is torch.lstm_cell else state

    def advance(self, features: Float[Tensor, "batch features"] | None, t: int) -> Float[Tensor, "batch parameters"]:
        features = self.no_features if features is None else features
        hidden = features if self.context is None else torch.cat([features, self.context], dim=1)
        for i, (input_weight, state_weight, input_bias, state_bias) in enumerate(self.weights):
            if i == 0:
                input_weight, input_bias = self.input_weight, self.input_biases[t]
            state = self.cell(hidden, self.states[i], input_weight, state_weight, input_bias, state_bias)
            self.states[i] = state
            hidden = state[0] if isinstance(state, tuple) else state  # (batch, hidden)
            if self.biases[i] is not None:
                hidden = hidden + self.biases[i]
        return torch.addmm(self.output[0], hidden, self.output[1])

    @torch.no_grad()
    def prefill(self, features: Float[Tensor, "batch steps features"]) -> None:
        self.t = steps = features.shape[1] + 1
        network, order = self.backbone, self.order
        event = functional.pad(features, (0, 0, 0, len(order) - steps + 1))
        hidden = network.inputs(to_event(event, order), order, self.context)[:, :steps]
        for i, (layer, bias) in enumerate(zip(network.layers, network.contexts, strict=True)):
            hidden, state = layer(hidden)
            self.states[i] = tuple(each[0] for each in state) if isinstance(state, tuple) else state[0]
            hidden = bias(hidden, self.context)

    def state(self) -> dict[str, Tensor]:
        held: dict[str, Tensor] = {}
        for k, state in enumerate(self.states):
            hidden, *cell = state if isinstance(state, tuple) else (state,)
            held |= {f"hidden units of layer {k}": hidden} | {f"cells of layer {k}": c for c in cell}
        return held
