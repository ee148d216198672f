"""Which coefficients the taps of a convolution join, for some examples: read by gathering, summed up by scattering."""

from __future__ import annotations

from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.nn import functional as F

# rows of a block: enough for a matrix product to be worth it, few enough to be dealt out to the cores
BLOCKS = range(128, 513, 32)
# what has been worked out for some taps lives as long as they do: as long as their order is in use
_EDGES: WeakKeyDictionary = WeakKeyDictionary()


@torch.inference_mode(False)
def edges_of(taps, examples, nodes):
    """The ``Edges`` of so many examples, each of so many nodes."""
    known, key = _EDGES.setdefault(taps, {}), (examples, nodes)
    if key not in known:
        known[key] = Edges.of(taps, examples, nodes)
    return known[key]


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
        # on a CPU ten times faster than ``index_add_``, which goes through the rows one by one in one thread
        return F.embedding_bag(self.edges, rows.flatten(0, 1), self.starts, mode="sum", include_last_offset=True)


class Edges(NamedTuple):
    """Edges between nodes that see and nodes that are seen, in blocks of as many ``rows``, each of one kind.

    ``kinds`` tells of which kind each block is; ``fill`` are the rows that stand for no edge.
    """

    rows: int
    kinds: Tensor
    fill: Tensor
    seeing: End
    seen: End

    @classmethod
    def of(cls, taps, examples, count):
        """The edges of the taps, which are those of one example of ``count`` nodes."""
        lengths = [examples * len(seeing) for seeing, _ in taps.edges]
        rows, none = _rows(lengths), taps.edge_kinds.new_empty(0)
        ends = [
            torch.cat([none, *(_blocks(kind[side], examples, count, rows) for kind in taps.edges)]) for side in (0, 1)
        ]
        blocks = none.new_tensor([-(-n // rows) for n in lengths])
        kinds = torch.arange(len(blocks), device=none.device).repeat_interleave(blocks)
        return cls(rows, kinds, (ends[0] < 0).nonzero()[:, 0], *[End.of(end, examples * count) for end in ends])

    def room(self, like):
        """Room for what stands at the ends of all edges."""
        return like.new_empty(len(self.kinds), self.rows, like.shape[-1])

    def clear(self, rows):
        """Zeros where there is no edge."""
        rows.flatten(0, 1).index_fill_(0, self.fill, 0)


def _blocks(nodes, examples, count, rows):
    """The nodes of one example in all examples, filled up with -1 to whole blocks."""
    everywhere = (nodes + count * torch.arange(examples, device=nodes.device)[:, None]).flatten()
    return F.pad(everywhere, (0, -len(everywhere) % rows), value=-1)


def _rows(lengths):
    """How long blocks are, of those that leave the least to be filled the longest."""
    longest = max(lengths, default=1)
    if longest <= min(BLOCKS):
        return longest
    return max(BLOCKS, key=lambda rows: (-sum(-(-n // rows) for n in lengths) * rows, rows))
