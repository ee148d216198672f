"""The rank rule for every tap of a convolution's kernel."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

import torch
from torch.nn import functional as F

from tensorar import SpecError, may_see
from tensorar_plugins.backbones.masked_conv.cache_layout import TapTable
from tensorar_plugins.backbones.masked_conv.edges import Edges

# for how many numbers of examples edges are kept: slices of a batch, and what is left of it
KEPT = 2


def kept(function):
    """A property computed once, also in inference mode as a tensor that a later training can use."""
    return cached_property(torch.inference_mode(False)(function))


@dataclass(frozen=True)
class Kernel:
    """The offsets that a convolution looks at: ``size`` (odd) per axis, ``dilation`` apart, the centre in the middle.

    >>> Kernel.of(3, (5,), dilation=2).offsets
    [(-2,), (0,), (2,)]
    """

    size: tuple[int, ...]
    dilation: int = 1

    @classmethod
    def of(cls, size, sizes, *, dilation=1):
        """A kernel of one size for all axes or one for each; no offset of it leads out of the grid from everywhere."""
        size = (size,) * len(sizes) if isinstance(size, int) else tuple(size)
        if len(size) != len(sizes) or dilation < 1 or any(k < 1 or k % 2 == 0 for k in size):
            raise SpecError(
                expected="kernel sizes that are odd, one or one per axis, and a dilation from 1 on",
                got=f"kernel {' '.join(map(str, size))} and dilation {dilation} for {len(sizes)} axes",
                remedy="write for example kernel=3",
            )
        return cls(tuple(min(k, 2 * ((n - 1) // dilation) + 1) for k, n in zip(size, sizes, strict=True)), dilation)

    @property
    def offsets(self):
        """All offsets, the last axis fastest."""
        return list(itertools.product(*[[i * self.dilation for i in range(-(k // 2), k // 2 + 1)] for k in self.size]))


class Ranks:
    """Numbers on a grid, ``(groups, *sizes)``, that say what may see what; ``taps`` applies the rule to a kernel.

    They need not be the ranks of single coefficients: where a whole row has one rank, a convolution sees whole rows.
    Whatever follows from them is computed once.
    """

    def __init__(self, rank):
        self.rank = rank
        self._taps, self._coarser = {}, {}

    @torch.inference_mode(False)
    def taps(self, kernel, *, include_self):
        """Which taps of a kernel live where."""
        if (kernel, include_self) not in self._taps:
            self._taps[kernel, include_self] = Taps(self.rank, kernel, include_self=include_self)
        return self._taps[kernel, include_self]

    @torch.inference_mode(False)
    def coarser(self, count):
        """The ranks of blocks of ``count`` coefficients that are visited one after the other, such as rows."""
        if count not in self._coarser:
            self._coarser[count] = Ranks(self.rank.div(count, rounding_mode="floor"))
        return self._coarser[count]


class Taps:
    """Which taps of a kernel may be used at which positions: the rank rule for the neighbour at every offset.

    ``live[tap, group, seen_group, *position]``. Where a tap lives either at all positions at which its neighbour is
    inside the grid or at none, the taps are ``uniform``: ``weight_mask`` is all that is needed, and an ordinary
    convolution with the kernel cut to ``box``. That holds for the raster order, its flips and axis permutations, the
    diagonal order and whatever else compares neighbours alike everywhere.
    """

    def __init__(self, rank, kernel, *, include_self):
        outside = int(rank.max()) + 1
        neighbours = _neighbours(rank, kernel, outside)
        self.kernel = kernel
        self.live = may_see(neighbours[:, None], rank[None, :, None], strict=not include_self)
        self._inside = (neighbours < outside)[:, None]
        self._edges, self._tables = {}, {}

    @kept
    def uniform(self):
        """Whether every tap lives everywhere or nowhere."""
        return bool((self.live == (self._inside & self.weight_mask[(..., *[None] * (self.live.ndim - 3))])).all())

    @kept
    def weight_mask(self):
        """The taps that live somewhere, ``(taps, groups, groups)``."""
        return self.live.flatten(3).any(3)

    @kept
    def box(self):
        """Per axis the first and the last kernel index of the smallest box that holds every live tap."""
        size = self.kernel.size
        used = self.weight_mask.any(2).any(1).reshape(size)
        if not used.any():
            return tuple((k // 2, k // 2) for k in size)
        return tuple((int(i.min()), int(i.max())) for i in used.nonzero().T)

    @kept
    def box_mask(self):
        """``weight_mask`` in the box, ``(groups, groups, *box)``, or None where everything in the box lives."""
        mask = self.weight_mask.unflatten(0, self.kernel.size)[tuple(slice(a, b + 1) for a, b in self.box)]
        return None if mask.all() else mask.movedim((-2, -1), (0, 1)).contiguous()

    @kept
    def padding(self):
        """Zeros before and after each axis (or, negative, positions to leave out) that the box needs."""
        middles = [k // 2 for k in self.kernel.size]
        step = self.kernel.dilation
        return tuple(((m - a) * step, (b - m) * step) for m, (a, b) in zip(middles, self.box, strict=True))

    @kept
    def edge_kinds(self):
        """Which tap joins which groups, for those that live somewhere: flat indices into ``(taps, groups, groups)``."""
        return self.weight_mask.flatten().nonzero()[:, 0]

    @kept
    def edges(self):
        """Per edge kind, which nodes see and which they see. A node is ``position * groups + group``."""
        groups, _, *sizes = self.live.shape[1:]
        count = groups * self.live[0, 0, 0].numel()
        nodes = torch.arange(count, device=self.live.device).reshape(*sizes, groups).movedim(-1, 0)
        neighbours = _neighbours(nodes, self.kernel, count)
        return [
            (nodes[g][self.live[t, g, s]], neighbours[t, s][self.live[t, g, s]])
            for t, g, s in self.weight_mask.nonzero().tolist()
        ]

    @torch.inference_mode(False)
    def edges_of(self, examples):
        """The edges of so many examples, as ``Edges``; those of the last few numbers are kept."""
        if examples not in self._edges:
            while len(self._edges) >= KEPT:
                self._edges.pop(next(iter(self._edges)))
            self._edges[examples] = Edges.of(self, examples)
        return self._edges[examples]

    @torch.inference_mode(False)
    def table_of(self, visits, count=1):
        """Where they find what they read, as ``TapTable``, if ``visits`` visits blocks of ``count`` one by one."""
        if count not in self._tables:
            self._tables[count] = TapTable(self, visits, count)
        return self._tables[count]


def _neighbours(field, kernel, outside):
    """What stands at every offset of a kernel, ``(taps, groups, *sizes)``: ``outside`` beyond the grid."""
    sizes = field.shape[1:]
    reach = [k // 2 * kernel.dilation for k in kernel.size]
    padded = F.pad(field, [r for r in reversed(reach) for _ in range(2)], value=outside)
    windows = [
        tuple(slice(r + o, r + o + n) for r, o, n in zip(reach, offset, sizes, strict=True))
        for offset in kernel.offsets
    ]
    return torch.stack([padded[(slice(None), *window)] for window in windows])
