"""The masked autoencoder for distribution estimation, for any head, order and shape."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tensorar import CachedStepper, CausalBackbone, Order, Signature, may_see
from tensorar_plugins.backbones.layers.causal_staircase import causal_staircase
from tensorar_plugins.backbones.layers.context_bias import ContextBias
from tensorar_plugins.backbones.layers.feature_history import FeatureHistory, columns_by_step, rows_by_step
from tensorar_plugins.backbones.layers.module_sequence import ModuleSequence
from tensorar_plugins.backbones.layers.sizes import require_positive
from tensorar_plugins.backbones.layers.staircase import Staircase, masked_linear
from tensorar_plugins.backbones.made_degrees import Connectivities, network_staircases


class MADE(CausalBackbone):
    """An autoencoder with masked weights: each output sees what is visited before it, all in one dense pass.

    ``h_l = relu((W_l * M_l) h_{l-1} + b_l (+ U_l context))``, ``h_0 = features``,
    ``parameters = (V * M) h_L + c (+ (A * causal_mask) features) (+ U context)``

    Each hidden unit has a degree, which stands for a rank: ``M_l`` connects it to units of at most its own degree,
    ``M`` connects a coefficient to units of lower degree only. Germain, Gregor, Murray, Larochelle, "MADE: Masked
    Autoencoder for Distribution Estimation", ICML 2015, sections 3 and 4. Weights start orthogonal, as in the authors'
    runs. With fewer hidden units than coefficients, some coefficients do not see the last few before them, unless
    there are direct connections. A random ordering makes training order-agnostic.

    Outside training the connectivity is always the first, so that the model is one distribution. The attribute
    ``connectivity`` selects another one, to average probabilities (averaged parameters are not those of the mixture).

    Options:
        hidden: Number of hidden units per layer.
        layers: Number of hidden layers.
        direct_connections: Whether to add ``A``, a masked linear map from the features to the parameters.
        connectivities: Number of assignments of degrees to units; each training pass draws one of them
            (connectivity-agnostic training, section 4.3).
        seed: Seed of the assignments after the first, whose degrees are equally spaced.
    """

    name = "made"
    # scattered: neighbors on all sides are known for most pixels
    image_ordering = "random"
    blind_spot = "the last few coefficients visited, if hidden units are fewer than coefficients and none are direct"

    def __init__(
        self,
        signature: Signature,
        *,
        hidden: int = 500,
        layers: int = 2,
        direct_connections: bool = False,
        connectivities: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(signature)
        require_positive(self.name, hidden=hidden, layers=layers, connectivities=connectivities)
        n, f, p = math.prod(signature.event_shape), signature.feature_count, signature.parameter_count
        rest = [MaskedLinear(hidden, hidden) for _ in range(layers - 1)]
        self.layers: ModuleSequence[MaskedLinear] = ModuleSequence([MaskedLinear(n, hidden, features=f), *rest])
        self.contexts: ModuleSequence[ContextBias] = ModuleSequence(
            ContextBias(signature, hidden) for _ in range(layers)
        )
        self.output = MaskedLinear(hidden, n, parameters=p)
        self.direct = MaskedLinear(n, n, features=f, parameters=p, bias=False) if direct_connections else None
        self.output_context = ContextBias(signature, n * p)
        self.connectivities = Connectivities(connectivities, layers, hidden, n, seed)
        # computed now, so that more of them than there is memory for are refused before training
        _ = self.connectivities.degrees
        self.connectivity = 0

    @property
    def degrees(self) -> Int[Tensor, "layers units"]:
        """The degrees of the hidden units under the selected connectivity."""
        return self.connectivities.degrees[self.connectivity]

    def init_output_bias(self, marginal: Float[Tensor, "*event parameters"]) -> None:
        self.output.bias.data = marginal.flatten().to(self.output.bias)

    def forward(
        self,
        features: Float[Tensor, "batch *event features"],
        order: Order,
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch *event parameters"]:
        weight = self.output.weight
        f, p = self.signature.feature_count, self.signature.parameter_count
        *staircases, last = network_staircases(
            order, self.connectivities, self._connectivity_of_pass(), f, p, weight.dtype, weight.device
        )
        inputs = hidden = features.flatten(1)
        for layer, bias, staircase in zip(self.layers, self.contexts, staircases, strict=True):
            hidden = bias(layer(hidden, staircase), context).relu()
        output: Tensor = self.output_context(self.output(hidden, last), context)
        if self.direct is not None:
            output = output + self.direct(inputs, causal_staircase(order, f, p, weight.dtype, weight.device))
        return output.reshape(*features.shape[:-1], self.signature.parameter_count)

    def _connectivity_of_pass(self) -> int:
        """In training one drawn from torch's global generator, which a resumed run restores."""
        if self.training and self.connectivities.count > 1:
            return int(torch.randint(self.connectivities.count, ()))
        return self.connectivity

    def stepper(self, order: Order, batch: int, context: Float[Tensor, "batch context"] | None = None) -> MADEStepper:
        return MADEStepper(self, order, batch, context)


