"""Sudoku: grids that follow the rules, and puzzles with one solution."""

import itertools
from random import Random

import pytest
import torch

from tensorar import SpecError, load_dataset
from tensorar_plugins.datasets.sudoku_solver import SudokuRules

EMPTY = [-1] * 16


def _follows_the_rules(grid):
    size = len(grid)
    side, values = {4: 2, 9: 3}[size], set(range(size))
    boxes = [
        {int(grid[i + di, j + dj]) for di in range(side) for dj in range(side)}
        for i, j in itertools.product(range(0, size, side), repeat=2)
    ]
    return all(unit == values for unit in [*(set(line.tolist()) for line in [*grid, *grid.T]), *boxes])


def test_there_are_288_small_grids():
    grids = list(SudokuRules(4).solutions(EMPTY))
    assert len(grids) == len({tuple(grid) for grid in grids}) == 288
    assert all(_follows_the_rules(torch.tensor(grid).reshape(4, 4)) for grid in grids)


def test_solutions_agree_with_the_list_of_all_grids():
    rules, random = SudokuRules(4), Random(0)
    grids = list(rules.solutions(EMPTY))
    for _ in range(50):
        clues = random.sample(range(16), random.randint(0, 6))
        grid = random.choice(grids)
        puzzle = [grid[cell] if cell in clues else -1 for cell in range(16)]
        expected = [other for other in grids if all(other[cell] == grid[cell] for cell in clues)]
        assert sorted(rules.solutions(puzzle)) == sorted(expected)
    assert list(rules.solutions([0, 0] + [-1] * 14)) == []


def test_a_published_puzzle_is_solved():
    # the first of Project Euler's problem 96
    text = "003020600900305001001806400008102900700000008006708200002609500800203009005010300"
    (solution,) = SudokuRules(9).solutions([int(digit) - 1 for digit in text])
    assert "".join(str(value + 1) for value in solution[:9]) == "483921657"
    assert _follows_the_rules(torch.tensor(solution).reshape(9, 9))


@pytest.mark.parametrize(("options", "clues"), [({}, 4), ({"clues": 7}, 7), ({"size": 9, "train_grids": 3}, 30)])
def test_puzzles_have_one_solution(options, clues):
    data = load_dataset("sudoku", valid_puzzles=1, test_puzzles=3, **options)
    rows = torch.tensor([2, 0])
    mask, rules = data.evidence_mask("test", rows), SudokuRules(data.size)
    assert mask.flatten(1).sum(1).tolist() == [clues] * 2
    for grid, known in zip(data.test[rows], mask, strict=True):
        (solution,) = rules.solutions(torch.where(known, grid, -1).flatten().tolist())
        assert solution == grid.flatten().tolist()
    assert torch.equal(data.evidence_mask("test", rows[:1]), mask[:1])
    for split in (data.train, data.valid, data.test):
        assert all(_follows_the_rules(grid) for grid in split)


def test_small_grids_of_the_splits_are_disjoint():
    data = load_dataset("sudoku")
    train, valid, test = (
        {tuple(grid.flatten().tolist()) for grid in split} for split in (data.train, data.valid, data.test)
    )
    assert (len(train), len(valid), len(test)) == (192, 48, 48)
    assert not train & valid and not train & test and not valid & test
    other = load_dataset("sudoku", seed=1)
    assert not torch.equal(other.train, data.train)


def test_the_seed_decides_large_grids():
    one, same, other = (
        load_dataset("sudoku", size=9, train_grids=3, valid_puzzles=1, test_puzzles=1, seed=seed).train
        for seed in (0, 0, 1)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(
    "options", [{"size": 6}, {"clues": 3}, {"clues": 16}, {"train_grids": 287}, {"test_puzzles": 0}]
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(SpecError, match=next(iter(options))):
        load_dataset("sudoku", **options)
