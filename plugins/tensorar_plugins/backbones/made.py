"""The masked autoencoder for distribution estimation, for any head, order and shape."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from tensorar import CausalBackbone, Stepper, may_see
from tensorar_plugins.backbones.layers.context_bias import ContextBias
from tensorar_plugins.backbones.layers.feature_history import Shown, columns_by_step, rows_by_step
from tensorar_plugins.backbones.layers.sizes import require_positive
from tensorar_plugins.backbones.made_degrees import layer_masks, sampled_degrees


class MADE(CausalBackbone):
    """An autoencoder with masked weights: each output sees what is visited before it, all in one dense pass.

    ``h_l = relu((W_l * M_l) h_{l-1} + b_l (+ U_l context))``, ``h_0 = features``,
    ``parameters = (V * M) h_L + c (+ (A * sees) features) (+ U context)``

    Each hidden unit has a degree, which stands for a rank: ``M_l`` lets it see what has at most its own, ``M`` lets a
    coefficient see only what has a lower one. Germain, Gregor, Murray, Larochelle, "MADE: Masked Autoencoder for
    Distribution Estimation", ICML 2015, sections 3 and 4; ``A`` are its direct connections, with ``direct``. Weights
    start orthogonal, as in the authors' runs.

    With ``masks=K`` each training pass draws one of ``K`` assignments of degrees (connectivity-agnostic training,
    section 4.3). Outside training it is always the first, so that the model is one distribution; ``connectivity``
    chooses another, to average probabilities (not parameters: those are none of a mixture). A random ordering makes
    it order-agnostic. With fewer hidden units than coefficients some coefficients are hidden from the next few, unless
    ``direct``.
    """

    name = "made"
    blind_spot = "some of what came last, if hidden units are fewer than coefficients and not direct"

    def __init__(
        self, signature, *, hidden: int = 500, layers: int = 2, direct: bool = False, masks: int = 1, seed: int = 0
    ):
        super().__init__(signature)
        require_positive(self.name, hidden=hidden, layers=layers, masks=masks)
        n, f, p = math.prod(signature.event_shape), signature.feature_count, signature.parameter_count
        rest = [MaskedLinear(hidden, hidden) for _ in range(layers - 1)]
        self.layers = nn.ModuleList([MaskedLinear(n, hidden, features=f), *rest])
        self.contexts = nn.ModuleList(ContextBias(signature, hidden) for _ in range(layers))
        self.answer = MaskedLinear(hidden, n, parameters=p)
        self.direct = MaskedLinear(n, n, features=f, parameters=p, bias=False) if direct else None
        self.context = ContextBias(signature, n * p)
        self.register_buffer("degrees", sampled_degrees(masks, layers, hidden, n, seed=seed), persistent=False)
        self.connectivity = 0
        self._last: tuple = (None, None, [])

    def init_output_bias(self, marginal):
        self.answer.bias.data = marginal.flatten().to(self.answer.bias)

    def forward(self, features, order, context=None):
        *masks, last = self._masks(order)
        seen = hidden = features.flatten(1)
        for layer, bias, mask in zip(self.layers, self.contexts, masks, strict=True):
            hidden = bias(layer(hidden, mask), context).relu()
        answer = self.context(self.answer(hidden, last), context)
        if self.direct is not None:
            answer = answer + self.direct(seen, order.causal_mask().to(self.direct.weight))
        return answer.reshape(*features.shape[:-1], self.signature.parameter_count)

    def stepper(self, order, batch, context=None):
        return MADEStepper(self, order, batch, context)

    def _masks(self, order):
        """The masks of all layers; made again only for another order or connectivity."""
        weight, drawn = self.answer.weight, self._drawn()
        kind = (drawn, weight.dtype, weight.device)
        if self._last[0] is not order or self._last[1] != kind:
            # made in inference mode they would be of no use to a training after it
            with torch.inference_mode(False):
                made = layer_masks(order.rank.flatten(), self.degrees[drawn])
                self._last = order, kind, [mask.to(weight) for mask in made]
        return self._last[2]

    def _drawn(self):
        """Which connectivity a pass is made with; one drawn from torch's own generator is the same after a resume."""
        if self.training and len(self.degrees) > 1:
            return int(torch.randint(len(self.degrees), ()))
        return self.connectivity


class MaskedLinear(nn.Linear):
    """A linear map whose weights are multiplied by a mask at every call, and never changed.

    The mask is ``(outputs, inputs)``, where each input is ``features`` numbers and each output ``parameters``.
    """

    def __init__(self, inputs, outputs, *, features=1, parameters=1, bias=True):
        super().__init__(inputs * features, outputs * parameters, bias=bias)
        self.blocks = (outputs, parameters, inputs, features)
        nn.init.orthogonal_(self.weight)
        if bias:
            nn.init.zeros_(self.bias)

    def forward(self, x, mask):
        weight = _Masked.apply(self.weight.view(self.blocks), mask[:, None, :, None])
        return functional.linear(x, weight.view_as(self.weight), self.bias)


class _Masked(torch.autograd.Function):
    """Weights times a mask; their gradient is masked where it lies, which saves a training step a tenth of its time.

    That is safe: it is a product of matrices made for this purpose, and nothing else refers to it.
    """

    @staticmethod
    def forward(ctx, weight, mask):
        ctx.save_for_backward(mask)
        return weight * mask

    @staticmethod
    @once_differentiable
    def backward(ctx, slope):
        (mask,) = ctx.saved_tensors
        return slope.mul_(mask), None


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
