"""Edges of live taps between coefficients: gather at one endpoint, scatter at the other."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from tensorar import cached_plan
from tensorar_plugins.backbones.masked_conv.taps import Taps

# rows per block: enough for an efficient matrix product, few enough to spread the blocks over the cores
BLOCK_SIZES = range(128, 513, 32)
# devices with torch.nn.functional.embedding_bag
EMBEDDING_BAG_DEVICES = ("cpu", "cuda")


class Endpoint(NamedTuple):
    """One end of each edge: ``nodes``, ``(blocks * rows)``, as indices into ``examples * nodes``.

    ``edges`` are the edges sorted by node, those of a node from ``starts[node]`` on.
    """

    nodes: Tensor
    edges: Tensor
    starts: Tensor

    @classmethod
    def of(cls, nodes: Int[Tensor, " edges"], count: int) -> Endpoint:
        """From the node of each edge, or -1 for a row that is padding."""
        counts = (nodes + 1).bincount(minlength=1 + count)
        edges = nodes.argsort(stable=True)[int(counts[0]) :]
        return cls(nodes.clamp(min=0), edges, F.pad(counts[1:].cumsum(0), (1, 0)))

    def gather(
        self, values: Float[Tensor, "examples nodes maps"], out: Float[Tensor, "blocks rows maps"]
    ) -> Float[Tensor, "blocks rows maps"]:
        """The values at the node of each edge, written to ``out``."""
        torch.index_select(values.flatten(0, 1), 0, self.nodes, out=out.flatten(0, 1))
        return out

    def scatter_sum(self, blocks: Float[Tensor, "blocks rows maps"]) -> Float[Tensor, "examples_nodes maps"]:
        """The sum over the edges of each node."""
        rows = blocks.flatten(0, 1)
        if rows.device.type in EMBEDDING_BAG_DEVICES:
            # on a CPU ten times faster than ``index_add_``, which adds row by row in one thread
            return F.embedding_bag(self.edges, rows, self.starts, mode="sum", include_last_offset=True)
        sums = rows.new_zeros(len(self.starts) - 1, rows.shape[1])
        return sums.index_add_(0, self.nodes[self.edges], rows[self.edges])


class TapEdges(NamedTuple):
    """Edges from source to target nodes in blocks of equally many ``rows``, each block of one edge type.

    ``blocks`` counts those of each type; ``padding`` are the rows that hold no edge.
    """

    rows: int
    blocks: list[int]
    padding: Tensor
    target: Endpoint
    source: Endpoint

    @classmethod
    def of(cls, taps: Taps, examples: int) -> TapEdges:
        """The edges of the taps in a batch of ``examples``."""
        lengths, count = [examples * len(targets) for targets, _ in taps.edges], taps.live[0, :, 0].numel()
        rows, none = _block_size(lengths), taps.edge_types.new_empty(0)
        by_type = [[_in_blocks(nodes[side], examples, count, rows) for nodes in taps.edges] for side in (0, 1)]
        target, source = (torch.cat([none, *nodes]) for nodes in by_type)
        blocks, padding = [len(nodes) // rows for nodes in by_type[0]], (target < 0).nonzero()[:, 0]
        ends = (Endpoint.of(nodes, examples * count) for nodes in (target, source))
        return cls(rows, blocks, padding, *ends)

    def expand_to_blocks(self, matrices: Float[Tensor, "types m n"]) -> Float[Tensor, "blocks m n"]:
        """The matrix of each edge type, repeated for all of its blocks."""
        return torch.cat([matrices[:0], *(m.expand(n, -1, -1) for m, n in zip(matrices, self.blocks, strict=True))])

    def sum_by_type(self, matrices: Float[Tensor, "blocks m n"]) -> Float[Tensor, "types m n"]:
        """The sums over the blocks of each edge type."""
        return torch.stack([some.sum(0) for some in matrices.split(self.blocks)]) if self.blocks else matrices

    def buffer(self, like: Float[Tensor, "*shape maps"]) -> Float[Tensor, "blocks rows maps"]:
        """Uninitialized memory for the values at one end of all edges."""
        return like.new_empty(sum(self.blocks), self.rows, like.shape[-1])

    def zero_padding(self, blocks: Float[Tensor, "blocks rows maps"]) -> None:
        """Set the rows that hold no edge to zero."""
        blocks.flatten(0, 1).index_fill_(0, self.padding, 0)


@cached_plan(maxsize=64)
def tap_edges(taps: Taps, examples: int) -> TapEdges:
    """The edges of the taps in a batch of ``examples``."""
    return TapEdges.of(taps, examples)


def _in_blocks(nodes: Int[Tensor, " edges"], examples: int, count: int, rows: int) -> Int[Tensor, " padded"]:
    """The nodes of one example repeated in all examples, padded with -1 to whole blocks."""
    everywhere = (nodes + count * torch.arange(examples, device=nodes.device)[:, None]).flatten()
    return F.pad(everywhere, (0, -len(everywhere) % rows), value=-1)


def _block_size(lengths: list[int]) -> int:
    """The number of rows per block with the least padding, the largest of equally good ones."""
    longest = max(lengths, default=1)
    if longest <= min(BLOCK_SIZES):
        return longest
    return max(BLOCK_SIZES, key=lambda rows: (-sum(-(-n // rows) for n in lengths) * rows, rows))
