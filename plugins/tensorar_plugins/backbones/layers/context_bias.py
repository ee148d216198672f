"""Conditioning of hidden layers on a context vector."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from tensorar import Signature


class ContextBias(nn.Module):
    """Adds ``V context`` to a hidden layer of ``width`` channels along axis ``dim``; the identity without a context.

    The bias depends on the context and not on the position: van den Oord et al. 2016, "Conditional Image Generation
    with PixelCNN Decoders", eq. 4.
    """

    def __init__(self, signature: Signature, width: int, *, dim: int = -1) -> None:
        super().__init__()
        k = signature.context_features
        self.map = nn.Linear(k, width, bias=False) if k else None
        self.dim = dim

    def forward(
        self, hidden: Float[Tensor, "#batch *hidden"], context: Float[Tensor, "examples context"] | None
    ) -> Float[Tensor, "batch *hidden"]:
        """The hidden layer plus the bias of each example's context; a batch axis of size 1 is broadcast."""
        if self.map is None:
            return hidden
        bias: Tensor = self.map(context)
        shape = [1] * hidden.ndim
        shape[0], shape[self.dim] = bias.shape
        return hidden + bias.reshape(shape)
