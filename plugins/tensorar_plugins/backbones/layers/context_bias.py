"""How hidden layers listen to a context vector."""

from __future__ import annotations

from torch import nn


class ContextBias(nn.Module):
    """Adds ``V context`` to a hidden layer of ``width`` channels, which lie along axis ``dim``; nothing without one.

    A bias that depends on the context and not on the position: van den Oord et al. 2016, "Conditional Image Generation
    with PixelCNN Decoders", eq. 4.
    """

    def __init__(self, signature, width, *, dim=-1):
        super().__init__()
        k = signature.context_features
        self.map = nn.Linear(k, width, bias=False) if k else None
        self.dim = dim

    def forward(self, hidden, context):
        if self.map is None:
            return hidden
        bias = self.map(context)
        shape = [1] * hidden.ndim
        shape[0], shape[self.dim] = len(bias), bias.shape[1]
        return hidden + bias.reshape(shape)
