"""The rank rule for every tap of a convolution's kernel."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn import functional as F

from tensorar import SpecError, cached_plan, may_see, planned_property
from tensorar_plugins.backbones.layers.sizes import require_reach


@dataclass(frozen=True)
class Kernel:
    """The offsets of a convolution's taps: ``size`` (odd) per axis, ``dilation`` apart, the center in the middle.

    >>> Kernel.of(3, (5,), dilation=2).offsets
    ((-2,), (0,), (2,))
    """

    size: tuple[int, ...]
    dilation: int = 1

    @classmethod
    def of(cls, size: int | tuple[int, ...], sizes: tuple[int, ...], *, dilation: int = 1) -> Kernel:
        """A kernel of one size for all axes or one for each, clipped so that each offset is inside a grid somewhere.

        Raises ``SpecError`` for sizes that are not odd, do not match the axes, or are far beyond them.
        """
        size = (size,) * len(sizes) if isinstance(size, int) else tuple(size)
        if len(size) != len(sizes) or dilation < 1 or any(k < 1 or k % 2 == 0 for k in size):
            raise SpecError(
                expected="odd kernel sizes (one, or one per axis) and dilation >= 1",
                got=f"kernel {' '.join(map(str, size))} and dilation {dilation} for {len(sizes)} axes",
                remedy="write for example kernel=3",
            )
        require_reach("the convolution", sizes, kernel=max(size), dilation=dilation)
        return cls(tuple(min(k, 2 * ((n - 1) // dilation) + 1) for k, n in zip(size, sizes, strict=True)), dilation)

    @property
    def offsets(self) -> tuple[tuple[int, ...], ...]:
        """All offsets, the last axis fastest."""
        axes = [[i * self.dilation for i in range(-(k // 2), k // 2 + 1)] for k in self.size]
        return tuple(itertools.product(*axes))


@dataclass(frozen=True)
class Offsets:
    """Offsets that need not fill a box; ``Ranks.taps`` takes them in place of a kernel."""

    offsets: tuple[tuple[int, ...], ...]
    dilation: int = 1

    @property
    def size(self) -> tuple[int, ...]:
        """The size of the smallest centered box that contains them."""
        return tuple(2 * max(map(abs, axis)) + 1 for axis in zip(*self.offsets, strict=True))


class Ranks:
    """Integers on a grid, ``(groups, *sizes)``, that decide which position may depend on which.

    They need not be the ranks of single coefficients: where a whole row has one rank, a convolution reads whole rows.
    Ranks are compared by identity, and keep the plans made from them.
    """

    def __init__(self, rank: Int[Tensor, "groups *sizes"]) -> None:
        self.rank = rank
        self._taps: dict[tuple[Kernel | Offsets, bool], Taps] = {}

    @property
    def device(self) -> torch.device:
        """The device of ``rank``."""
        return self.rank.device

    def taps(self, kernel: Kernel | Offsets, *, include_self: bool) -> Taps:
        """Which taps of a kernel are live at which positions."""
        # a look-up for every layer of every pass
        found = self._taps.get((kernel, include_self))
        if found is None:
            with torch.inference_mode(False):
                found = self._taps[kernel, include_self] = Taps(self.rank, kernel, include_self=include_self)
        return found

    def coarser(self, count: int) -> Ranks:
        """The ranks of blocks of ``count`` coefficients that are visited one after the other, such as rows."""
        return _coarser(self, count)


@cached_plan(maxsize=32)
def _coarser(ranks: Ranks, count: int) -> Ranks:
    return Ranks(ranks.rank.div(count, rounding_mode="floor"))


class Taps:
    """Which taps of a kernel may be used at which positions: the rank rule for the neighbor at every offset.

    ``live[tap, group, source_group, *position]``. Where a tap is live either at all positions whose neighbor is
    inside the grid or at none, the taps are ``translation_invariant``: ``weight_mask`` is all that is needed, and an
    ordinary convolution with the kernel cut to ``box``. That holds for the raster order, its flips and axis
    permutations, the diagonal order, and any other order that compares neighbors alike everywhere.
    """

    def __init__(self, rank: Int[Tensor, "groups *sizes"], kernel: Kernel | Offsets, *, include_self: bool) -> None:
        outside = int(rank.max()) + 1
        neighbors = _neighbors(rank, kernel, outside)
        self.kernel, self.include_self = kernel, include_self
        self.live = may_see(neighbors[:, None], rank[None, :, None], strict=not include_self)
        self._inside = (neighbors < outside)[:, None]

    @property
    def device(self) -> torch.device:
        """The device of the masks."""
        return self.live.device

    @planned_property
    def translation_invariant(self) -> bool:
        """Whether every tap is live everywhere or nowhere."""
        return bool((self.live == (self._inside & self.weight_mask[(..., *[None] * (self.live.ndim - 3))])).all())

    @planned_property
    def weight_mask(self) -> Bool[Tensor, "taps groups groups"]:
        """The taps that are live somewhere."""
        return self.live.flatten(3).any(3)

    @planned_property
    def box(self) -> tuple[tuple[int, int], ...]:
        """The first and last kernel index per axis of the smallest box that contains every live tap."""
        size = self.kernel.size
        used = self.weight_mask.any(2).any(1).reshape(size)
        if not used.any():
            return tuple((k // 2, k // 2) for k in size)
        return tuple((int(i.min()), int(i.max())) for i in used.nonzero().T)

    @planned_property
    def box_window(self) -> tuple[slice, ...] | None:
        """The box in the weights, or None for the whole kernel."""
        if all(b - a + 1 == k for (a, b), k in zip(self.box, self.kernel.size, strict=True)):
            return None
        return (slice(None), slice(None), *(slice(a, b + 1) for a, b in self.box))

    @planned_property
    def box_mask(self) -> Bool[Tensor, "groups groups *box"] | None:
        """``weight_mask`` in the box, or None where everything in the box is live."""
        mask = self.weight_mask.unflatten(0, self.kernel.size)[tuple(slice(a, b + 1) for a, b in self.box)]
        return None if mask.all() else mask.movedim((-2, -1), (0, 1)).contiguous()

    @planned_property
    def padding(self) -> tuple[tuple[int, int], ...]:
        """Zeros before and after each axis that the box needs (negative: positions to leave out)."""
        middles = [k // 2 for k in self.kernel.size]
        dilation = self.kernel.dilation
        return tuple(((m - a) * dilation, (b - m) * dilation) for m, (a, b) in zip(middles, self.box, strict=True))

    @planned_property
    def edge_types(self) -> Int[Tensor, " types"]:
        """The live triples of a tap, a group and a source group: flat indices into ``(taps, groups, groups)``."""
        return self.weight_mask.flatten().nonzero()[:, 0]

    @planned_property
    def edges(self) -> list[tuple[Int[Tensor, " edges"], Int[Tensor, " edges"]]]:
        """Per edge type, the target and source node of each edge. A node is ``position * groups + group``."""
        groups, _, *sizes = self.live.shape[1:]
        count = groups * self.live[0, 0, 0].numel()
        nodes = torch.arange(count, device=self.device).reshape(*sizes, groups).movedim(-1, 0)
        neighbors = _neighbors(nodes, self.kernel, count)
        return [
            (nodes[g][self.live[t, g, s]], neighbors[t, s][self.live[t, g, s]])
            for t, g, s in self.weight_mask.nonzero().tolist()
        ]


def _neighbors(
    field: Int[Tensor, "groups *sizes"], kernel: Kernel | Offsets, outside: int
) -> Int[Tensor, "taps groups *sizes"]:
    """The values of a field at every offset of a kernel: ``outside`` beyond the grid."""
    sizes = field.shape[1:]
    reach = [k // 2 * kernel.dilation for k in kernel.size]
    padded = F.pad(field, [r for r in reversed(reach) for _ in range(2)], value=outside)
    windows = [
        tuple(slice(r + o, r + o + n) for r, o, n in zip(reach, offset, sizes, strict=True))
        for offset in kernel.offsets
    ]
    return torch.stack([padded[(slice(None), *window)] for window in windows])
