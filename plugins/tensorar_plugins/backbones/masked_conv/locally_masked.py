"""The locally masked convolution: every tap is computed only at the positions where it is live.

Half of all (tap, position) pairs are dead under any order, so this does the work of a masked convolution and not of a
full one. The inputs of live taps are gathered for a few examples at a time, in memory that does not grow with the
batch. Jain, Abbeel, Pathak 2020, "Locally Masked Convolution for Autoregressive Models".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from tensorar_plugins.backbones.layers.sizes import max_examples_per_call
from tensorar_plugins.backbones.masked_conv.edges import TapEdges, tap_edges
from tensorar_plugins.backbones.masked_conv.taps import Taps

# a slice of the batch, with the results, stays in the cache of a core
MAX_ELEMENTS_PER_CALL = 2**17
# added to every column before a transposition: columns of a power of two would share cache lines
COLUMN_PADDING = 16


class LocallyMasked(torch.autograd.Function):
    """``out[:, i] = bias[group of i] + sum over the edges (i, j) of weights[type] @ nodes[:, j]``.

    Nodes ``(B, N, inputs)``, the groups of a position next to each other; weights ``(types, outputs, inputs)``, bias
    ``(groups, outputs)``. Returns ``(B, N, outputs)``.
    """

    @staticmethod
    def forward(
        ctx: Any,
        nodes: Float[Tensor, "batch nodes inputs"],
        weights: Float[Tensor, "types outputs inputs"],
        bias: Float[Tensor, "groups outputs"],
        taps: Taps,
    ) -> Float[Tensor, "batch nodes outputs"]:
        """One batched matrix product per slice of the batch."""
        ctx.save_for_backward(nodes, weights)
        ctx.taps, ctx.groups = taps, len(bias)
        out = nodes.new_empty(*nodes.shape[:2], weights.shape[1])
        by_group = (-1, *bias.shape)
        with torch.autocast(nodes.device.type, enabled=False):
            for edges, slices in _slices(taps, nodes, out):
                gathered, products = (edges.buffer(tensor) for tensor in (nodes, out))
                matrices = edges.expand_to_blocks(weights.mT)
                for nodes_slice, out_slice in slices:
                    torch.bmm(edges.source.gather(nodes_slice, gathered), matrices, out=products)
                    sums = edges.target.scatter_sum(products).view(by_group)
                    torch.add(sums, bias, out=out_slice.view(by_group))
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Float[Tensor, "batch nodes outputs"]) -> tuple[Tensor | None, Tensor, Tensor, None]:
        """The gradients of nodes, weights and bias."""
        nodes, weights = ctx.saved_tensors
        # sums over many slices stay in single precision where the rest is in half
        grad_weights = torch.zeros_like(weights, dtype=torch.promote_types(weights.dtype, torch.float32))
        grad_nodes, needed = torch.empty_like(nodes), ctx.needs_input_grad[0]
        with torch.autocast(nodes.device.type, enabled=False):
            for edges, slices in _slices(ctx.taps, nodes, grad, grad_nodes):
                gathered, grads = (edges.buffer(tensor) for tensor in (nodes, grad))
                matrices = edges.expand_to_blocks(weights)
                for nodes_slice, grad_slice, out_slice in slices:
                    edges.zero_padding(edges.target.gather(grad_slice, grads))
                    by_block = torch.bmm(grads.mT, edges.source.gather(nodes_slice, gathered))
                    grad_weights += edges.sum_by_type(by_block)
                    if needed:
                        torch.bmm(grads, matrices, out=gathered)
                        out_slice.copy_(edges.source.scatter_sum(gathered).view_as(out_slice))
        grad_bias = grad.unflatten(1, (-1, ctx.groups)).sum((0, 1))
        return grad_nodes if needed else None, grad_weights.to(weights.dtype), grad_bias, None


def _slices(taps: Taps, *tensors: Tensor) -> Iterator[tuple[TapEdges, Iterator[tuple[Tensor, ...]]]]:
    """Tensors split alike along the batch, with the edges of a slice: slices of one size, then the remainder."""
    examples, batch = _examples_per_slice(*tensors), len(tensors[0])
    full = batch - batch % examples
    for start, end, size in ((0, full, examples), (full, batch, batch % examples)):
        if start < end:
            split = [tensor[start:end].split(size) for tensor in tensors]
            yield tap_edges(taps, size), zip(*split, strict=True)


def _examples_per_slice(*tensors: Tensor) -> int:
    each = max(tensor.shape[1:].numel() for tensor in tensors)
    examples: int = max_examples_per_call(each, MAX_ELEMENTS_PER_CALL, tensors[0].device)
    return examples


class ToNodes(torch.autograd.Function):
    """``(B, maps, N)`` to ``(B, N, maps)``, contiguous."""

    @staticmethod
    def forward(ctx: Any, maps: Float[Tensor, "batch maps nodes"]) -> Float[Tensor, "batch nodes maps"]:
        """A fast transposition."""
        return _transpose(maps)

    @staticmethod
    def backward(ctx: Any, grad: Float[Tensor, "batch nodes maps"]) -> Float[Tensor, "batch maps nodes"]:
        """A view."""
        return grad.mT


class FromNodes(torch.autograd.Function):
    """``(B, N, maps)`` to ``(B, maps, N)`` without a copy."""

    @staticmethod
    def forward(ctx: Any, nodes: Float[Tensor, "batch nodes maps"]) -> Float[Tensor, "batch maps nodes"]:
        """A view."""
        return nodes.mT

    @staticmethod
    def backward(ctx: Any, grad: Float[Tensor, "batch maps nodes"]) -> Float[Tensor, "batch nodes maps"]:
        """A fast transposition."""
        return _transpose(grad)


def _transpose(maps: Float[Tensor, "batch maps nodes"]) -> Float[Tensor, "batch nodes maps"]:
    if maps.mT.is_contiguous():
        return maps.mT
    nodes = torch.empty_like(maps.mT, memory_format=torch.contiguous_format)
    padding = COLUMN_PADDING if maps.device.type == "cpu" else 0
    examples = _examples_per_slice(maps)
    for maps_slice, out_slice in zip(maps.split(examples), nodes.split(examples), strict=True):
        out_slice.copy_(F.pad(maps_slice, (0, padding))[..., : maps.shape[2]].mT)
    return nodes


def _autocast(maps: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Maps in the dtype of torch's own convolutions under autocast."""
    device = maps.device.type
    mixed = torch.is_autocast_enabled(device) and maps.dtype == torch.float32
    return maps.to(torch.get_autocast_dtype(device)) if mixed else maps


