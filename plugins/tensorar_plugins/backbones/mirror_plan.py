"""When a walk in raster order computes the states of mirrored scans, and where it looks at them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import torch

from tensorar_plugins.backbones.branches import Branches, shifted
from tensorar_plugins.backbones.tap_table import groups_of

# cells whose gates are prepared at once; bounds memory where a scan goes through a whole slice
TOGETHER = 64


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a scan: ``columns`` of its front, and the places of the states seen, of those before, of its own."""

    columns: slice
    seen: torch.Tensor
    before: torch.Tensor
    own: torch.Tensor


@dataclass(frozen=True, slots=True)
class Front:
    """Cells of one branch, and the ``groups`` whose states there are computed together, stage by stage.

    ``maps`` are the places of the maps that enter, of ``entering`` groups, ``seen`` the taps and groups of states seen.
    """

    branch: int
    groups: tuple[int, ...]
    entering: tuple[int, ...]
    seen: tuple[tuple[int, int], ...]
    taps: int
    maps: torch.Tensor
    stages: list[Stage]


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def mirror_plan(ranks):
    """The ``MirrorPlan`` of the raster order of a grid."""
    return MirrorPlan(ranks)


class MirrorPlan:
    """Mirrored states for a walk: computed when a coefficient looks at one, all that can be by then.

    A state can be computed once all that it has seen is visited: its degree is lower than the step. In an image that
    happens when a row begins, for the row before, from right to left. ``fronts[t]`` is what step ``t`` begins with.

    The states of each branch take turns in as many places as are needed; behind those come the states outside of the
    grid, a place for each branch and group, and one of zeros. Maps have ``shown`` places, the latest step at
    ``t % shown``. ``views[t]`` are the states looked at in a step, for each group of branches and groups ``viewed``;
    ``told[t]`` the maps of other groups of the own cell that enter the plain scan, of groups ``telling``.
    """

    # shared by all batches: without a ``__dict__`` it is not counted as what one batch takes
    __slots__ = (
        *("branches", "fronts", "lengths", "nothing", "outside", "rank"),
        *("seen", "shown", "telling", "told", "viewed", "views"),
    )

    def __init__(self, ranks):
        self.branches, self.rank = Branches(ranks), ranks.rank.flatten(1)
        self.seen = [self._neighbours(ranks.rank, mirror) for mirror in self.branches.mirrors]
        waves = [wave for b in range(1, len(self.branches.mirrors)) for wave in self._waves(ranks.rank, b)]
        looks = self._looks(ranks.rank)
        self._measure(waves, looks)
        self.fronts = defaultdict(list)
        for t, branch, groups, stages in waves:
            self.fronts[t].append(self._front(branch, groups, stages))
        self._view(looks, groups_of(ranks).tolist())

    def _neighbours(self, rank, mirror):
        """The ranks of the neighbours in a mirrored grid, ``(taps, groups, cells)``; -1 outside."""
        axes = [a + 1 for a in mirror]
        return torch.stack(
            [shifted(rank.flip(axes), o.index(-1), -1).flip(axes) for o in self.branches.offsets]
        ).flatten(2)

    def _looks(self, rank):
        """For each group: branches, groups and the ranks of their cells, ``(cells)``, that it looks at."""
        return [
            [
                (branch, seen, shifted(rank, axis, -1)[seen].flatten())
                for look in self.branches.looks
                for branch, axis in look.branch_axes
                for seen in look.mask[group].nonzero()[:, 0].tolist()
                if branch
            ]
            for group in range(len(rank))
        ]

    def _waves(self, rank, branch):
        """When to compute which states of a branch: ``(step, branch, groups, cells of each stage)``."""
        mirror = self.branches.mirrors[branch]
        degree = self.branches._degrees(mirror)
        needed = torch.full_like(self.rank, -1)
        for look in self.branches.looks:
            for axis in (axis for b, axis in look.branch_axes if b == branch):
                there = shifted(degree, axis, -1).flatten(1)
                needed = needed.maximum(torch.where(look.mask[:, :, None], there[None], -1).amax(1))
        by_step = torch.empty_like(needed.flatten()).index_copy_(0, self.rank.flatten(), needed.flatten()).tolist()
        stage, degree, done = self.branches.step.flip(mirror).flatten().to(rank.device), degree.flatten(1), 0
        for t, highest in enumerate(by_step):
            if highest >= done:
                ready = (degree >= done) & (degree < t)
                done = t
                yield from ((t, branch, *front) for front in _stages(ready, stage))

    def _measure(self, waves, looks):
        """How many places everything needs: as many as the steps that the furthest look goes back."""
        back = [1] * len(self.branches.mirrors)
        self.shown = 0
        for t, branch, groups, stages in waves:
            cells = [cell for stage in stages for cell in stage]
            seen, entering = self._seen(branch, groups)
            there = torch.stack(
                [self.seen[branch][k, s, cells] for k, s in seen] + [self.rank[g, cells] for g in groups]
            )
            back[branch] = max(back[branch], t - int(torch.where(there < 0, t, there).min()))
            self.shown = max(self.shown, t - int(self.rank[list(entering)][:, cells].min()))
        for own, found in zip(self.rank, looks, strict=True):
            for branch, _, there in found:
                back[branch] = max(back[branch], int(torch.where(there < 0, 0, own - there).max()))
        for group, own in enumerate(self.rank):
            for seen in self._entering([group]):
                self.shown = max(self.shown, int((own - self.rank[seen]).max()))
        self.lengths = [0, *back[1:]]
        self.outside = sum(self.lengths)
        self.nothing = self.outside + len(self.lengths) * len(self.rank)

    def _entering(self, groups):
        return tuple(self.branches.input_mask[list(groups)].any(0).nonzero()[:, 0].tolist())

    def _seen(self, branch, groups):
        """The taps and groups whose states some groups see, and the groups whose maps enter."""
        pairs = self.branches.state_mask[:, list(groups)].any(1).nonzero().tolist()
        return tuple(map(tuple, pairs)), self._entering(groups)

    def _places(self, branch, ranks, beyond):
        """The places of the states of a branch at some ranks; ``beyond`` for negative ones."""
        return torch.where(ranks < 0, beyond, sum(self.lengths[:branch]) + ranks % max(self.lengths[branch], 1))

    def _front(self, branch, groups, stages):
        cells = [cell for stage in stages for cell in stage]
        seen, entering = self._seen(branch, groups)
        outside = self.outside + branch * len(self.rank)
        states = torch.stack([self._places(branch, self.seen[branch][k, s, cells], outside + s) for k, s in seen])
        before = torch.stack([self._places(branch, self.seen[branch][0, g, cells], outside + g) for g in groups])
        own = self._places(branch, self.rank[list(groups)][:, cells], self.nothing)
        maps = self.rank[list(entering)][:, cells] % self.shown
        ends = torch.tensor([len(some) for some in stages]).cumsum(0).tolist()
        columns = [slice(a, b) for a, b in zip([0, *ends], ends, strict=False)]
        parts = [Stage(c, *(table[:, c].flatten() for table in (states, before, own))) for c in columns]
        return Front(branch, groups, entering, seen, len(self.branches.offsets), maps.flatten(), parts)

    def _view(self, looks, group_of):
        """What every step looks at."""
        self.views, self.told = [None] * len(group_of), [None] * len(group_of)
        self.viewed = [[(branch, seen) for branch, seen, _ in found] for found in looks]
        self.telling = [[s for s in self._entering([g]) if s != g] for g in range(len(looks))]
        for own, found, telling in zip(self.rank, looks, self.telling, strict=True):
            views = [self._places(branch, there, self.nothing) for branch, _, there in found]
            told = [self.rank[s] % max(self.shown, 1) for s in telling]
            for by_step, tables in ((self.views, views), (self.told, told)):
                rows = torch.stack(tables, 1).unbind() if tables else [None] * len(own)
                for t, row in zip(own.tolist(), rows, strict=True):
                    by_step[t] = row


def _stages(ready, stage):
    """Fronts of the states ``ready`` ``(groups, cells)``, each cell at its stage: groups, and the cells of each stage.

    A front goes on as long as the groups are the same and it is not too large.
    """
    cells = ready.any(0).nonzero()[:, 0].tolist()
    found = sorted((int(stage[cell]), tuple(ready[:, cell].nonzero()[:, 0].tolist()), cell) for cell in cells)
    fronts = []
    for (_, groups), some in groupby(found, key=lambda entry: entry[:2]):
        here = [cell for *_, cell in some]
        if not fronts or fronts[-1][0] != groups or sum(map(len, fronts[-1][1])) + len(here) > TOGETHER:
            fronts.append((groups, []))
        fronts[-1][1].append(here)
    return fronts
