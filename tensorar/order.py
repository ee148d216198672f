"""Visiting orders, and the one rule of the library: a coefficient may depend only on what was visited before it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor

from tensorar.errors import ShapeError
from tensorar.evidence import Evidence
from tensorar.utils.rank_picture import rank_picture

# longer orders are abbreviated as text
MAX_REPR_VISITS = 24


def may_see(
    key_rank: Shaped[Tensor, "*a"], query_rank: Shaped[Tensor, "*b"], *, strict: bool = True
) -> Bool[Tensor, "*c"]:
    """The rule: a query may depend on a key only if the key has the lower rank (broadcast together).

    ``strict=False`` allows equal ranks, for layers after a strict one: mask B of PixelCNN, the hidden
    layers of MADE. Every mask of every model is a call of this function on ranks of coefficients, or on numbers that
    stand for ranks: degrees of hidden units, rows, diagonals.

    >>> may_see(torch.tensor([0, 1, 2]), torch.tensor(1))
    tensor([ True, False, False])
    """
    return key_rank < query_rank if strict else key_rank <= query_rank


def observed_first_ranks(
    ranks: Int[Tensor, "batch n"] | Int[Tensor, " n"], mask: Bool[Tensor, "batch n"]
) -> Int[Tensor, "batch n"]:
    """The ranks in each example's order with the coefficients of its ``mask`` moved to the front (``observed_first``).

    >>> observed_first_ranks(torch.arange(4), torch.tensor([[False, True, False, True]]))
    tensor([[2, 0, 3, 1]])
    """
    return torch.where(mask, ranks, ranks + mask.shape[1]).argsort(1).argsort(1)


class Order:
    """One permutation of the coefficients of one event shape.

    ``visits[t]`` is the flat index of the coefficient visited at step ``t``; ``rank`` has the event's shape and holds
    the step at which each coefficient is visited. The two are inverse to each other, and every causal mask in the
    library is a comparison of ranks.

    Raises ``ShapeError`` when ``visits`` is not a permutation of the event's flat indices.

    >>> order = Order(torch.tensor([2, 0, 1]), (3,))
    >>> order.rank
    tensor([1, 2, 0])
    >>> order.causal_mask().int()
    tensor([[0, 0, 1],
            [1, 0, 1],
            [0, 0, 0]], dtype=torch.int32)
    """

    # orders are cached, and training cannot use tensors made in inference mode
    @torch.inference_mode(False)
    def __init__(self, visits: Int[Tensor, " n"], event_shape: tuple[int, ...]) -> None:
        size = math.prod(event_shape)
        self.event_shape = tuple(event_shape)
        self.visits = visits.long().clone()
        self.rank = self._inverse(size).reshape(self.event_shape)

    def _inverse(self, size: int) -> Int[Tensor, " n"]:
        """The step at which each coefficient is visited, found in linear time. Raises ``ShapeError``."""
        visits = self.visits
        if size and visits.shape == (size,) and all(0 <= int(bound) < size for bound in visits.aminmax()):
            steps = torch.arange(size, device=visits.device)
            rank = torch.full_like(visits, -1).scatter_(0, visits, steps)
            if int(rank.min()) >= 0:
                return rank
        raise ShapeError(
            expected=f"each of the {size} coefficients of {self.event_shape} visited once (at least one)",
            got=f"{len(visits)} visits of {len(visits.unique())} different coefficients",
            remedy="pass a permutation of range(N)",
        )

    @classmethod
    def from_rank(cls, rank: Int[Tensor, "*event"]) -> Order:
        """The order that visits each coefficient at the step ``rank``."""
        return cls(rank.flatten().argsort(), tuple(rank.shape))

    @classmethod
    def raster(cls, event_shape: tuple[int, ...]) -> Order:
        """Row-major order: the flat indices in ascending order."""
        return cls(torch.arange(math.prod(event_shape)), event_shape)

    @property
    def device(self) -> torch.device:
        """The device of ``visits`` and ``rank``."""
        return self.visits.device

    def __len__(self) -> int:
        return len(self.visits)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Order):
            return NotImplemented
        return self.event_shape == other.event_shape and torch.equal(self.visits.cpu(), other.visits.cpu())

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        # reading numbers from a GPU waits for it
        return hash((self.event_shape, tuple(self.visits[:16].tolist())))

    def __repr__(self) -> str:
        return f"Order(event_shape={self.event_shape}, visits={self._visits_in_words()})"

    def _visits_in_words(self) -> str:
        shown = self.visits.tolist() if len(self) <= MAX_REPR_VISITS else self.visits[: MAX_REPR_VISITS // 2].tolist()
        return str(shown) if len(shown) == len(self) else f"[{', '.join(map(str, shown))}, ..., {int(self.visits[-1])}]"

    def _repr_html_(self) -> str:
        """A picture of the ranks, for notebooks."""
        return rank_picture(self.rank.cpu().numpy())

    def to(self, device: torch.device | str) -> Order:
        """The same order on a device."""
        return self if self.visits.device == torch.device(device) else Order(self.visits.to(device), self.event_shape)

    # --- the rule ---------------------------------------------------------------------------------------------------

    def causal_mask(self, *, include_self: bool = False) -> Bool[Tensor, "n n"]:
        """Whether coefficient ``i`` (row) may depend on coefficient ``j`` (column): ``rank[j] < rank[i]``.

        ``include_self=True`` gives ``<=``, for the layers after one that was already strict (mask B of PixelCNN).
        """
        rank = self.rank.flatten()
        return may_see(rank[None, :], rank[:, None], strict=not include_self)

    def mask_before(self, t: int | Int[Tensor, " batch"]) -> Bool[Tensor, "..."]:
        """The coefficients visited before step ``t``: ``(*event)``, or ``(batch, *event)`` for a step per example."""
        if isinstance(t, int):
            return may_see(self.rank, self.rank.new_tensor(t))
        return may_see(self.rank, t.reshape(-1, *[1] * len(self.event_shape)))

    def evidence_before(self, x: Shaped[Tensor, "batch *event"], t: int | Int[Tensor, " batch"]) -> Evidence:
        """The coefficients of ``x`` visited before step ``t`` (one step, or one per example), as evidence.

        >>> Order.raster((3,)).evidence_before(torch.tensor([[5.0, 6.0, 7.0]]), 2).value
        tensor([[5., 6., 0.]])
        """
        return Evidence(self.mask_before(t).expand(x.shape), x)

    def observed_first(self, mask: Bool[Tensor, "*event"]) -> Order:
        """The same order with the coefficients of ``mask`` moved to the front.

        >>> Order.raster((4,)).observed_first(torch.tensor([False, True, False, True])).visits
        tensor([1, 3, 0, 2])
        """
        observed = mask.flatten()[self.visits]
        return Order(torch.cat([self.visits[observed], self.visits[~observed]]), self.event_shape)

    # --- axis permutations and flips --------------------------------------------------------------------------------

    def permute(self, axes: tuple[int, ...]) -> Order:
        """The order of the event whose axes are permuted as by ``Tensor.permute``."""
        return Order.from_rank(self.rank.permute(axes))

    def flip(self, axes: tuple[int, ...]) -> Order:
        """The order of the event whose ``axes`` are reversed as by ``Tensor.flip``."""
        return Order.from_rank(self.rank.flip(axes))

    @cached_property
    def raster_view(self) -> RasterView | None:
        """The flips and the axis permutation that turn this order into the raster order, or None if none do.

        Through the view a network for raster order serves all ``d! * 2^d`` such orders.

        >>> Order.raster((2, 3)).permute((1, 0)).raster_view
        RasterView(flips=(), axes=(1, 0))
        """
        shape = self.event_shape
        corner = (self.rank == 0).nonzero()[0]
        flips = tuple(a for a, c in enumerate(corner) if c > 0)
        rank = self.rank.flip(flips)
        long_axes = [a for a in range(len(shape)) if shape[a] > 1]
        strides = {a: int(rank[tuple(int(a == b) for b in range(len(shape)))]) for a in long_axes}
        outermost_first = iter(sorted(long_axes, key=lambda a: -strides[a]))
        axes = tuple(next(outermost_first) if a in strides else a for a in range(len(shape)))
        found = torch.equal(rank.permute(axes).flatten().cpu(), torch.arange(len(self)))
        return RasterView(flips, axes) if found else None


@dataclass(frozen=True)
class RasterView:
    """Flips of some axes, then a permutation of all, that turn an order into the raster order."""

    flips: tuple[int, ...]
    axes: tuple[int, ...]

    def event_shape(self, event_shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the event after the view."""
        return tuple(event_shape[a] for a in self.axes)

    def apply(self, x: Shaped[Tensor, "batch ..."]) -> Shaped[Tensor, "batch ..."]:
        """``(batch, *event, ...)`` flipped and permuted."""
        rest = range(len(self.axes) + 1, x.ndim)
        return x.flip([a + 1 for a in self.flips]).permute(0, *[a + 1 for a in self.axes], *rest)

    def undo(self, x: Shaped[Tensor, "batch ..."]) -> Shaped[Tensor, "batch ..."]:
        """The inverse of ``apply``."""
        rest = range(len(self.axes) + 1, x.ndim)
        back = sorted(range(len(self.axes)), key=lambda a: self.axes[a])
        return x.permute(0, *[a + 1 for a in back], *rest).flip([a + 1 for a in self.flips])
