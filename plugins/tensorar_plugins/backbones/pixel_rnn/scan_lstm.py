"""A long short-term memory whose state is a map, walked through step by step."""

from __future__ import annotations

import torch
from torch import nn


def blocks(mask, outputs, inputs):
    """A mask of groups, ``(..., groups, groups)``, for groups of so many outputs and inputs."""
    return mask.repeat_interleave(outputs, -2).repeat_interleave(inputs, -1)


def uniform(*shape, fan_in):
    """A parameter within ``1 / sqrt(fan_in)``, as torch's own layers begin."""
    return nn.Parameter((2 * torch.rand(shape) - 1) / max(float(fan_in), 1.0) ** 0.5)


class ScanLSTM(nn.Module):
    """``[o f i] = sigmoid(drive + K h')``, ``g = tanh(drive + K h')``, ``c = f c' + i g``, ``h = o tanh(c)``.

    ``h'`` are the hidden states at the taps of a ``Skew``, ``c'`` the cell state at its first tap, all of the step
    before; outside of the grid they are the learned initial state. ``drive`` holds what the input contributes, for all
    cells at once; the loop is left with one matrix product and pointwise work. Cells lie behind channels and the batch
    behind both, so that the taps of a step side by side are one operand, and each gate is one run of memory.

    ``mask[tap, group, seen_group]`` says whose states a group may see at each tap; the ``width`` channels of each group
    are next to each other. Van den Oord et al. 2016, "Pixel Recurrent Neural Networks", eq. 3.
    """

    def __init__(self, skew, mask, width):
        super().__init__()
        taps, groups, _ = mask.shape
        channels = groups * width
        self.skew, self.channels = skew, channels
        self.weight = uniform(skew.branches, 4 * channels, channels * taps, fan_in=mask.sum() * width / groups)
        self.hidden = nn.Parameter(torch.zeros(skew.branches, channels, 1, 1))
        self.cell = nn.Parameter(torch.zeros(skew.branches, channels, 1, 1))
        live = blocks(mask, width, width).permute(1, 2, 0).flatten(1).repeat(4, 1)
        self.register_buffer("live", None if live.all() else live, persistent=False)

    def forward(self, drive):
        """``(branches, 4 * channels, cells, B)``, gates before groups, to ``(branches, channels, cells, B)``."""
        weight = (self.weight if self.live is None else self.weight * self.live).to(drive.dtype)
        # a sum over all steps: it stays in single precision where the rest is in half
        outside = (self.hidden, self.cell.to(torch.promote_types(drive.dtype, torch.float32)))
        outside = [state.expand(-1, -1, 1, drive.shape[-1]) for state in outside]
        (hidden, cell), states = (state[:, :, :0] for state in outside), []
        for gates, seen in zip(self.skew.by_step(drive), self.skew.seen(), strict=True):
            hidden = torch.cat([hidden, outside[0]], 2).index_select(2, seen)
            cell = torch.cat([cell, outside[1]], 2).index_select(2, seen[: gates.shape[2]])
            hidden, cell = self._step(gates, hidden.to(drive.dtype), cell, weight)
            states.append(hidden)
        return torch.cat(states, 2).to(drive.dtype)

    def _step(self, gates, hidden, cell, weight):
        seen = hidden.reshape(len(hidden), weight.shape[2], -1)
        gates = torch.baddbmm(gates.flatten(2), weight, seen).view(gates.shape).to(cell.dtype)
        out, forget, enter = gates[:, : 3 * self.channels].sigmoid().chunk(3, 1)
        cell = torch.addcmul(forget * cell, enter, gates[:, 3 * self.channels :].tanh())
        return out * cell.tanh(), cell
