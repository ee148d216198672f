"""Event shapes to try one by one: every small one, and some of 40 and of 200 coefficients."""

from __future__ import annotations

import itertools

from tensorar.testing.kinds import Shape
from tensorar.testing.part_under_test import PartUnderTest

SHAPES_OF_40: tuple[Shape, ...] = ((40,), (5, 8), (8, 5), (1, 40), (40, 1), (2, 4, 5), (1, 5, 8), (2, 5, 1, 4))
SHAPES_OF_200: tuple[Shape, ...] = ((200,), (10, 20), (20, 10), (2, 10, 10), (5, 1, 40), (2, 5, 4, 5))
MAX_SIZE = 7
# of three and more axes, which have most of the shapes
SOME_SIZES = {"quick": {3: (1, 2, 3, 5, 7), 4: (1, 2, 4, 7)}, "thorough": {}}


def small_shapes(part: PartUnderTest) -> list[Shape]:
    """Shapes of 0 to 4 axes with sizes up to 7 (the given ones if any are): all, or all of up to two axes."""
    if part.shapes is not None:
        return list(part.shapes)
    some = SOME_SIZES[part.profile.name]
    axes = [some.get(rank, range(1, MAX_SIZE + 1)) for rank in range(5)]
    return [shape for rank, sizes in enumerate(axes) for shape in itertools.product(sizes, repeat=rank)]


def large_shapes(part: PartUnderTest) -> list[Shape]:
    """Shapes of 40 and of 200 coefficients (the given ones if any are)."""
    return list(part.shapes or (*SHAPES_OF_40, *SHAPES_OF_200))