def locally_masked(
    maps: Float[Tensor, "batch groups_inputs *sizes"],
    weight: Float[Tensor, "groups_outputs groups_inputs *kernel"],
    bias: Float[Tensor, " groups_outputs"],
    taps: Taps,
) -> Float[Tensor, "batch groups_outputs *sizes"]:
    """The masked convolution with the taps that are live at each position."""
    groups, sizes, maps = taps.live.shape[1], maps.shape[2:], _autocast(maps)
    blocks = weight.flatten(2).unflatten(1, (groups, -1)).unflatten(0, (groups, -1)).permute(4, 0, 2, 1, 3)
    nodes: Tensor = ToNodes.apply(maps.flatten(2))  # type: ignore[no-untyped-call]
    nodes = nodes.unflatten(2, (groups, -1)).flatten(1, 2)
    weights = blocks.flatten(0, 2).index_select(0, taps.edge_types).to(nodes.dtype)
    biases = bias.unflatten(0, (groups, -1)).to(nodes.dtype)
    out: Tensor = LocallyMasked.apply(nodes, weights, biases, taps)  # type: ignore[no-untyped-call]
    out = FromNodes.apply(out.unflatten(1, (-1, groups)).flatten(2))  # type: ignore[no-untyped-call]
    return out.reshape(*out.shape[:2], *sizes)