class MaskedLinear(nn.Linear):
    """A linear map of ``inputs`` times ``features`` to ``outputs`` times ``parameters`` numbers, masked by degrees."""

    def __init__(self, inputs: int, outputs: int, *, features: int = 1, parameters: int = 1, bias: bool = True) -> None:
        super().__init__(inputs * features, outputs * parameters, bias=bias)
        nn.init.orthogonal_(self.weight)
        if bias:
            nn.init.zeros_(self.bias)

    def forward(  # type: ignore[override]
        self, x: Float[Tensor, "batch columns"], staircase: Staircase
    ) -> Float[Tensor, "batch rows"]:
        return masked_linear(x, self.weight, self.bias, staircase)


class MADEStepper(CachedStepper):
    """Keeps the units of every layer in the order of their degrees, ``(units, batch)``.

    In that order the mask of a layer is a staircase, and a unit sees the first units of the layer below: step ``t``
    computes the units of degree ``t - 1`` and no others. All steps together cost one pass.
    """

    backbone: MADE

    def begin(self) -> None:
        network, order, degrees = self.backbone, self.order, self.backbone.degrees
        f, p = network.signature.feature_count, network.signature.parameter_count
        # (layers, units): the units of each layer by degree
        sorting = degrees.argsort(stable=True).to(network.output.weight.device)
        self.history = FeatureHistory(self.batch, len(order), f, like=network.output.weight)
        first, *rest = (layer.weight.detach() for layer in network.layers)
        weights = [columns_by_step(first, order, f)]
        weights += [weight[:, below] for weight, below in zip(rest, sorting, strict=False)]
        biases = [self._bias(*modules) for modules in zip(network.layers, network.contexts, strict=True)]
        self.layers = [
            SortedUnits(weight[units], bias[units], _counts_by_step(layer_degrees, len(order)), self.batch)
            for weight, bias, units, layer_degrees in zip(weights, biases, sorting, degrees, strict=True)
        ]
        # N times (P, units) and (P, 1) or (P, batch)
        self.output_weights = rows_by_step(network.output.weight.detach()[:, sorting[-1]], order, p)
        self.output_biases = rows_by_step(self._bias(network.output, network.output_context), order, p)
        direct = None if network.direct is None else columns_by_step(network.direct.weight.detach(), order, f)
        self.direct = None if direct is None else rows_by_step(direct, order, p)  # N times (P, N * F)

    def _bias(self, layer: MaskedLinear, context_bias: ContextBias) -> Float[Tensor, "outputs examples"]:
        """A layer's bias plus that of the context: ``(outputs, 1)``, or ``(outputs, batch)``."""
        bias: Tensor = context_bias(layer.bias.detach().unsqueeze(0), self.context)
        return bias.detach().T

    def advance(self, features: Float[Tensor, "batch features"] | None, t: int) -> Float[Tensor, "batch parameters"]:
        self.history.append(features, t)
        below = history = self.history.before(t)  # (t * F, batch)
        for layer in self.layers:
            below = layer.advance(below, t)  # (units of degree < t, batch)
        output = torch.addmm(self.output_biases[t], self.output_weights[t][:, : len(below)], below)
        if self.direct is not None:
            output.addmm_(self.direct[t][:, : len(history)], history)
        return output.T

    def state(self) -> dict[str, Tensor]:
        units = {f"units of layer {k}": layer.values.T for k, layer in enumerate(self.layers)}
        return {"features": self.history.state(), **units}


class SortedUnits:
    """The units of one layer, in the order of their degrees; ``counts[t]`` of them have a degree below ``t``."""

    def __init__(
        self,
        weight: Float[Tensor, "units inputs"],
        bias: Float[Tensor, "units examples"],
        counts: list[int],
        batch: int,
    ) -> None:
        self.weight, self.bias = weight, bias
        # the units of step t are those from bounds[t] to bounds[t + 1]
        self.bounds = [0, *counts]
        self.values = weight.new_empty(len(weight), batch)

    def advance(self, below: Float[Tensor, "inputs batch"], t: int) -> Float[Tensor, "units batch"]:
        """The values of all units that see nothing later than step ``t - 1``, given the inputs that they see."""
        start, end = self.bounds[t], self.bounds[t + 1]
        if end > start:
            new = self.values[start:end]
            torch.addmm(self.bias[start:end], self.weight[start:end, : len(below)], below, out=new)
            new.relu_()
        return self.values[:end]


def _counts_by_step(degrees: Int[Tensor, " units"], steps: int) -> list[int]:
    """The number of units that see only what is visited before each step."""
    counts: list[int] = may_see(degrees, torch.arange(steps)[:, None]).sum(1).tolist()
    return counts
