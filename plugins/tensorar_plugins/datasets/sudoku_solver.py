"""Sudoku grids and puzzles: an exact solver, random grids, and clues with a unique solution."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from random import Random


@dataclass(frozen=True)
class SudokuRules:
    """The rules for grids of ``size`` rows, a square: each row, column and box holds each of ``0 .. size - 1`` once.

    A grid is a list of ``size * size`` values, row by row, -1 for an empty cell; sets of values are bit masks.
    """

    size: int

    @cached_property
    def units(self) -> list[tuple[int, int, int]]:
        """The row, the column and the box of each cell, numbered together."""
        side, cells = math.isqrt(self.size), product(range(self.size), repeat=2)
        return [(row, self.size + col, 2 * self.size + row // side * side + col // side) for row, col in cells]

    def solutions(self, grid: Sequence[int], random: Random | None = None) -> Iterator[list[int]]:
        """All completions of a grid, in random order if ``random`` is given."""
        free = [(1 << self.size) - 1] * (3 * self.size)
        for cell, value in enumerate(grid):
            if value >= 0:
                if not all(free[unit] >> value & 1 for unit in self.units[cell]):
                    return
                self._toggle(free, cell, value)
        yield from self._search(list(grid), free, random)

    def random_grid(self, random: Random) -> list[int]:
        """A complete grid, found by a search that tries values in random order."""
        return next(self.solutions([-1] * self.size**2, random))

    def puzzle(self, grid: Sequence[int], clues: int, random: Random) -> list[bool]:
        """Which cells of a complete grid are clues: cells are emptied in random order as long as one solution is left.

        Where that ends before only ``clues`` are left, it is tried again; the fewest clues of 20 attempts are kept.
        """
        attempts = (self._emptied(grid, clues, random) for _ in range(20))
        best = list(grid)
        for attempt in attempts:
            best = min(best, attempt, key=_count)
            if _count(best) == clues:
                break
        return [value >= 0 for value in best]

    def _emptied(self, grid: Sequence[int], clues: int, random: Random) -> list[int]:
        left = list(grid)
        for cell in random.sample(range(len(left)), len(left)):
            if _count(left) == clues:
                break
            if self._is_implied(left, cell):
                left[cell] = -1
        return left

    def _is_implied(self, grid: list[int], cell: int) -> bool:
        """Whether no other value of the cell leads to a solution, given the other clues."""
        others = ([*grid[:cell], value, *grid[cell + 1 :]] for value in range(self.size) if value != grid[cell])
        return not any(any(True for _ in self.solutions(other)) for other in others)

    def _search(self, grid: list[int], free: list[int], random: Random | None) -> Iterator[list[int]]:
        """All completions, given the values that are free in each unit: the cell with the fewest candidates first."""
        candidates = {cell: self._candidates(free, cell) for cell, value in enumerate(grid) if value < 0}
        if not candidates:
            yield list(grid)
            return
        cell = min(candidates, key=lambda cell: candidates[cell].bit_count())
        values = [value for value in range(self.size) if candidates[cell] >> value & 1]
        if random is not None:
            random.shuffle(values)
        for value in values:
            grid[cell] = value
            self._toggle(free, cell, value)
            yield from self._search(grid, free, random)
            self._toggle(free, cell, value)
            grid[cell] = -1

    def _candidates(self, free: list[int], cell: int) -> int:
        row, column, box = self.units[cell]
        return free[row] & free[column] & free[box]

    def _toggle(self, free: list[int], cell: int, value: int) -> None:
        for unit in self.units[cell]:
            free[unit] ^= 1 << value


def _count(grid: Sequence[int]) -> int:
    return sum(value >= 0 for value in grid)
