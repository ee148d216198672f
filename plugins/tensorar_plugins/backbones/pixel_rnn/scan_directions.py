"""Which mirrored scans a diagonal recurrence needs to see all of its past, and how they may be looked at."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch

from tensorar import may_see
from tensorar_plugins.backbones.masked_conv.taps import Kernel
from tensorar_plugins.backbones.pixel_rnn.skew import Skew, diagonals


@dataclass(frozen=True)
class Looks:
    """Branches, each looked at one cell back along ``axis`` (None: in place), by those groups that ``mask`` lets."""

    mask: torch.Tensor
    branch_axes: tuple[tuple[int, int | None], ...]


class Branches:
    """The scans over diagonals that together see everything that the raster order shows.

    A scan sees the cone of cells that lie before on every axis. What the raster order shows beside it is the cones of
    scans over the mirrored grid: of an image one more, from right to left. The state of a mirrored scan has seen cells
    that lie ahead; it is of use to those cells only whose rank is higher than its *degree*, the highest rank that it
    has seen, as hidden units have in MADE. Of an image these are the cells one row below: the shift of the paper.

    ``offsets`` are the neighbours of a cell along each axis, its own row first; ``state_mask[tap, group, seen_group]``
    and ``input_mask`` say which groups see which, there and in place. All come from ``ranks``.
    """

    def __init__(self, ranks):
        self.rank, sizes = ranks.rank, ranks.rank.shape[1:]
        axes = range(len(sizes))
        self.step = diagonals(sizes)
        self.offsets = [tuple(-int(a == b) for b in axes) for a in reversed(axes)]
        kernels = [Kernel(tuple(3 if a == b else 1 for b in axes)) for a in reversed(axes)]
        self.state_mask = torch.stack([ranks.taps(k, include_self=True).weight_mask[0] for k in kernels])
        self.input_mask = ranks.taps(Kernel((1,) * len(sizes)), include_self=True).weight_mask[0]
        looks = {
            mirror: self._looks(mirror) for n in range(len(axes) + 1) for mirror in itertools.combinations(axes, n)
        }
        self.mirrors = [mirror for mirror, masks in looks.items() if masks]
        self.looks = _by_mask([(b, *look) for b, m in enumerate(self.mirrors) for look in looks[m]])

    def skew(self):
        """The plan of all branches."""
        return Skew(self.step, self.offsets, self.mirrors)

    def _looks(self, mirror):
        """The ways to look at a mirrored scan, ``(axis, mask)``, that show some group something."""
        if not mirror:
            return [(None, self.input_mask)]
        degree = self.degrees(mirror)
        ways = [None] + [mirror[0] - 1] * (mirror[0] > 0)
        # a mirrored scan starts from the cell itself, so that its degree has to be lower, not equal
        masks = [(axis, self._always(shifted(degree, axis, -1))) for axis in ways]
        return [(axis, mask) for axis, mask in masks if mask.any()]

    def _always(self, degree):
        """The groups that may see those of a degree at every position, ``(groups, groups)``."""
        return may_see(degree[None], self.rank[:, None]).flatten(2).all(2)

    def degrees(self, mirror):
        """The highest rank that the state of each group and cell has seen, ``(groups, *sizes)``."""
        skew = Skew(self.step, self.offsets, [mirror])
        rank = skew([self.rank.flatten(1).unsqueeze(2)])[0, :, :, 0]
        entering = torch.where(self.input_mask[:, :, None], rank[None], -1).amax(1)
        degree, degrees = rank[:, :0], []
        for here, seen in zip(entering.split(skew.counts, 1), skew.seen(), strict=True):
            before = torch.cat([degree, rank.new_full((len(rank), 1), -1)], 1)[:, seen].unflatten(1, (skew.taps, -1))
            visible = self.state_mask.permute(1, 2, 0)[..., None]
            degree = torch.where(visible, before[None], -1).amax((1, 2)).maximum(here)
            degrees.append(degree)
        return skew.undo(torch.cat(degrees, 1)[None, :, :, None])[0].reshape(self.rank.shape)


def _by_mask(looks):
    """Looks with equal masks together, so that their maps are added before they are multiplied."""
    masks = {tuple(mask.flatten().tolist()): mask for _, _, mask in looks}
    return [Looks(mask, tuple((b, axis) for b, axis, m in looks if torch.equal(m, mask))) for mask in masks.values()]


def shifted(maps, axis, empty=0.0):
    """Maps ``(C, *sizes, ...)`` moved one cell on along an axis: each cell shows what the one before it has."""
    if axis is None:
        return maps
    first, rest = maps.narrow(axis + 1, 0, 1), maps.narrow(axis + 1, 0, maps.shape[axis + 1] - 1)
    return torch.cat([torch.full_like(first, empty), rest], axis + 1)
