"""What mirrored scans see, who looks at them, and so when each of their states is to be computed."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

import torch

from tensorar_plugins.backbones.pixel_rnn.scan_directions import Branches, shifted

# cells whose gates are prepared at once; bounds memory where a scan goes through a whole slice
TOGETHER = 64


class Wave(NamedTuple):
    """What is computed when step ``t`` begins: the states of some groups of a branch, at the cells of each stage."""

    t: int
    branch: int
    groups: tuple[int, ...]
    stages: list[list[int]]

    @property
    def cells(self):
        """All of them, stage by stage."""
        return [cell for stage in self.stages for cell in stage]


class Sights:
    """What the mirrored scans of a grid see, and who looks at them: all as ranks, -1 outside of the grid."""

    def __init__(self, ranks):
        self.branches = Branches(ranks)
        self.grid, self.rank = ranks.rank, ranks.rank.flatten(1)
        self.seen = [self._neighbours(mirror) for mirror in self.branches.mirrors]
        # per group that looks: branches, the groups whose states it looks at, and the ranks of these at every cell
        self.looks = [self._looks(group) for group in range(len(self.rank))]

    def _neighbours(self, mirror):
        """At every offset in the mirrored grid, ``(taps, groups, cells)``."""
        axes = [axis + 1 for axis in mirror]
        mirrored = self.grid.flip(axes)
        found = [shifted(mirrored, offset.index(-1), -1).flip(axes) for offset in self.branches.offsets]
        return torch.stack(found).flatten(2)

    def _looks(self, group):
        return [
            (branch, seen, shifted(self.grid, axis, -1)[seen].flatten())
            for look in self.branches.looks
            for branch, axis in look.branch_axes
            for seen in look.mask[group].nonzero()[:, 0].tolist()
            if self.branches.mirrors[branch]
        ]

    def taps(self, groups):
        """The pairs of a tap and a group whose states some groups see."""
        return tuple(map(tuple, self.branches.state_mask[:, list(groups)].any(1).nonzero().tolist()))

    def entering(self, groups):
        """The groups whose maps enter."""
        return tuple(self.branches.input_mask[list(groups)].any(0).nonzero()[:, 0].tolist())

    def waves(self, branch):
        """What to compute when: as soon as a state is looked at, all that have not seen anything still to come."""
        degree = self.branches.degrees(self.branches.mirrors[branch]).flatten(1)
        stage = self.branches.step.flip(self.branches.mirrors[branch]).flatten().tolist()
        done = 0
        for t, highest in enumerate(self._highest(branch, degree)):
            if highest >= done:
                yield from (Wave(t, branch, *found) for found in _by_stage((degree >= done) & (degree < t), stage))
                done = t

    def _highest(self, branch, degree):
        """By step the highest degree of the states of a branch looked at; -1 where there are none."""
        by_rank = torch.empty_like(degree.flatten()).index_copy_(0, self.rank.flatten(), degree.flatten())
        highest = torch.full_like(by_rank, -1)
        for own, looks in zip(self.rank, self.looks, strict=True):
            for there in (there for b, _, there in looks if b == branch):
                highest[own] = highest[own].maximum(torch.where(there < 0, -1, by_rank[there]))
        return highest.tolist()


def _by_stage(ready, stage):
    """States ``ready`` ``(groups, cells)`` as groups and the cells of each stage; cut where these would be too many."""
    cells = ready.any(0).nonzero()[:, 0].tolist()
    found = sorted((stage[cell], tuple(ready[:, cell].nonzero()[:, 0].tolist()), cell) for cell in cells)
    waves = []
    for (_, groups), some in groupby(found, key=lambda entry: entry[:2]):
        here = [cell for *_, cell in some]
        if not waves or waves[-1][0] != groups or sum(map(len, waves[-1][1])) + len(here) > TOGETHER:
            waves.append((groups, []))
        waves[-1][1].append(here)
    return waves
