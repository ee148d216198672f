"""A long short-term memory whose state is a map, scanned step by step."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from tensorar_plugins.backbones.pixel_rnn.skew import Skew


def block_mask(
    mask: Bool[Tensor, "*shape groups groups"], outputs: int, inputs: int
) -> Bool[Tensor, "*shape groups_outputs groups_inputs"]:
    """A mask of groups expanded to ``outputs`` rows and ``inputs`` columns per group."""
    return mask.repeat_interleave(outputs, -2).repeat_interleave(inputs, -1)


def uniform_parameter(*shape: int, fan_in: float | Tensor) -> nn.Parameter:
    """A parameter within ``1 / sqrt(fan_in)``, as in torch's own layers."""
    return nn.Parameter((2 * torch.rand(shape) - 1) / max(float(fan_in), 1.0) ** 0.5)


class ScanLSTM(nn.Module):
    """``[o f i] = sigmoid(x + K h')``, ``g = tanh(x + K h')``, ``c = f c' + i g``, ``h = o tanh(c)``.

    ``h'`` are the hidden states at the taps of a ``Skew``, ``c'`` the cell state at its first tap, all of the previous
    step; outside of the grid they are the learned initial state. ``x`` is the input-to-state component, for all cells
    at once; the loop is left with one matrix product and pointwise work. Cells come after channels and the batch after
    both, so that the taps of a step side by side are one operand, and each gate is contiguous.

    ``mask[tap, group, source_group]`` is True where a group may read the states of another; the ``width`` channels of
    each group are next to each other. Van den Oord et al. 2016, "Pixel Recurrent Neural Networks", eq. 3.
    """

    live: Tensor | None

    def __init__(self, skew: Skew, mask: Bool[Tensor, "taps groups groups"], width: int) -> None:
        super().__init__()
        taps, groups, _ = mask.shape
        channels = groups * width
        self.skew, self.channels = skew, channels
        self.weight = uniform_parameter(
            skew.directions, 4 * channels, channels * taps, fan_in=mask.sum() * width / groups
        )
        self.hidden = nn.Parameter(torch.zeros(skew.directions, channels, 1, 1))
        self.cell = nn.Parameter(torch.zeros(skew.directions, channels, 1, 1))
        live = block_mask(mask, width, width).permute(1, 2, 0).flatten(1).repeat(4, 1)
        self.register_buffer("live", None if live.all() else live, persistent=False)

    def forward(
        self, input_to_state: Float[Tensor, "directions gates cells batch"]
    ) -> Float[Tensor, "directions channels cells batch"]:
        """Gates before groups, ``(directions, 4 * channels, cells, B)``, in the order of the steps."""
        dtype, batch = input_to_state.dtype, input_to_state.shape[-1]
        weight = (self.weight if self.live is None else self.weight * self.live).to(dtype)
        # a sum over all steps: it stays in single precision where the rest is in half
        outside = (self.hidden, self.cell.to(torch.promote_types(dtype, torch.float32)))
        outside_hidden, outside_cell = (state.expand(-1, -1, 1, batch) for state in outside)
        hidden, cell = outside_hidden[:, :, :0], outside_cell[:, :, :0]
        states = []
        for gates, neighbors in zip(self.skew.by_step(input_to_state), self.skew.neighbors_by_step(), strict=True):
            # the state outside of the grid stands behind those of the previous step
            hidden = torch.cat([hidden, outside_hidden], 2).index_select(2, neighbors)
            cell = torch.cat([cell, outside_cell], 2).index_select(2, neighbors[: gates.shape[2]])
            hidden, cell = self._step(gates, hidden.to(dtype), cell, weight)
            states.append(hidden)
        return torch.cat(states, 2).to(dtype)

    def _step(
        self,
        gates: Float[Tensor, "directions gates cells batch"],
        hidden: Float[Tensor, "directions channels taps_cells batch"],
        cell: Float[Tensor, "directions channels cells batch"],
        weight: Float[Tensor, "directions gates channels_taps"],
    ) -> tuple[Float[Tensor, "directions channels cells batch"], Float[Tensor, "directions channels cells batch"]]:
        """Hidden and cell states of one step, from those at its taps."""
        # (directions, channels * taps, cells * batch)
        neighbors = hidden.reshape(len(hidden), weight.shape[2], -1)
        gates = torch.baddbmm(gates.flatten(2), weight, neighbors).view(gates.shape).to(cell.dtype)
        out, forget, enter = gates[:, : 3 * self.channels].sigmoid().chunk(3, 1)
        cell = torch.addcmul(forget * cell, enter, gates[:, 3 * self.channels :].tanh())
        return out * cell.tanh(), cell
