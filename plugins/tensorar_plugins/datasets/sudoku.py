"""Sudoku: grids to learn the rules from, and puzzles with one solution to complete."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from random import Random

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from tensorar import Dataset, SpecError, Splits
from tensorar_plugins.datasets.seeded_streams import stream
from tensorar_plugins.datasets.sudoku_solver import SudokuRules

SIZES = (4, 9)
# by size: fewer clues never have a unique solution (9 x 9: McGuire, Tugemann, Civario 2014)
MIN_CLUES, DEFAULT_CLUES = {4: 4, 9: 17}, {4: 4, 9: 30}
DEFAULT_TRAIN = {4: 192, 9: 20_000}
# 9 x 9 grids of a split that are found by search; the others are symmetric to one of them
FILLS = 500


@dataclass(frozen=True, kw_only=True)
class Sudoku(Dataset):
    """Complete Sudoku grids of 4 x 4 or 9 x 9 values from 0; clues with a unique solution are the evidence.

    4 x 4: the 288 grids in random order, the first ones for training, the others for validation and test in halves,
    each as often as there are puzzles. 9 x 9: grids filled in at random, then transformed by a random symmetry
    (relabeled values, permuted rows, columns, bands and stacks, transposition). Clues: cells are emptied in random
    order as long as the solution is unique; 9 x 9 puzzles may keep more than ``clues`` where that is below about 25.

    Options:
        size: Number of rows, columns and values: 4 or 9.
        clues: Number of clues of a puzzle (none: 4 for 4 x 4, the fewest possible, and 30 for 9 x 9).
        train_grids: Number of training grids (none: 192 of 4 x 4, 20000 of 9 x 9).
        valid_puzzles: Number of validation puzzles.
        test_puzzles: Number of test puzzles.
        seed: Seed of the grids and of the clues.
    """

    name = "sudoku"
    size: int = 4
    clues: int | None = None
    train_grids: int | None = None
    valid_puzzles: int = 100
    test_puzzles: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise _out_of_range("size", "4 or 9", self.size)
        fewest, cells = MIN_CLUES[self.size], self.size**2
        if self.clues is not None and not fewest <= self.clues < cells:
            raise _out_of_range("clues", f"from {fewest} to {cells - 1}", self.clues)
        for option, count in (("valid_puzzles", self.valid_puzzles), ("test_puzzles", self.test_puzzles)):
            if count < 1:
                raise _out_of_range(option, "at least 1", count)
        if self._train < 1 or (self.size == 4 and self._train > 286):
            raise _out_of_range(
                "train_grids", "from 1 to 286 of the 288 grids" if self.size == 4 else "at least 1", self._train
            )

    @property
    def _train(self) -> int:
        return DEFAULT_TRAIN[self.size] if self.train_grids is None else self.train_grids

    @cached_property
    def _rules(self) -> SudokuRules:
        return SudokuRules(self.size)

    @property
    def suggested_head(self) -> str:
        return f"categorical:levels={self.size},one_hot=true"

    @property
    def axes(self) -> tuple[str, ...]:
        return "row", "column"

    def load(self) -> Splits:
        sizes = {"train": self._train, "valid": self.valid_puzzles, "test": self.test_puzzles}
        if self.size == 4:
            return Splits(**self._small(sizes))
        return Splits(**{name: self._transformed(name, n) for name, n in sizes.items()})

    def evidence_mask(self, split: str, rows: Int[Tensor, " n"]) -> Bool[Tensor, "n *event"]:
        clues = DEFAULT_CLUES[self.size] if self.clues is None else self.clues
        grids = getattr(self, split)[rows].flatten(1).tolist()
        masks = [
            self._rules.puzzle(grid, clues, Random(f"{self.seed} {split} {row}"))
            for grid, row in zip(grids, rows.tolist(), strict=True)
        ]
        return torch.tensor(masks, dtype=torch.bool).reshape(-1, self.size, self.size)

    def _small(self, sizes: dict[str, int]) -> dict[str, Tensor]:
        """All grids of 4 x 4, dealt out to the splits and repeated as needed."""
        grids = torch.tensor(list(self._rules.solutions([-1] * 16))).reshape(-1, 4, 4)
        grids = grids[torch.randperm(len(grids), generator=stream(self.seed, "sudoku 4"))]
        held_out = grids[self._train :]
        pools = {"train": grids[: self._train], "valid": held_out[::2], "test": held_out[1::2]}
        return {name: pools[name][torch.arange(n) % len(pools[name])] for name, n in sizes.items()}

    def _transformed(self, split: str, n: int) -> Int[Tensor, "n 9 9"]:
        """Random symmetries of grids that are filled in at random."""
        random, generator = Random(f"{self.seed} {split}"), stream(self.seed, f"sudoku 9 {split}")
        fills = torch.tensor([self._rules.random_grid(random) for _ in range(min(n, FILLS))]).reshape(-1, 9, 9)
        grids = fills[torch.arange(n) % len(fills)]
        rows, columns = (self._lines(n, generator) for _ in range(2))
        grids = grids.take_along_dim(rows[:, :, None], 1).take_along_dim(columns[:, None, :], 2)
        grids = torch.where((torch.rand(n, generator=generator) < 0.5)[:, None, None], grids, grids.mT)
        values = torch.rand(n, 9, generator=generator).argsort(1)
        return values.gather(1, grids.flatten(1)).reshape(-1, 9, 9)

    def _lines(self, n: int, generator: torch.Generator) -> Int[Tensor, "n size"]:
        """Random permutations of the rows or columns that keep bands together."""
        side = math.isqrt(self.size)
        bands = torch.rand(n, side, 1, generator=generator).argsort(1)
        within = torch.rand(n, side, side, generator=generator).argsort(2)
        return (bands * side + within).flatten(1)


def _out_of_range(option: str, valid: str, value: int) -> SpecError:
    return SpecError(expected=f"{option} of sudoku to be {valid}", got=str(value), remedy="choose such a number")
