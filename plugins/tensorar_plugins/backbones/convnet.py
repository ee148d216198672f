"""The mask/value convolutional network of Fleuret's auto-regression lecture."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from tensorar import EvidenceBackbone, Head, flatten_events
from tensorar_plugins.backbones.layers.sizes import require_positive

CONVOLUTION = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
POOLING = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
# per number of axes: kernel sizes of the two convolutions, whether each is pooled, width of the dense layer
LECTURE = {1: ((5, 5), (True, True), 200), 2: ((3, 5), (True, False), 512), 3: ((3, 3), (True, False), 512)}


class ConvNet(EvidenceBackbone):
    """The lecture's convnet: mask and values are channels, the answer is the next coefficient's distribution.

    Two convolutions and two dense layers. Its defaults are the lecture's networks, for sequences of 32 and for images
    of 28 x 28; kernels shrink to fit smaller events. Axes of size 1 are left out. Where the order is not fixed one
    more channel marks the coefficient that is asked for. F. Fleuret, "Deep Learning", EPFL and University of Geneva,
    lecture "Autoregression".
    """

    name = "convnet"
    event_ranks = frozenset({0, 1, 2, 3})
    ignores_unit_axes = True

    @classmethod
    def options_for(cls, event_shape: tuple[int, ...], head: Head) -> dict[str, Any] | None:
        axes = sum(size > 1 for size in event_shape)
        return {} if axes in (2, 3) or (axes == 1 and math.prod(event_shape) > 16) else None

    def __init__(self, signature, *, channels: int = 32, hidden: int | None = None, kernel: int | None = None):
        super().__init__(signature)
        self.sides = tuple(size for size in signature.event_shape if size > 1) or (1,)
        kernels, pools, lecture_hidden = LECTURE[len(self.sides)]
        kernels = kernels if kernel is None else (kernel, kernel)
        hidden = lecture_hidden if hidden is None else hidden
        require_positive(self.name, channels=channels, hidden=hidden, kernel=min(kernels))
        self.marks_query = signature.order is None
        inputs = signature.feature_count + 1 + self.marks_query
        self.features, size = self._features((inputs, channels, 2 * channels), kernels, pools)
        self.hidden = nn.Linear(size + signature.context_features, hidden)
        self.answer = nn.Linear(hidden, signature.parameter_count)

    def _features(self, channels, kernels, pools):
        """The convolutions, and how many numbers come out of them."""
        d, layers = len(self.sides), []
        for inputs, outputs, kernel, pool in zip(channels, channels[1:], kernels, pools, strict=False):
            sides = self._sides_after(layers)
            layers += [CONVOLUTION[d](inputs, outputs, [min(kernel, s) for s in sides]), nn.ReLU()]
            if pool:
                # what does not fill a last pool is pooled all the same: nothing at the rim goes unseen
                layers += [POOLING[d]([min(2, s) for s in self._sides_after(layers)], ceil_mode=True)]
        return nn.Sequential(*layers), channels[-1] * int(torch.tensor(self._sides_after(layers)).prod())

    def _sides_after(self, layers):
        """The sides of what the layers so far make of an event, by asking them."""
        inputs = layers[0].in_channels if layers else 1
        with torch.no_grad():
            return tuple(nn.Sequential(*layers)(torch.zeros(1, inputs, *self.sides)).shape[2:])

    def forward(self, features, mask, query, context=None):
        batch, queries = query.shape
        channels = torch.cat(
            [features.reshape(batch, -1, features.shape[-1]).mT, flatten_events(mask)[:, None].to(features.dtype)],
            dim=1,
        )
        channels = channels.repeat_interleave(queries, dim=0)
        if self.marks_query:
            asked = torch.zeros_like(channels[:, :1]).scatter_(2, query.reshape(-1, 1, 1), 1.0)
            channels = torch.cat([channels, asked], dim=1)
        seen = self.features(channels.unflatten(2, self.sides)).flatten(1)
        if context is not None:
            seen = torch.cat([seen, context.repeat_interleave(queries, dim=0)], dim=1)
        return self.answer(self.hidden(seen).relu()).unflatten(0, (batch, queries))
