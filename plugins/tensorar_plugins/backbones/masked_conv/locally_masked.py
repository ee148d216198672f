"""The locally masked convolution: every tap at those positions only at which it lives.

Half of all (tap, position) pairs are dead under any order, so that it does the work of a masked convolution and not of
a full one. What the live taps read is unfolded for a few examples at a time, in room that does not grow with the batch.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

from tensorar_plugins.backbones.layers.sizes import max_examples_per_call

# numbers per slice of the batch: with what is made of them they stay in a core's cache
SLICE = 2**17
# added to every column before a transposition: sizes that are powers of two would fall on the same lines of the cache
ODD = 16


class LocallyMasked(torch.autograd.Function):
    """``out[:, i] = bias[i] + sum over the edges (i, j) of the taps of weights[kind] @ nodes[:, j]``.

    Nodes ``(B, N, inputs)``, weights ``(kinds, outputs, inputs)``, bias ``(groups, outputs)``: groups of nodes take
    turns. Out ``(B, N, outputs)``.
    """

    @staticmethod
    def forward(ctx, nodes, weights, bias, taps):
        ctx.save_for_backward(nodes, weights)
        ctx.taps, ctx.groups = taps, len(bias)
        out = nodes.new_empty(*nodes.shape[:2], weights.shape[1])
        by_group = (-1, *bias.shape)
        with torch.autocast(nodes.device.type, enabled=False):
            for edges, slices in _runs(taps, nodes, out):
                read, made = (edges.room(tensor) for tensor in (nodes, out))
                matrices = edges.by_block(weights.mT)
                for some, answer in slices:
                    torch.bmm(edges.seen.gather(some, read), matrices, out=made)
                    torch.add(edges.seeing.total(made).view(by_group), bias, out=answer.view(by_group))
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        nodes, weights = ctx.saved_tensors
        # sums over many slices stay in single precision where the rest is in half
        by_weights = torch.zeros_like(weights, dtype=torch.promote_types(weights.dtype, torch.float32))
        by_nodes, wanted = torch.empty_like(nodes), ctx.needs_input_grad[0]
        with torch.autocast(nodes.device.type, enabled=False):
            for edges, slices in _runs(ctx.taps, nodes, grad, by_nodes):
                read, slopes = (edges.room(tensor) for tensor in (nodes, grad))
                matrices = edges.by_block(weights)
                for some, slope, answer in slices:
                    edges.clear(edges.seeing.gather(slope, slopes))
                    by_weights += edges.by_kind(torch.bmm(slopes.mT, edges.seen.gather(some, read)))
                    if wanted:
                        torch.bmm(slopes, matrices, out=read)
                        answer.copy_(edges.seen.total(read).view_as(answer))
        by_bias = grad.unflatten(1, (-1, ctx.groups)).sum((0, 1))
        return by_nodes if wanted else None, by_weights.to(weights.dtype), by_bias, None


def _runs(taps, *tensors):
    """Tensors cut alike along the batch, with the edges of so many examples: slices of one size, and what is left."""
    few, count = _few(*tensors), len(tensors[0])
    for start, end, size in ((0, count - count % few, few), (count - count % few, count, count % few)):
        if start < end:
            yield taps.edges_of(size), zip(*[tensor[start:end].split(size) for tensor in tensors], strict=True)


def _few(*tensors):
    """How many examples are computed at once."""
    return max_examples_per_call(max(tensor.shape[1:].numel() for tensor in tensors), SLICE, tensors[0].device)


class ToNodes(torch.autograd.Function):
    """``(B, maps, N)`` to ``(B, N, maps)``, contiguous."""

    @staticmethod
    def forward(ctx, maps):
        return _transposed(maps)

    @staticmethod
    def backward(ctx, grad):
        return grad.mT


class FromNodes(torch.autograd.Function):
    """``(B, N, maps)`` to ``(B, maps, N)`` without a copy."""

    @staticmethod
    def forward(ctx, nodes):
        return nodes.mT

    @staticmethod
    def backward(ctx, grad):
        return _transposed(grad)


def _transposed(maps):
    if maps.mT.is_contiguous():
        return maps.mT
    nodes = torch.empty_like(maps.mT, memory_format=torch.contiguous_format)
    odd = ODD if maps.device.type == "cpu" else 0
    for some, answer in zip(maps.split(_few(maps)), nodes.split(_few(maps)), strict=True):
        answer.copy_(F.pad(some, (0, odd))[..., : some.shape[2]].mT)
    return nodes


def _as_convolutions_take(maps):
    """In the number type that autocast, where it is on, has torch's own convolutions compute in."""
    device = maps.device.type
    mixed = torch.is_autocast_enabled(device) and maps.dtype == torch.float32
    return maps.to(torch.get_autocast_dtype(device)) if mixed else maps


def locally_masked(maps, weight, bias, taps):
    """The convolution of ``(B, groups * inputs, *sizes)`` by ``(groups * outputs, groups * inputs, *kernel)``."""
    groups, sizes, maps = taps.live.shape[1], maps.shape[2:], _as_convolutions_take(maps)
    blocks = weight.flatten(2).unflatten(1, (groups, -1)).unflatten(0, (groups, -1)).permute(4, 0, 2, 1, 3)
    nodes = ToNodes.apply(maps.flatten(2)).unflatten(2, (groups, -1)).flatten(1, 2)
    weights = blocks.flatten(0, 2).index_select(0, taps.edge_kinds).to(nodes.dtype)
    out = LocallyMasked.apply(nodes, weights, bias.unflatten(0, (groups, -1)).to(nodes.dtype), taps)
    return FromNodes.apply(out.unflatten(1, (-1, groups)).flatten(2)).unflatten(2, sizes)
