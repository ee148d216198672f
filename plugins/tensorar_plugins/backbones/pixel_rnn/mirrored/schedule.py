"""The places of mirrored states during a walk in raster order: where they are computed, and where looked at."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor

from tensorar_plugins.backbones.masked_conv.taps import Ranks
from tensorar_plugins.backbones.pixel_rnn.mirrored.dependencies import Sights


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


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def mirror_plan(ranks):
    """The ``MirrorPlan`` of the raster order of a grid."""
    return MirrorPlan(Sights(Ranks(ranks.rank.cpu())), ranks.rank.device)


class MirrorPlan:
    """Mirrored states for a walk: computed when a coefficient looks at one, all that can be by then.

    A state can be computed once all that it has seen is visited: when its degree is lower than the step. In an image
    that is so when a row begins, for the row before. ``fronts[t]`` is what step ``t`` begins with.

    The states of each branch take turns in as many places as are needed; behind those come the states outside of the
    grid, from ``outside`` on one for each branch and group, and one of zeros at ``nothing``. Maps stand at
    ``t % shown``. ``views[t]`` are the places of the states that a step looks at, of the groups ``viewed[group]``;
    ``told[t]`` those of the maps in the own cell that enter the plain scan, of the groups ``telling[group]``.
    """

    def __init__(self, sights, device):
        self.groups, branches = len(sights.rank), sights.branches
        self.offsets, self.input_mask = tuple(branches.offsets), branches.input_mask.to(device)
        waves = [wave for b, mirror in enumerate(branches.mirrors) if mirror for wave in sights.waves(b)]
        self.telling = [[s for s in sights.entering([g]) if s != g] for g in range(self.groups)]
        self.viewed = [[seen for _, seen, _ in looks] for looks in sights.looks]
        self._measure(sights, waves)
        self.fronts = defaultdict(list)
        for wave in waves:
            self.fronts[wave.t].append(self._front(sights, wave, device))
        self._look(sights, device)

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

    def _front(self, sights, wave, device):
        branch, cells, groups = wave.branch, wave.cells, list(wave.groups)
        taps, entering, seen = sights.taps(groups), sights.entering(groups), sights.seen[branch][:, :, cells]
        outside = self.outside + branch * self.groups
        states = torch.stack([self._places(branch, seen[tap, s], outside + s) for tap, s in taps])
        before = torch.stack([self._places(branch, seen[0, g], outside + g) for g in groups])
        own = self._places(branch, sights.rank[groups][:, cells], self.nothing)
        maps = sights.rank[list(entering)][:, cells] % self.shown
        counts = [len(stage) for stage in wave.stages]
        tables = [[part.flatten() for part in table.split(counts, 1)] for table in (states, before, own)]
        stages = [
            Stage(count, seen.to(device), before.to(device), _as_slice(own, device))
            for count, seen, before, own in zip(counts, *tables, strict=True)
        ]
        return Front(branch, wave.groups, taps, entering, maps.flatten().to(device), stages)

    def _look(self, sights, device):
        """What every step looks at."""
        count = sights.rank.numel()
        self.views, self.told = [None] * count, [None] * count
        for own, looks, telling in zip(sights.rank, sights.looks, self.telling, strict=True):
            views = [self._places(branch, there, self.nothing) for branch, _, there in looks]
            told = [sights.rank[s] % self.shown for s in telling]
            for by_step, tables in ((self.views, views), (self.told, told)):
                rows = torch.stack(tables, 1).to(device).unbind() if tables else [None] * len(own)
                for t, row in zip(own.tolist(), rows, strict=True):
                    by_step[t] = row


def _back(t, ranks):
    """How many steps it is at most from some ranks to a step."""
    return int(torch.where(ranks < 0, 0, t - ranks).max())


def _as_slice(places, device):
    """Places next to each other as a slice, by which they are a view."""
    listed = places.tolist()
    alike = listed == [*range(listed[0], listed[0] + len(listed))]
    return slice(listed[0], listed[0] + len(listed)) if alike else places.to(device)
