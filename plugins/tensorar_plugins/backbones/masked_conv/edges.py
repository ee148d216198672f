"""Which coefficients the taps of a convolution join, for some examples: read by gathering, summed up by scattering."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

# rows of a block: enough for a matrix product to be worth it, few enough to be dealt out to the cores
BLOCKS = range(128, 513, 32)
# devices on which torch sums up bags of rows
BAGS = ("cpu", "cuda")


class End(NamedTuple):
    """One end of each edge: ``nodes``, ``(blocks * rows)``, as indices into ``examples * nodes``.

    ``edges`` are the edges node by node, those of a node from ``starts[node]`` on.
    """

    nodes: Tensor
    edges: Tensor
    starts: Tensor

    @classmethod
    def of(cls, nodes, count):
        """From the node of each edge, or -1 where there is none."""
        counts = (nodes + 1).bincount(minlength=1 + count)
        edges = nodes.argsort(stable=True)[int(counts[0]) :]
        return cls(nodes.clamp(min=0), edges, F.pad(counts[1:].cumsum(0), (1, 0)))

    def gather(self, values, room):
        """What stands at the node of each edge: ``(examples, nodes, maps)`` to ``room (blocks, rows, maps)``."""
        torch.index_select(values.flatten(0, 1), 0, self.nodes, out=room.flatten(0, 1))
        return room

    def total(self, rows):
        """The sum over the edges of each node: ``(blocks, rows, maps)`` to ``(examples * nodes, maps)``."""
        rows = rows.flatten(0, 1)
        if rows.device.type in BAGS:
            # on a CPU ten times faster than ``index_add_``, which goes through the rows one by one in one thread
            return F.embedding_bag(self.edges, rows, self.starts, mode="sum", include_last_offset=True)
        sums = rows.new_zeros(len(self.starts) - 1, rows.shape[1])
        return sums.index_add_(0, self.nodes[self.edges], rows[self.edges])


class Edges(NamedTuple):
    """Edges between nodes that see and nodes that are seen, in blocks of as many ``rows``, each of one kind.

    ``blocks`` counts those of each kind; ``fill`` are the rows that stand for no edge.
    """

    rows: int
    blocks: list[int]
    fill: Tensor
    seeing: End
    seen: End

    @classmethod
    def of(cls, taps, examples):
        """The edges of the taps in so many examples."""
        lengths, count = [examples * len(seeing) for seeing, _ in taps.edges], taps.live[0, :, 0].numel()
        rows, none = _rows(lengths), taps.edge_kinds.new_empty(0)
        kinds = [[_in_blocks(kind[side], examples, count, rows) for kind in taps.edges] for side in (0, 1)]
        ends = [torch.cat([none, *side]) for side in kinds]
        blocks, fill = [len(nodes) // rows for nodes in kinds[0]], (ends[0] < 0).nonzero()[:, 0]
        return cls(rows, blocks, fill, *[End.of(end, examples * count) for end in ends])

    def by_block(self, matrices):
        """The matrix of each kind for all of its blocks: ``(kinds, m, n)`` to ``(blocks, m, n)``."""
        return torch.cat([matrices[:0], *(m.expand(n, -1, -1) for m, n in zip(matrices, self.blocks, strict=True))])

    def by_kind(self, matrices):
        """The sums over the blocks of each kind: ``(blocks, m, n)`` to ``(kinds, m, n)``."""
        return torch.stack([some.sum(0) for some in matrices.split(self.blocks)]) if self.blocks else matrices

    def room(self, like):
        """Room for what stands at the ends of all edges."""
        return like.new_empty(sum(self.blocks), self.rows, like.shape[-1])

    def clear(self, rows):
        """Zeros where there is no edge."""
        rows.flatten(0, 1).index_fill_(0, self.fill, 0)


def _in_blocks(nodes, examples, count, rows):
    """The nodes of one example in all examples, filled up with -1 to whole blocks."""
    everywhere = (nodes + count * torch.arange(examples, device=nodes.device)[:, None]).flatten()
    return F.pad(everywhere, (0, -len(everywhere) % rows), value=-1)


def _rows(lengths):
    """How long blocks are, of those that leave the least to be filled the longest."""
    longest = max(lengths, default=1)
    if longest <= min(BLOCKS):
        return longest
    return max(BLOCKS, key=lambda rows: (-sum(-(-n // rows) for n in lengths) * rows, rows))
