"""When a walk in raster order computes the states of mirrored scans, and where it looks at them."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from itertools import accumulate, groupby, pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from tensorar_plugins.backbones.branches import Branches, shifted

# cells whose gates are prepared at once; bounds memory where a scan goes through a whole slice
TOGETHER = 64


class Stage(NamedTuple):
    """One step of a scan: how many cells, and the places of the states that it sees, goes on from and makes."""

    cells: int
    seen: Tensor
    before: Tensor
    own: Tensor | slice


class Front(NamedTuple):
    """Cells of one branch at which the states of some ``groups`` are computed, stage by stage.

    ``taps`` are the pairs of a tap and a group whose states are seen there, ``entering`` the groups whose maps enter,
    ``maps`` the places of these.
    """

    branch: int
    groups: tuple[int, ...]
    taps: tuple[tuple[int, int], ...]
    entering: tuple[int, ...]
    maps: Tensor
    stages: list[Stage]


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
        degree = self.branches._degrees(self.branches.mirrors[branch]).flatten(1)
        stage = self.branches.step.flip(self.branches.mirrors[branch]).flatten().tolist()
        done = 0
        for t, highest in enumerate(self._highest(branch, degree)):
            if highest >= done:
                yield from (Wave(t, branch, *found) for found in _by_stage((degree >= done) & (degree < t), stage))
                done = t

    def _highest(self, branch, degree):
        """By step the highest degree of the states of a branch looked at; -1 where there are none."""
        by_rank, highest = degree.new_empty(degree.numel()), degree.new_full((degree.numel() + 1,), -1)
        for group, own in enumerate(self.rank):
            for _, seen, there in (look for look in self.looks[group] if look[0] == branch):
                by_rank[self.rank[seen]] = degree[seen]
                found = torch.where(there < 0, -1, by_rank[there])
                highest[own] = highest[own].maximum(found)
        return highest[:-1].tolist()


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


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def mirror_plan(ranks):
    """The ``MirrorPlan`` of the raster order of a grid."""
    return MirrorPlan(ranks)


class MirrorPlan:
    """Mirrored states for a walk: computed when a coefficient looks at one, all that can be by then.

    A state can be computed once all that it has seen is visited: when its degree is lower than the step. In an image
    that is so when a row begins, for the row before. ``fronts[t]`` is what step ``t`` begins with.

    The states of each branch take turns in as many places as are needed; behind those come the states outside of the
    grid, from ``outside`` on one for each branch and group, and one of zeros at ``nothing``. Maps stand at
    ``t % shown``. ``views[t]`` are the places of the states that a step looks at, of the groups ``viewed[group]``;
    ``told[t]`` those of the maps in the own cell that enter the plain scan, of the groups ``telling[group]``.
    """

    # shared by all batches: without a ``__dict__`` it is not counted as what one batch takes
    __slots__ = (
        *("fronts", "groups", "input_mask", "nothing", "offsets", "outside", "shown", "starts"),
        *("telling", "told", "viewed", "views"),
    )

    def __init__(self, ranks):
        sights = Sights(ranks)
        self.groups, branches = len(sights.rank), sights.branches
        self.offsets, self.input_mask = tuple(branches.offsets), branches.input_mask
        waves = [wave for b, mirror in enumerate(branches.mirrors) if mirror for wave in sights.waves(b)]
        self.telling = [[s for s in sights.entering([g]) if s != g] for g in range(self.groups)]
        self.viewed = [[seen for _, seen, _ in looks] for looks in sights.looks]
        self._measure(sights, waves)
        self.fronts = defaultdict(list)
        for wave in waves:
            self.fronts[wave.t].append(self._front(sights, wave))
        self._look(sights)

    def _measure(self, sights, waves):
        """As many places as steps from where a state or maps stand to where they are looked at last."""
        lengths, self.shown = [0] * len(sights.seen), 0
        for wave in waves:
            states = [sights.seen[wave.branch][tap, seen, wave.cells] for tap, seen in sights.taps(wave.groups)]
            states += [sights.rank[group, wave.cells] for group in wave.groups]
            lengths[wave.branch] = max(lengths[wave.branch], *(_back(wave.t, there) for there in states))
            entering = sights.rank[list(sights.entering(wave.groups))][:, wave.cells]
            self.shown = max(self.shown, _back(wave.t, entering))
        for own, looks, telling in zip(sights.rank, sights.looks, self.telling, strict=True):
            for branch, _, there in looks:
                lengths[branch] = max(lengths[branch], _back(own, there))
            self.shown = max([self.shown, *(_back(own, sights.rank[s]) for s in telling)])
        self.starts = [0, *accumulate(lengths)]
        self.outside = self.starts[-1]
        self.nothing = self.outside + len(lengths) * self.groups

    def _places(self, branch, ranks, beyond):
        """The places of the states of a branch; ``beyond`` for those outside of the grid."""
        start, end = self.starts[branch : branch + 2]
        return torch.where(ranks < 0, beyond, start + ranks % max(end - start, 1))

    def _front(self, sights, wave):
        branch, cells, groups = wave.branch, wave.cells, list(wave.groups)
        taps, entering, seen = sights.taps(groups), sights.entering(groups), sights.seen[branch][:, :, cells]
        outside = self.outside + branch * self.groups
        states = torch.stack([self._places(branch, seen[tap, s], outside + s) for tap, s in taps])
        before = torch.stack([self._places(branch, seen[0, g], outside + g) for g in groups])
        own = self._places(branch, sights.rank[groups][:, cells], self.nothing)
        maps = sights.rank[list(entering)][:, cells] % self.shown
        columns = [slice(a, b) for a, b in pairwise([0, *accumulate(map(len, wave.stages))])]
        tables = [[table[:, some].flatten() for table in (states, before, own)] for some in columns]
        stages = [Stage(len(some), a, b, _as_slice(c)) for some, (a, b, c) in zip(wave.stages, tables, strict=True)]
        return Front(branch, wave.groups, taps, entering, maps.flatten(), stages)

    def _look(self, sights):
        """What every step looks at."""
        count = sights.rank.numel()
        self.views, self.told = [None] * count, [None] * count
        for own, looks, telling in zip(sights.rank, sights.looks, self.telling, strict=True):
            views = [self._places(branch, there, self.nothing) for branch, _, there in looks]
            told = [sights.rank[s] % self.shown for s in telling]
            for by_step, tables in ((self.views, views), (self.told, told)):
                rows = torch.stack(tables, 1).unbind() if tables else [None] * len(own)
                for t, row in zip(own.tolist(), rows, strict=True):
                    by_step[t] = row


def _back(t, ranks):
    """How many steps it is at most from some ranks to a step."""
    return int(torch.where(ranks < 0, 0, t - ranks).max())


def _as_slice(places):
    """Places next to each other as a slice, which is a view of them."""
    first, count = int(places[0]), len(places)
    return slice(first, first + count) if places.tolist() == list(range(first, first + count)) else places
