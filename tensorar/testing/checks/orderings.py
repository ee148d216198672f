"""Properties of orderings: a permutation of the coefficients for every accepted shape, in linear memory."""

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
from tensorar.testing.generate.many_shapes import large_shapes, small_shapes
from tensorar.testing.generate.option_values import with_each_choice
from tensorar.testing.generate.part_cases import some_shapes
from tensorar.testing.kinds import Shape
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.properties import for_all
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped, describe_error

# the number of coefficients of a small volume
SHAPES_OF_100_000: tuple[Shape, ...] = ((100_000,), (317, 316), (3, 182, 183), (10, 10, 10, 10, 10), (1, 100_000, 1))
FEW_SHAPES: tuple[Shape, ...] = (
    *((3,), (6,), (2, 3), (4, 4), (2, 2, 3), (2, 1, 3, 2)),
    *((40,), (5, 8), (10, 20), (2, 5, 4, 5)),
)
SHAPES_OF_2000: tuple[Shape, ...] = ((2000,), (44, 45), (3, 25, 26), (5, 5, 4, 4, 5), (1, 2000, 1))
# per coefficient: elements of the largest tensor, and bytes outside of tensors
MAX_ELEMENTS, MAX_BYTES = 64, 1000


@dataclass(frozen=True)
class Shaped:
    """A shape as a case for ``for_all``."""

    event_shape: Shape

    @property
    def description(self) -> str:
        """The shape in words."""
        return f"shape {self.event_shape}"


@check("ordering")
def permutation(part: PartUnderTest) -> None:
    """Each coefficient is visited once, in every shape that the ordering takes, with each choice of an option."""
    tested, ordering = 0, part.instance
    drawn = some_shapes(part, 24)

    def test(shape: Shape) -> None:
        require_permutation_of(ordering, shape)

    for_all(drawn, test, examples=4 * part.profile.examples)
    for options, variant in with_each_choice(part):
        shapes = [*(part.shapes or FEW_SHAPES)] if options else [*small_shapes(part), *large_shapes(part)]
        tested += sum(require_permutation_of(variant.make(), shape, options) for shape in shapes)
    if not tested:
        raise CheckSkipped("none of the shapes tried is taken; name some in shapes=")


@check("ordering", base=True)
def takes_some_shape(part: PartUnderTest) -> None:
    """At least one shape is taken; others are refused with a ``ShapeError``."""
    ordering, taken = part.instance, 0

    def test(case: Shaped) -> None:
        nonlocal taken
        taken += visits_of(ordering, case.event_shape) is not None

    for_all(some_shapes(part, 24).map(Shaped), test, examples=2 * part.profile.examples)
    if not taken and not any(visits_of(ordering, shape) is not None for shape in SHAPES_OF_2000):
        raise CheckFailed("no shape is taken; name some in shapes=")


@check("ordering")
def methods_take_the_same_shapes(part: PartUnderTest) -> None:
    """``visits``, ``order``, ``orders`` and ``draw`` take the same shapes."""
    ordering: Ordering = part.instance
    methods = [ordering.visits, ordering.order, ordering.draw, *([ordering.orders] if ordering.ensemble else [])]

    def test(shape: Shape) -> None:
        if len({_refused(method, shape) for method in methods}) != 1:
            raise CheckFailed(f"only some of visits, order, orders and draw refuse the shape {shape}")

    for_all(some_shapes(part, 24), test, examples=2 * part.profile.examples)
    for shape in large_shapes(part):
        test(shape)


@check("ordering")
def linear_memory(part: PartUnderTest) -> None:
    """Memory grows linearly with the number of coefficients, up to a hundred thousand."""
    if part.shapes is not None:
        raise CheckSkipped("large shapes are not tried where shapes are given")
    ordering = part.instance
    # medium shapes first, since quadratic memory would fill the machine at the large ones
    large = SHAPES_OF_100_000 if part.profile.name == "thorough" else SHAPES_OF_100_000[1:4]
    for shape in (*SHAPES_OF_2000, *large):
        visits = _visits_in_linear_memory(ordering, shape) if shape in SHAPES_OF_2000 else visits_of(ordering, shape)
        if visits is not None:
            require_permutation(visits, shape)


# --- helpers ---------------------------------------------------------------------------------------------------------


def _visits_in_linear_memory(ordering: Ordering, shape: Shape) -> Tensor | None:
    n = math.prod(shape)
    # imports and caches of the first call do not count
    with _LargestTensor():
        visits_of(ordering, shape)
    tracemalloc.start()
    try:
        with _LargestTensor() as largest:
            visits = visits_of(ordering, shape)
        outside = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    if largest.size > MAX_ELEMENTS * n:
        raise CheckFailed(f"a tensor of {largest.size} elements is allocated for {n} coefficients (shape {shape})")
    if outside > MAX_BYTES * n:
        raise CheckFailed(f"{outside} bytes are allocated for {n} coefficients (shape {shape})")
    return visits


class _LargestTensor(TorchFunctionMode):
    """Measures the number of elements of the largest tensor that is made."""

    size = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else (made,):
            if isinstance(tensor, Tensor):
                self.size = max(self.size, tensor.numel())
        return made


def visits_of(ordering: Ordering, shape: Shape) -> Tensor | None:
    """The visits, or None for a refused shape."""
    try:
        return ordering.visits(shape)
    except ShapeError:
        return None
    except Exception as error:
        raise CheckFailed(f"shape {shape} {describe_error(error)}, expected a ShapeError") from error


def _refused(call: Callable[[Shape], object], shape: Shape) -> bool:
    try:
        call(shape)
    except ShapeError:
        return True
    return False


def where(shape: Shape, options: str) -> str:
    """A shape and options in words."""
    return f"(shape {shape}{', ' if options else ''}{options})"


def require_permutation_of(ordering: Ordering, shape: Shape, options: str = "") -> bool:
    """Whether the shape is taken. Raises ``CheckFailed`` unless each coefficient is visited once."""
    visits = visits_of(ordering, shape)
    if visits is not None:
        require_permutation(visits, shape, options)
    return visits is not None


def require_permutation(visits: Tensor, shape: Shape, options: str = "") -> None:
    """Raise ``CheckFailed`` where a coefficient is not visited exactly once."""
    n, of_what = math.prod(shape), where(shape, options)
    if tuple(visits.shape) != (n,) or visits.is_floating_point() or visits.dtype == torch.bool:
        raise CheckFailed(f"expected {n} integers, got {visits.dtype} of shape {tuple(visits.shape)} {of_what}")
    counts = visits.long().clamp(-1, n).add(1).bincount(minlength=n + 2)
    if counts[0] or counts[n + 1]:
        raise CheckFailed(f"flat indices outside 0 .. {n - 1} are visited {of_what}")
    if (counts[1:-1] != 1).any():
        coefficient = int((counts[1:-1] != 1).nonzero()[0])
        times = int(counts[1 + coefficient])
        raise CheckFailed(f"coefficient {coefficient} (flat index) is visited {times} times {of_what}")


def some_taken(part: PartUnderTest) -> list[Shape]:
    """A few shapes that the ordering takes, of 40 and of 200 coefficients too. Raises ``CheckSkipped`` if none is."""
    found = [shape for shape in part.shapes or FEW_SHAPES if visits_of(part.instance, shape) is not None]
    if not found:
        raise CheckSkipped("none of the shapes tried is taken; name some in shapes=")
    return found
