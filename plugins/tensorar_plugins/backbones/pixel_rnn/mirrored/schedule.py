"""The schedule of mirrored states for stepping in raster order: when they are computed, and their slots."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from tensorar import cached_plan
from tensorar_plugins.backbones.masked_conv.taps import Ranks
from tensorar_plugins.backbones.pixel_rnn.mirrored.dependencies import ReadySet, ScanDependencies


class Stage(NamedTuple):
    """One step of a scan: the number of cells, and the slots of the states at its taps, before it and of its own."""

    cells: int
    taps: Tensor
    previous: Tensor
    own: Tensor | slice


class Wavefront(NamedTuple):
    """Cells of one direction at which the states of some ``groups`` are computed, stage by stage.

    ``taps`` are the pairs of a tap and a group whose states are read there, ``input_groups`` the groups whose maps are
    inputs, and ``maps`` the slots of these.
    """

    direction: int
    groups: tuple[int, ...]
    taps: tuple[tuple[int, int], ...]
    input_groups: tuple[int, ...]
    maps: Tensor
    stages: list[Stage]

    @property
    def weights_key(self) -> tuple[int, tuple[int, ...]]:
        """The direction and the groups: wavefronts that agree in them share their weights."""
        return self.direction, self.groups


@cached_plan(maxsize=16)
def scan_schedule(ranks: Ranks) -> ScanSchedule:
    """The ``ScanSchedule`` of the raster order of a grid."""
    return ScanSchedule(ScanDependencies(Ranks(ranks.rank.cpu())), ranks.device)


class ScanSchedule:
    """Computes mirrored states lazily: on first use, everything that is ready.

    A state is ready once all that it depends on is visited: when its degree is lower than the step. In an image this is
    when a row begins, for the row before. ``wavefronts[t]`` are computed when step ``t`` begins.

    The states of each direction are stored in a ring of as many slots as needed; behind the rings are the states
    outside of the grid, from ``outside`` on one for each direction and group, and one of zeros at ``zeros``. Maps are
    stored in a ring of ``ring_size``. ``view_slots[t]`` are the slots of the states that a step reads, of the groups
    ``viewed_groups[group]``; ``input_slots[t]`` those of the maps in its own cell that are inputs of the plain scan, of
    the groups ``input_groups[group]``.
    """

    def __init__(self, dependencies: ScanDependencies, device: torch.device) -> None:
        directions = dependencies.directions
        self.groups, self.offsets = len(dependencies.rank), directions.offsets
        self.input_mask = directions.input_mask.to(device)
        ready_sets = [
            ready for d, mirror in enumerate(directions.mirrors) if mirror for ready in dependencies.ready_sets(d)
        ]
        self.input_groups = [[s for s in dependencies.input_groups([g]) if s != g] for g in range(self.groups)]
        self.viewed_groups = [[read.group for read in reads] for reads in dependencies.reads]
        lengths = self._ring_lengths(dependencies, ready_sets)
        self.ring_size = self._map_ring_size(dependencies, ready_sets)
        self.starts = [0, *accumulate(lengths)]
        self.outside = self.starts[-1]
        self.zeros = self.outside + len(lengths) * self.groups
        self.wavefronts: dict[int, list[Wavefront]] = defaultdict(list)
        for ready in ready_sets:
            self.wavefronts[ready.t].append(self._wavefront(dependencies, ready, device))
        self.view_slots = self._view_slots(dependencies, device)
        self.input_slots = self._input_slots(dependencies, device)

    def _ring_lengths(self, dependencies: ScanDependencies, ready_sets: Sequence[ReadySet]) -> list[int]:
        """The number of slots of each direction: steps from a state to its last reader."""
        lengths = [0] * len(dependencies.neighbor_ranks)
        for ready in ready_sets:
            neighbors = dependencies.neighbor_ranks[ready.direction]
            states = [neighbors[tap, source, ready.cells] for tap, source in dependencies.taps(ready.groups)]
            states += [dependencies.rank[group, ready.cells] for group in ready.groups]
            ages = [_max_age(ready.t, ranks) for ranks in states]
            lengths[ready.direction] = max(lengths[ready.direction], *ages)
        for own, reads in zip(dependencies.rank, dependencies.reads, strict=True):
            for read in reads:
                lengths[read.direction] = max(lengths[read.direction], _max_age(own, read.ranks))
        return lengths

    def _map_ring_size(self, dependencies: ScanDependencies, ready_sets: Sequence[ReadySet]) -> int:
        """The number of slots for maps: steps from a map to its last reader."""
        ages = [0]
        for ready in ready_sets:
            inputs = dependencies.rank[list(dependencies.input_groups(ready.groups))][:, ready.cells]
            ages.append(_max_age(ready.t, inputs))
        for own, sources in zip(dependencies.rank, self.input_groups, strict=True):
            ages += [_max_age(own, dependencies.rank[source]) for source in sources]
        return max(ages)

    def _slots(self, direction: int, ranks: Int[Tensor, "*shape"], outside: int) -> Int[Tensor, "*shape"]:
        """The slots of the states of a direction; ``outside`` for those outside of the grid."""
        start, end = self.starts[direction : direction + 2]
        return torch.where(ranks < 0, outside, start + ranks % max(end - start, 1))

    def _wavefront(self, dependencies: ScanDependencies, ready: ReadySet, device: torch.device) -> Wavefront:
        direction, cells, groups = ready.direction, ready.cells, list(ready.groups)
        taps, input_groups = dependencies.taps(groups), dependencies.input_groups(groups)
        neighbors = dependencies.neighbor_ranks[direction][:, :, cells]
        outside = self.outside + direction * self.groups
        # (taps, cells), (groups, cells) and (groups, cells)
        at_taps = torch.stack([self._slots(direction, neighbors[tap, s], outside + s) for tap, s in taps])
        previous = torch.stack([self._slots(direction, neighbors[0, g], outside + g) for g in groups])
        own = self._slots(direction, dependencies.rank[groups][:, cells], self.zeros)
        maps = dependencies.rank[list(input_groups)][:, cells] % self.ring_size
        counts = [len(stage) for stage in ready.stages]
        tables = [[part.flatten() for part in table.split(counts, 1)] for table in (at_taps, previous, own)]
        stages = [
            Stage(count, stage_taps.to(device), stage_previous.to(device), _as_slice(stage_own, device))
            for count, stage_taps, stage_previous, stage_own in zip(counts, *tables, strict=True)
        ]
        return Wavefront(direction, ready.groups, taps, input_groups, maps.flatten().to(device), stages)

    def _view_slots(self, dependencies: ScanDependencies, device: torch.device) -> list[Tensor | None]:
        """The slots of the mirrored states that every step reads."""
        tables = [
            [self._slots(read.direction, read.ranks, self.zeros) for read in reads] for reads in dependencies.reads
        ]
        return _by_step(dependencies.rank, tables, device)

    def _input_slots(self, dependencies: ScanDependencies, device: torch.device) -> list[Tensor | None]:
        """The slots of the maps in its own cell that every step reads."""
        tables = [[dependencies.rank[s] % self.ring_size for s in sources] for sources in self.input_groups]
        return _by_step(dependencies.rank, tables, device)


def _by_step(
    rank: Int[Tensor, "groups cells"], tables: Sequence[Sequence[Tensor]], device: torch.device
) -> list[Tensor | None]:
    """Tables of slots by group, one ``(cells)`` per read, as the slots of each step; None for groups without reads."""
    found: list[Tensor | None] = [None] * rank.numel()
    for own, of_group in zip(rank, tables, strict=True):
        if of_group:
            rows = torch.stack(list(of_group), 1).to(device).unbind()
            for t, row in zip(own.tolist(), rows, strict=True):
                found[t] = row
    return found


def _max_age(t: int | Int[Tensor, "*shape"], ranks: Int[Tensor, "*shape"]) -> int:
    """The highest number of steps from some ranks to a step, or to one step each."""
    return int(torch.where(ranks < 0, 0, t - ranks).max())


def _as_slice(slots: Int[Tensor, " slots"], device: torch.device) -> Tensor | slice:
    """Consecutive slots as a slice, which indexes a view."""
    listed = slots.tolist()
    consecutive = listed == [*range(listed[0], listed[0] + len(listed))]
    return slice(listed[0], listed[0] + len(listed)) if consecutive else slots.to(device)
