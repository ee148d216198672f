"""Dependencies and readers of the states of mirrored scans, and the step at which each state is computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from tensorar_plugins.backbones.masked_conv.taps import Ranks
from tensorar_plugins.backbones.pixel_rnn.scan_directions import scan_directions, shift_along

# cells whose gates are computed by one product; bounds memory where a scan goes through a whole slice
MAX_CELLS_PER_CALL = 64


class ReadySet(NamedTuple):
    """The computation at the start of step ``t``: states of some groups of a direction, at the cells of each stage."""

    t: int
    direction: int
    groups: tuple[int, ...]
    stages: list[list[int]]

    @property
    def cells(self) -> list[int]:
        """All cells, stage by stage."""
        return [cell for stage in self.stages for cell in stage]


class Read(NamedTuple):
    """The mirrored states that a group reads: their direction and group, and their ranks by cell, ``(cells)``."""

    direction: int
    group: int
    ranks: Tensor


class ScanDependencies:
    """Dependencies and readers of the mirrored scans of a grid, as ranks; -1 outside the grid.

    ``rank`` ``(groups, cells)`` are those of the coefficients; ``neighbor_ranks[direction]`` ``(taps, groups, cells)``
    those at the taps of a scan; ``reads[group]`` lists what a group reads.
    """

    def __init__(self, ranks: Ranks) -> None:
        self.directions = scan_directions(ranks)
        self.grid, self.rank = ranks.rank, ranks.rank.flatten(1)
        self.neighbor_ranks = [self._neighbors(mirror) for mirror in self.directions.mirrors]
        self.reads = [self._reads(group) for group in range(len(self.rank))]

    def _neighbors(self, mirror: tuple[int, ...]) -> Int[Tensor, "taps groups cells"]:
        """The ranks at every offset in the mirrored grid."""
        axes = [axis + 1 for axis in mirror]
        mirrored = self.grid.flip(axes)
        found = [shift_along(mirrored, offset.index(-1), fill=-1).flip(axes) for offset in self.directions.offsets]
        return torch.stack(found).flatten(2)

    def _reads(self, group: int) -> list[Read]:
        return [
            Read(direction, source, shift_along(self.grid, axis, fill=-1)[source].flatten())
            for view in self.directions.views
            for direction, axis in view.shifts
            for source in view.mask[group].nonzero()[:, 0].tolist()
            if self.directions.mirrors[direction]
        ]

    def taps(self, groups: Sequence[int]) -> tuple[tuple[int, int], ...]:
        """The pairs of a tap and a group whose states some groups depend on."""
        pairs = self.directions.state_mask[:, list(groups)].any(1).nonzero().tolist()
        return tuple((tap, source) for tap, source in pairs)

    def input_groups(self, groups: Sequence[int]) -> tuple[int, ...]:
        """The groups whose maps are inputs of some groups."""
        return tuple(self.directions.input_mask[list(groups)].any(0).nonzero()[:, 0].tolist())

    def ready_sets(self, direction: int) -> Iterator[ReadySet]:
        """The computation by step: when a state is first read, all states that depend on visited coefficients only."""
        mirror = self.directions.mirrors[direction]
        degree = self.directions.degrees(mirror).flatten(1)
        stage = self.directions.step.flip(mirror).flatten().tolist()
        done = 0
        for t, highest in enumerate(self._highest_degrees(direction, degree)):
            if highest >= done:
                ready = (degree >= done) & (degree < t)
                yield from (ReadySet(t, direction, *found) for found in _by_stage(ready, stage))
                done = t

    def _highest_degrees(self, direction: int, degree: Int[Tensor, "groups cells"]) -> list[int]:
        """The highest degree of the states of a direction that each step reads; -1 if it reads none."""
        by_rank = torch.empty_like(degree.flatten()).index_copy_(0, self.rank.flatten(), degree.flatten())
        highest = torch.full_like(by_rank, -1)
        for own, reads in zip(self.rank, self.reads, strict=True):
            for ranks in (read.ranks for read in reads if read.direction == direction):
                highest[own] = highest[own].maximum(torch.where(ranks < 0, -1, by_rank[ranks]))
        by_step: list[int] = highest.tolist()
        return by_step


def _by_stage(
    ready: Bool[Tensor, "groups cells"], stage: Sequence[int]
) -> list[tuple[tuple[int, ...], list[list[int]]]]:
    """States that are ready as groups and the cells of each stage, split where these would be too many."""
    cells = ready.any(0).nonzero()[:, 0].tolist()
    found = sorted((stage[cell], tuple(ready[:, cell].nonzero()[:, 0].tolist()), cell) for cell in cells)
    ready_sets: list[tuple[tuple[int, ...], list[list[int]]]] = []
    for (_, groups), entries in groupby(found, key=lambda entry: entry[:2]):
        here = [cell for *_, cell in entries]
        last_groups, stages = ready_sets[-1] if ready_sets else (None, [])
        if last_groups != groups or sum(map(len, stages)) + len(here) > MAX_CELLS_PER_CALL:
            ready_sets.append((groups, []))
        ready_sets[-1][1].append(here)
    return ready_sets
