"""The Hilbert curve, generalized to rectangles of any size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from tensorar import Ordering
from tensorar_plugins.orderings.matrix import matrix_sides


@dataclass(frozen=True, kw_only=True)
class Hilbert(Ordering):
    """A Hilbert curve through a matrix of any size: coefficients close in the order are close in the matrix.

    >>> Hilbert().visits((2, 2))
    tensor([0, 2, 3, 1])
    """

    name = "hilbert"

    def visits(self, event_shape: tuple[int, ...]) -> Int[Tensor, " n"]:
        rows, columns = matrix_sides(self, event_shape)
        along_rows = rows > columns
        a, b = ((0, rows), (columns, 0)) if along_rows else ((columns, 0), (0, rows))
        return torch.tensor([y * columns + x for x, y in _curve((0, 0), a, b)])


Vector = tuple[int, int]


def _curve(at: Vector, a: Vector, b: Vector) -> Iterator[Vector]:
    """Fill the rectangle spanned by ``a`` (the main direction of the curve) and ``b`` from the corner ``at``.

    The generalized Hilbert recursion of J. Cerveny ("gilbert"): split a long rectangle in two, and a nearly square one
    into three. Halves are made even if possible, so that the pieces meet.
    """
    width, height = abs(sum(a)), abs(sum(b))
    if height == 1 or width == 1:
        step = _unit(a) if height == 1 else _unit(b)
        yield from (_plus(at, (step[0] * i, step[1] * i)) for i in range(max(width, height)))
        return
    if 2 * width > 3 * height:
        half = _even_half(a)
        yield from _curve(at, half, b)
        yield from _curve(_plus(at, half), _minus(a, half), b)
        return
    half = _even_half(b)
    half_a = (a[0] // 2, a[1] // 2)
    far = _plus(_plus(at, _minus(a, _unit(a))), _minus(half, _unit(b)))
    yield from _curve(at, half, half_a)
    yield from _curve(_plus(at, half), a, _minus(b, half))
    yield from _curve(far, _minus((0, 0), half), _minus(half_a, a))


def _even_half(v: Vector) -> Vector:
    half = (v[0] // 2, v[1] // 2)
    return _plus(half, _unit(v)) if abs(sum(half)) % 2 and abs(sum(v)) > 2 else half


def _unit(v: Vector) -> Vector:
    return ((v[0] > 0) - (v[0] < 0), (v[1] > 0) - (v[1] < 0))


def _plus(u: Vector, v: Vector) -> Vector:
    return u[0] + v[0], u[1] + v[1]


def _minus(u: Vector, v: Vector) -> Vector:
    return u[0] - v[0], u[1] - v[1]
