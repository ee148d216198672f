"""The mirrored scans with which a diagonal recurrence sees all of its past, and who may read their states."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor

from tensorar import cached_plan, may_see
from tensorar_plugins.backbones.masked_conv.taps import Kernel, Ranks
from tensorar_plugins.backbones.pixel_rnn.skew import Skew, diagonals


@dataclass(frozen=True)
class DirectionView:
    """Scan directions, each read one cell back along an axis (None: in place), by the groups that ``mask`` allows.

    ``shifts`` are pairs of a direction and the axis.
    """

    mask: Bool[Tensor, "groups groups"]
    shifts: tuple[tuple[int, int | None], ...]


class ScanDirections:
    """The scans over diagonals that together depend on the whole past of the raster order.

    A scan depends on the cone of cells that come before on every axis. The rest of the past is covered by scans over
    mirrored grids (for an image: one, from right to left). The state of a mirrored scan depends on cells that lie
    ahead; it can be read only by cells whose rank is higher than its *degree*, the highest rank that it depends on, as
    for hidden units in MADE. For an image these are the cells one row below: the shift of the paper.

    ``offsets`` are the neighbors of a cell along each axis, its own row first; ``state_mask[tap, group,
    source_group]`` and ``input_mask[group, source_group]`` are True where a group may read another, there and in place.
    All follow from ``ranks``.
    """

    def __init__(self, ranks: Ranks) -> None:
        self.rank, sizes = ranks.rank, ranks.rank.shape[1:]
        axes = range(len(sizes))
        self.step = diagonals(sizes)
        self.offsets = tuple(tuple(-int(a == b) for b in axes) for a in reversed(axes))
        kernels = [Kernel(tuple(3 if a == b else 1 for b in axes)) for a in reversed(axes)]
        self.state_mask = torch.stack([ranks.taps(k, include_self=True).weight_mask[0] for k in kernels])
        self.input_mask = ranks.taps(Kernel((1,) * len(sizes)), include_self=True).weight_mask[0]
        subsets = [mirror for n in range(len(axes) + 1) for mirror in itertools.combinations(axes, n)]
        shifts = {mirror: self._shifts(mirror) for mirror in subsets}
        self.mirrors = [mirror for mirror, masks in shifts.items() if masks]
        self.views = _by_mask([(d, *shift) for d, mirror in enumerate(self.mirrors) for shift in shifts[mirror]])

    def skew(self) -> Skew:
        """The scan plan of all directions."""
        return Skew(self.step, self.offsets, self.mirrors)

    def _shifts(self, mirror: tuple[int, ...]) -> list[tuple[int | None, Bool[Tensor, "groups groups"]]]:
        """The shifts at which some group may read a mirrored scan: pairs of the axis and the mask."""
        if not mirror:
            return [(None, self.input_mask)]
        degree = self.degrees(mirror)
        shifts: list[int | None] = [None, mirror[0] - 1] if mirror[0] > 0 else [None]
        # a mirrored scan starts from the cell itself, so its degree must be lower, not equal
        masks = [(axis, self._always_visible(shift_along(degree, axis, fill=-1))) for axis in shifts]
        return [(axis, mask) for axis, mask in masks if mask.any()]

    def _always_visible(self, degree: Int[Tensor, "groups *sizes"]) -> Bool[Tensor, "groups groups"]:
        """The groups that may see those of a degree at every position."""
        return may_see(degree[None], self.rank[:, None]).flatten(2).all(2)

    def degrees(self, mirror: tuple[int, ...]) -> Int[Tensor, "groups *sizes"]:
        """The highest rank that the state of each group and cell depends on."""
        skew = Skew(self.step, self.offsets, [mirror])
        rank = skew([self.rank.flatten(1).unsqueeze(2)])[0, :, :, 0]
        inputs = torch.where(self.input_mask[:, :, None], rank[None], -1).amax(1)
        # (taps, groups, source groups) to (groups, source groups, taps, 1)
        visible = self.state_mask.permute(1, 2, 0)[..., None]
        degree, degrees = rank[:, :0], []
        for own, neighbors in zip(inputs.split(skew.counts, 1), skew.neighbors_by_step(), strict=True):
            with_outside = torch.cat([degree, rank.new_full((len(rank), 1), -1)], 1)
            before = with_outside[:, neighbors].unflatten(1, (skew.taps, -1))
            degree = torch.where(visible, before[None], -1).amax((1, 2)).maximum(own)
            degrees.append(degree)
        return skew.undo(torch.cat(degrees, 1)[None, :, :, None])[0].reshape(self.rank.shape)


@cached_plan(maxsize=32)
def scan_directions(ranks: Ranks) -> ScanDirections:
    """The scans of some ranks, found once for all networks."""
    return ScanDirections(ranks)


def _by_mask(shifts: list[tuple[int, int | None, Tensor]]) -> list[DirectionView]:
    """Shifts with equal masks together, so that their maps are added before they are multiplied."""
    masks = {tuple(mask.flatten().tolist()): mask for _, _, mask in shifts}
    return [
        DirectionView(mask, tuple((d, axis) for d, axis, m in shifts if torch.equal(m, mask)))
        for mask in masks.values()
    ]


def shift_along(
    maps: Shaped[Tensor, "channels *rest"], axis: int | None, *, fill: float = 0.0
) -> Shaped[Tensor, "channels *rest"]:
    """Maps ``(C, *sizes, ...)`` moved one cell forward along an axis of the grid (None: unchanged)."""
    if axis is None:
        return maps
    first, rest = maps.narrow(axis + 1, 0, 1), maps.narrow(axis + 1, 0, maps.shape[axis + 1] - 1)
    return torch.cat([torch.full_like(first, fill), rest], axis + 1)
