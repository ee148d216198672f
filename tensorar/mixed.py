"""Values of several kinds side by side, such as the columns of a table: their distributions and transforms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int, Real, Shaped
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.distributions.constraints import Constraint
from torch.distributions.transforms import Transform

from tensorar.transforms import DataDistribution
from tensorar.utils.precision import widened


@dataclass(frozen=True, eq=False)
class Pieces:
    """The entries of the last axes of a tensor, grouped by kind.

    ``shape`` is that of these axes, ``kinds`` are the numbers of the kinds that occur (of no entries: the first),
    ``places`` the flat indices of the entries of each.
    """

    shape: torch.Size
    kinds: tuple[int, ...]
    places: tuple[Int[Tensor, " _"], ...]

    @classmethod
    def of(cls, kind: Int[Tensor, "*shape"]) -> Pieces:
        """The pieces of entries of these kinds."""
        # of no entries, one empty piece
        kinds = tuple(kind.unique().tolist()) or (0,)
        return cls(kind.shape, kinds, tuple((kind.flatten() == one).nonzero()[:, 0] for one in kinds))

    def take(self, values: Shaped[Tensor, "..."], trailing: int = 0) -> list[Shaped[Tensor, "..."]]:
        """The entries of each piece, ``(*batch, k, *trailing)``, of values ``(*batch, *shape, *trailing)``."""
        lead = values.ndim - len(self.shape) - trailing
        flat = values.reshape(*values.shape[:lead], self.shape.numel(), *values.shape[values.ndim - trailing :])
        return [flat] if len(self.places) == 1 else [flat.index_select(lead, places) for places in self.places]

    def join(self, parts: Sequence[Shaped[Tensor, "..."]], trailing: int = 0) -> Shaped[Tensor, "..."]:
        """Undo ``take``."""
        axis = parts[0].ndim - 1 - trailing
        joined = parts[0] if len(parts) == 1 else torch.cat(list(parts), axis).index_select(axis, self._inverse)
        return joined.reshape(*joined.shape[:axis], *self.shape, *joined.shape[axis + 1 :])

    @cached_property
    def _inverse(self) -> Tensor:
        return torch.cat(self.places).argsort()


class Mixed(Distribution):
    """Independent distributions of several kinds; ``parts`` are those of the pieces, over ``(*batch, k)`` each."""

    arg_constraints: dict[str, Constraint] = {}  # noqa: RUF012 (torch's own form)

    def __init__(self, parts: Sequence[Distribution], pieces: Pieces) -> None:
        self.parts, self.pieces = list(parts), pieces
        super().__init__(torch.Size((*parts[0].batch_shape[:-1], *pieces.shape)), validate_args=False)

    @property
    def support(self) -> Constraint:
        """The common support, or every value of any kind."""
        return union(*[part.support for part in self.parts if part.support is not None])

    def log_prob(self, value: Real[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The log-likelihood of each value by itself; that of a value of another kind is minus infinity."""
        value = value.expand(torch.broadcast_shapes(value.shape, self.batch_shape))
        each = zip(self.parts, self.pieces.take(value), strict=True)
        return self.pieces.join([_log_prob(part, some) for part, some in each])

    def sample(self, sample_shape: Sequence[int] = ()) -> Real[Tensor, "..."]:
        """Samples of each value by itself."""
        return self._join([part.sample(torch.Size(sample_shape)) for part in self.parts])

    @property
    def mean(self) -> Float[Tensor, "..."]:
        """The mean of each value."""
        return self._join([part.mean for part in self.parts])

    @property
    def variance(self) -> Float[Tensor, "..."]:
        """The variance of each value."""
        return self._join([part.variance for part in self.parts])

    def _join(self, parts: Sequence[Tensor]) -> Tensor:
        # of whole numbers alone: those of a categorical distribution
        floating = [part.dtype for part in parts if part.is_floating_point()] or [parts[0].dtype]
        dtype = max(floating, key=lambda dtype: dtype.itemsize)
        return self.pieces.join([part.to(dtype) for part in parts])


def _log_prob(part: Distribution, value: Tensor) -> Tensor:
    support = part.support
    if support is None or not support.is_discrete or not value.numel():
        return part.log_prob(value)
    # an enumeration of the values of all kinds comes here with some that this kind does not have
    inside = support.check(value)
    nats = part.log_prob(torch.where(inside, value, torch.zeros_like(value)))
    return torch.where(inside, nats, torch.where(value.isnan(), torch.nan, -torch.inf))


class MixedTransform(Transform):
    """A transform for each kind of values, in float64; None for values that stay as they are."""

    domain = codomain = constraints.real
    bijective = True
    sign = 1

    def __init__(self, parts: Sequence[Transform | None], pieces: Pieces) -> None:
        super().__init__()
        self.parts, self.pieces = list(parts), pieces

    def _call(self, x: Real[Tensor, "..."]) -> Float[Tensor, "..."]:
        each = zip(self.parts, self.pieces.take(self._expanded(x)), strict=True)
        return self.pieces.join([widened(some) if part is None else part(some) for part, some in each])

    def _inverse(self, y: Real[Tensor, "..."]) -> Float[Tensor, "..."]:
        each = zip(self.parts, self.pieces.take(self._expanded(y)), strict=True)
        return self.pieces.join([widened(some) if part is None else part.inv(some) for part, some in each])

    def log_abs_det_jacobian(self, x: Real[Tensor, "..."], y: Real[Tensor, "..."]) -> Float[Tensor, "..."]:
        """By how much each value is stretched; 0 for values that stay as they are."""
        found = []
        for part, a, b in zip(self.parts, *(self.pieces.take(self._expanded(v)) for v in (x, y)), strict=True):
            zeros = torch.zeros_like(widened(a))
            found.append(zeros if part is None else zeros + part.log_abs_det_jacobian(a, b))
        return self.pieces.join(found)

    def _expanded(self, values: Tensor) -> Tensor:
        return values.expand(torch.broadcast_shapes(values.shape, self.pieces.shape))


def in_data_units(standard: Distribution, transform: Transform | None) -> Distribution:
    """A distribution of standard values, as one of the data's values."""
    if transform is None:
        return standard
    if isinstance(standard, Mixed) and isinstance(transform, MixedTransform):
        each = zip(standard.parts, transform.parts, strict=True)
        return Mixed([in_data_units(part, own) for part, own in each], standard.pieces)
    return DataDistribution(standard, transform)


class Union(Constraint):
    """The values of any of several supports, of which some are of real numbers."""

    def __init__(self, supports: Sequence[Constraint]) -> None:
        self.supports = supports
        super().__init__()

    def check(self, value: Real[Tensor, "*shape"]) -> Bool[Tensor, "*shape"]:
        """Whether each value lies in one of them."""
        return torch.stack([support.check(value) for support in self.supports]).any(0)


def union(*supports: Constraint) -> Constraint:
    """The support of values that each have one of these; whole numbers, if all of them are."""
    if all(support is supports[0] for support in supports):
        return supports[0]
    if not all(support.is_discrete for support in supports):
        return constraints.real if constraints.real in supports else Union(supports)
    highest = [1 if s is constraints.boolean else getattr(s, "upper_bound", None) for s in supports]
    bounded = [int(high) for high in highest if high is not None]
    return (
        constraints.integer_interval(0, max(bounded))
        if len(bounded) == len(highest)
        else constraints.nonnegative_integer
    )
