"""What an ordering must be: a permutation of every shape that it takes, and always the same."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from tensorar.errors import ShapeError
from tensorar.ordering import Ordering
from tensorar.testing.check import CheckFailed, for_all, told
from tensorar.testing.generate.cases import Shape, Subject, some_shapes

# as many coefficients as a small volume has, in shapes of several ranks
LARGE: tuple[Shape, ...] = ((100_000,), (317, 316), (3, 182, 183), (10, 10, 10, 10, 10), (1, 100_000, 1))
MIDDLE: tuple[Shape, ...] = ((2000,), (44, 45), (3, 25, 26), (5, 5, 4, 4, 5), (1, 2000, 1))
# numbers in one tensor, and bytes outside of tensors, per coefficient: coordinates along the axes are few
NUMBERS, BYTES = 64, 1000


@dataclass(frozen=True)
class _Shaped:
    event_shape: Shape

    @property
    def words(self) -> str:
        return f"shape {self.event_shape}"


def permutation(subject: Subject) -> None:
    """Each coefficient is visited once, in every shape that is taken."""
    ordering = subject.make()

    def test(case: _Shaped) -> None:
        if visits_of(ordering, case.event_shape) is None:
            return
        require_permutation(ordering.visits(case.event_shape), case.event_shape)

    for_all(some_shapes(subject, 24).map(_Shaped), test, examples=8 * subject.profile.examples)
    for shape in subject.shapes or ((), (1,), (5,), (1, 1), (2, 3), (1, 4, 1), (2, 3, 2), (2, 1, 3, 2)):
        if visits_of(ordering, shape) is not None:
            require_permutation(ordering.visits(shape), shape)


def takes_some_shape(subject: Subject) -> None:
    """At least one shape is taken; the others are refused with a ``ShapeError``, each time alike."""
    ordering, taken = subject.make(), 0

    def test(case: _Shaped) -> None:
        nonlocal taken
        first = visits_of(ordering, case.event_shape)
        refused = [_refused(call, case.event_shape) for call in (ordering.visits, ordering.order, ordering.draw)]
        if len({first is None, *refused}) != 1:
            raise CheckFailed("visits, order and draw differ in whether they take it")
        taken += first is not None

    for_all(some_shapes(subject, 24).map(_Shaped), test, examples=4 * subject.profile.examples)
    if not taken and not any(visits_of(ordering, shape) is not None for shape in MIDDLE):
        raise CheckFailed("no shape is taken; name some in shapes=")


def the_same_each_time(subject: Subject) -> None:
    """The order of likelihoods and samples follows from options and shape alone; a fixed ordering draws no other."""

    def test(case: _Shaped) -> None:
        shape, one, other = case.event_shape, subject.make(), subject.make()
        if visits_of(one, shape) is None:
            return
        torch.manual_seed(1)
        first = one.visits(shape).clone()
        torch.manual_seed(2)
        if not torch.equal(one.visits(shape), first) or not torch.equal(other.visits(shape), first):
            raise CheckFailed("visits gives another order when asked again")
        drawn = [one.draw(shape, torch.Generator().manual_seed(seed)) for seed in range(3)]
        if one.fixed and any(order != one.order(shape) for order in drawn):
            raise CheckFailed("draw gives another order than visits though fixed is True")

    for_all(some_shapes(subject, 24).map(_Shaped), test, examples=4 * subject.profile.examples)


def linear_memory(subject: Subject) -> None:
    """A hundred thousand coefficients take memory in proportion, and are visited once each."""
    ordering = subject.make()
    # the smaller first: what is quadratic would fill the machine with the larger
    large = LARGE if subject.profile.name == "thorough" else LARGE[1:4]
    for shape in (*MIDDLE, *large) if subject.shapes is None else ():
        visits = _visits_in_linear_memory(ordering, shape) if shape in MIDDLE else visits_of(ordering, shape)
        if visits is not None:
            require_permutation(visits, shape)


# --- what the checks share -------------------------------------------------------------------------------------------


def _visits_in_linear_memory(ordering: Ordering, shape: Shape) -> Tensor | None:
    n = math.prod(shape)
    # what is imported and kept on the way is no memory of the order
    with _Largest():
        visits_of(ordering, shape)
    tracemalloc.start()
    try:
        with _Largest() as largest:
            visits = visits_of(ordering, shape)
        outside = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    if largest.size > NUMBERS * n:
        raise CheckFailed(f"a tensor of {largest.size} numbers is made for {n} coefficients (shape {shape})")
    if outside > BYTES * n:
        raise CheckFailed(f"{outside} bytes are taken for {n} coefficients (shape {shape})")
    return visits


class _Largest(TorchFunctionMode):
    """The size of the largest tensor that is made inside."""

    size = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else (made,):
            if isinstance(tensor, Tensor):
                self.size = max(self.size, tensor.numel())
        return made


def visits_of(ordering: Ordering, shape: Shape) -> Tensor | None:
    """The visits, or None for a shape that is refused."""
    try:
        return ordering.visits(shape)
    except ShapeError:
        return None
    except Exception as error:
        raise CheckFailed(f"shape {shape} {told(error)}, where a ShapeError would refuse it") from error


def _refused(call: Callable[[Shape], object], shape: Shape) -> bool:
    try:
        call(shape)
    except ShapeError:
        return True
    return False


def require_permutation(visits: Tensor, shape: Shape) -> None:
    """Raise ``CheckFailed`` where a coefficient is not visited, or not once."""
    n = math.prod(shape)
    if tuple(visits.shape) != (n,) or visits.is_floating_point():
        raise CheckFailed(
            f"{n} integers are wanted, {visits.dtype} of shape {tuple(visits.shape)} came (shape {shape})"
        )
    counts = visits.long().clamp(-1, n).add(1).bincount(minlength=n + 2)
    if counts[0] or counts[n + 1]:
        raise CheckFailed(f"flat indices outside 0 .. {n - 1} are visited (shape {shape})")
    if (counts[1:-1] != 1).any():
        coefficient = int((counts[1:-1] != 1).nonzero()[0])
        times = int(counts[1 + coefficient])
        raise CheckFailed(f"coefficient {coefficient} (flat index) is visited {times} times (shape {shape})")


def some_taken(ordering: Ordering, subject: Subject) -> list[Shape]:
    """A few shapes that the ordering takes."""
    shapes = subject.shapes or ((3,), (6,), (2, 3), (4, 4), (2, 2, 3), (2, 1, 3, 2))
    return [shape for shape in shapes if visits_of(ordering, shape) is not None]
