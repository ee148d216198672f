"""The mask/value convolutional network of Fleuret's auto-regression lecture."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from tensorar import EvidenceBackbone, Head, Signature, flatten_events
from tensorar_plugins.backbones.layers.sizes import require_positive, require_reach

CONVOLUTION: dict[int, Callable[..., nn.Conv1d | nn.Conv2d | nn.Conv3d]] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
POOLING: dict[int, Callable[..., nn.Module]] = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
# per number of axes: kernel sizes of the two convolutions, whether each is pooled, hidden units of the dense layer
LECTURE = {1: ((5, 5), (True, True), 200), 2: ((3, 5), (True, False), 512), 3: ((3, 3), (True, False), 512)}


class ConvNet(EvidenceBackbone):
    """The lecture's convnet: mask and values are channels, the output is the next coefficient's distribution.

    Two convolutions and two dense layers. The defaults are the lecture's networks, for sequences of 32 and for images
    of 28 x 28; kernels shrink to fit smaller events. Axes of size 1 are left out. If the order varies, one more
    channel marks the queried coefficient. F. Fleuret, "Deep Learning", EPFL and University of Geneva, lecture
    "Autoregression".

    Options:
        channels: Number of channels of the first convolution; the second has twice as many.
        hidden: Number of hidden units of the dense layer; none: the lecture's: 200 for sequences, 512 otherwise.
        kernel: Kernel size of both convolutions along every axis; none: the lecture's: 5 for sequences, 3 and
            then 5 for images, 3 for volumes.
    """

    name = "convnet"
    event_ranks = frozenset({0, 1, 2, 3})
    ignores_unit_axes = True

    @classmethod
    def options_for(cls, event_shape: tuple[int, ...], head: Head) -> dict[str, Any] | None:
        axes = sum(size > 1 for size in event_shape)
        return {} if axes in (2, 3) or (axes == 1 and math.prod(event_shape) > 16) else None

    def __init__(
        self, signature: Signature, *, channels: int = 32, hidden: int | None = None, kernel: int | None = None
    ) -> None:
        super().__init__(signature)
        self.sizes = tuple(size for size in signature.event_shape if size > 1) or (1,)
        kernels, pools, lecture_hidden = LECTURE[len(self.sizes)]
        kernels = kernels if kernel is None else (kernel, kernel)
        hidden = lecture_hidden if hidden is None else hidden
        require_positive(self.name, channels=channels, hidden=hidden, kernel=min(kernels))
        require_reach(self.name, self.sizes, kernel=max(kernels))
        self.marks_query = signature.order is None
        inputs = signature.feature_count + 1 + self.marks_query
        self.features, size = self._convolutions((inputs, channels, 2 * channels), kernels, pools)
        self.hidden = nn.Linear(size + signature.context_features, hidden)
        self.output = nn.Linear(hidden, signature.parameter_count)

    def _convolutions(
        self, channels: Sequence[int], kernels: Sequence[int], pools: Sequence[bool]
    ) -> tuple[nn.Sequential, int]:
        """The convolutions with their pooling, and the size of their flattened output."""
        axes = len(self.sizes)
        layers: list[nn.Module] = []
        for inputs, outputs, kernel, pool in zip(channels, channels[1:], kernels, pools, strict=False):
            sizes = self._output_sizes(layers, channels[0])
            layers += [CONVOLUTION[axes](inputs, outputs, [min(kernel, s) for s in sizes]), nn.ReLU()]
            if pool:
                # ceil_mode pools an incomplete last window too, so that no position at the border is ignored
                sizes = self._output_sizes(layers, channels[0])
                layers += [POOLING[axes]([min(2, s) for s in sizes], ceil_mode=True)]
        return nn.Sequential(*layers), channels[-1] * int(torch.tensor(self._output_sizes(layers, channels[0])).prod())

    def _output_sizes(self, layers: Sequence[nn.Module], channels: int) -> tuple[int, ...]:
        """The sizes of an event's axes after these layers, found by applying them."""
        with torch.no_grad():
            return tuple(nn.Sequential(*layers)(torch.zeros(1, channels, *self.sizes)).shape[2:])

    def forward(
        self,
        features: Float[Tensor, "batch *event features"],
        mask: Bool[Tensor, "batch *event"],
        query: Int[Tensor, "batch queries"],
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch queries parameters"]:
        batch, queries = query.shape
        values = features.reshape(batch, -1, features.shape[-1]).mT
        channels = torch.cat([values, flatten_events(mask)[:, None].to(features.dtype)], dim=1)
        channels = channels.repeat_interleave(queries, dim=0)  # (B * Q, F + 1, N)
        if self.marks_query:
            marks = torch.zeros_like(channels[:, :1]).scatter_(2, query.reshape(-1, 1, 1), 1.0)
            channels = torch.cat([channels, marks], dim=1)
        hidden = self.features(channels.unflatten(2, self.sizes)).flatten(1)
        if context is not None:
            hidden = torch.cat([hidden, context.repeat_interleave(queries, dim=0)], dim=1)
        output: Tensor = self.output(self.hidden(hidden).relu())
        return output.reshape(batch, queries, self.signature.parameter_count)
