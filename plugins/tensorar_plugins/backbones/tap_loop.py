"""The locally masked convolution: one matrix product per tap, over those positions only at which the tap lives.

Half of all (tap, position) pairs are dead under any order, so that it does the work of a masked convolution and not of
a full one. Nothing is unfolded: beside input and output it needs room for the rows of one tap and a few examples.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

# numbers per slice of the batch: with what is made of them they stay in a core's cache (one slice on accelerators)
SLICE = 2**18
# added to every column before a transposition: sizes that are powers of two would fall on the same lines of the cache
ODD = 16


class TapLoop(torch.autograd.Function):
    """``out[:, i] = sum over edges with that i of weights[edge] @ nodes[:, j]``, for ``edges`` of ``(i, j)`` indices.

    Nodes ``(B, at least N, inputs)``, weights ``(edges, outputs, inputs)``, out ``(B, N, outputs)``. Within one edge
    no index comes twice.
    """

    @staticmethod
    def forward(ctx, nodes, weights, edges, count):
        ctx.save_for_backward(nodes, weights)
        ctx.edges = edges
        out = nodes.new_zeros(len(nodes), count, weights.shape[1])
        with torch.autocast(nodes.device.type, enabled=False):
            for some, answer in _slices(nodes, out):
                for (seeing, seen), weight in zip(edges, weights, strict=True):
                    answer.index_add_(1, seeing, some.index_select(1, seen) @ weight.T)
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        nodes, weights = ctx.saved_tensors
        by_nodes, by_weights = torch.zeros_like(nodes), torch.zeros_like(weights)
        with torch.autocast(nodes.device.type, enabled=False):
            for some, slope, answer in _slices(nodes, grad, by_nodes):
                for (seeing, seen), weight, by_weight in zip(ctx.edges, weights, by_weights, strict=True):
                    slopes = slope.index_select(1, seeing)
                    by_weight.addmm_(slopes.flatten(0, 1).T, some.index_select(1, seen).flatten(0, 1))
                    answer.index_add_(1, seen, slopes @ weight)
        return by_nodes, by_weights, None, None


def _slices(*tensors):
    """Tensors cut alike along the batch."""
    size = len(tensors[0]) if tensors[0].is_cuda else SLICE // tensors[0].shape[1:].numel()
    return zip(*[tensor.split(max(size, 1)) for tensor in tensors], strict=True)


class ToNodes(torch.autograd.Function):
    """``(B, maps, N)`` to ``(B, at least N, maps)``, contiguous."""

    @staticmethod
    def forward(ctx, maps):
        ctx.count = maps.shape[2]
        return _transposed(maps)

    @staticmethod
    def backward(ctx, grad):
        return grad[:, : ctx.count].mT


class FromNodes(torch.autograd.Function):
    """``(B, N, maps)`` to ``(B, maps, N)`` without a copy."""

    @staticmethod
    def forward(ctx, nodes):
        return nodes.mT

    @staticmethod
    def backward(ctx, grad):
        return _transposed(grad)[:, : grad.shape[2]]


def _transposed(maps):
    return maps.mT if maps.mT.is_contiguous() else F.pad(maps, (0, ODD)).mT.contiguous()


def tap_loop(maps, weight, taps):
    """The convolution of ``(B, groups * inputs, *sizes)`` by ``(groups * outputs, groups * inputs, *kernel)``."""
    groups, sizes = taps.live.shape[1], maps.shape[2:]
    blocks = weight.flatten(2).unflatten(1, (groups, -1)).unflatten(0, (groups, -1)).permute(4, 0, 2, 1, 3)
    nodes = ToNodes.apply(maps.flatten(2)).unflatten(2, (groups, -1)).flatten(1, 2)
    weights = blocks.flatten(0, 2).index_select(0, taps.edge_kinds).to(nodes.dtype)
    out = TapLoop.apply(nodes, weights, taps.edges, groups * sizes.numel())
    return FromNodes.apply(out.unflatten(1, (-1, groups)).flatten(2)).unflatten(2, sizes)
