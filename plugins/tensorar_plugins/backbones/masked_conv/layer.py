"""A masked convolution with a context."""

from __future__ import annotations

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from tensorar import Signature
from tensorar_plugins.backbones.layers.context_bias import ContextBias
from tensorar_plugins.backbones.masked_conv.conv import MaskedConv
from tensorar_plugins.backbones.masked_conv.grid import Grid
from tensorar_plugins.backbones.masked_conv.taps import Ranks


class MaskedLayer(nn.Module):
    """A masked convolution with a bias that depends on the context: ``inputs`` to ``outputs`` maps per group."""

    def __init__(
        self,
        signature: Signature,
        grid: Grid,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, ...],
        **options: Any,
    ) -> None:
        super().__init__()
        self.conv = MaskedConv(grid, inputs, outputs, kernel, **options)
        self.context = ContextBias(signature, grid.groups * outputs, dim=1)

    def forward(
        self,
        maps: Float[Tensor, "batch groups_inputs *sizes"],
        ranks: Ranks,
        context: Float[Tensor, "batch context"] | None,
    ) -> Float[Tensor, "batch groups_outputs *sizes"]:
        """``(B, groups * inputs, *sizes)`` to ``(B, groups * outputs, *sizes)``."""
        out: Tensor = self.conv(maps, ranks)
        return out if context is None else self.context(out, context)
