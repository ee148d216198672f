"""Cache slots for incremental masked convolutions: the slot of each step, and the slots that live taps read.

Activations of earlier positions are cached and read back, as in Ramachandran et al. 2017, "Fast Generation for
Convolutional Autoregressive Models"; here for any order.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from functools import cached_property
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn import functional as F

from tensorar import cached_plan, planned_property
from tensorar_plugins.backbones.masked_conv.taps import Ranks, Taps


def step_of_node(ranks: Ranks) -> Int[Tensor, " nodes"]:
    """The step at which each node is visited; a node is ``position * groups + group``."""
    return ranks.rank.movedim(0, -1).flatten()


def group_of_step(ranks: Ranks) -> Int[Tensor, " steps"]:
    """The group of the coefficient visited at each step."""
    steps = step_of_node(ranks)
    nodes = torch.arange(len(steps), device=steps.device)
    return torch.empty_like(steps).index_copy_(0, steps, nodes) % len(ranks.rank)


class SlabReads(NamedTuple):
    """The reads of one ``group`` in one block: ``slots``, ``(members * types)``.

    ``members`` are their indices within the block (None: all of it).
    """

    group: int
    members: Tensor | None
    slots: Tensor


class StepWindow:
    """Successive steps computed at once, from ``first`` up to ``end``, by a cache of so many ``slots``."""

    def __init__(self, layout: CacheLayout, first: int, end: int, slots: int) -> None:
        self.layout, self.first, self.end, self.slots = layout, first, end, slots

    @cached_property
    def reads(self) -> list[tuple[Tensor, Tensor]]:
        """For each group its steps, counted from the first one, and what they read, ``(steps, types)``.

        These are slots of the cache, then the window's own steps.
        """
        layout, found = self.layout, []
        for group, steps in enumerate(layout.steps):
            of_group = slice(*(bisect_left(layout.ascending[group], t) for t in (self.first, self.end)))
            sources = layout.sources[group][of_group]
            own = sources + (self.slots - self.first)
            reads = torch.where(sources >= self.first, own, layout.reads[group][of_group])
            found.append((steps[of_group] - self.first, reads))
        return found

    @cached_property
    def left(self) -> Int[Tensor, "2 kept"]:
        """The slots that the window fills, and the steps that they hold in the end, counted from the first one."""
        # of the steps that share a slot the last one keeps it
        kept = dict(zip(self.layout.slot[self.first : self.end], range(self.end - self.first), strict=True))
        return torch.tensor([list(kept), list(kept.values())], device=self.layout.steps[0].device)


class CacheLayout:
    """The slot of each step and the slots read by live taps; slots are reused after their last read.

    The cache is filled by *blocks* of ``block_size`` steps (one coefficient, a row or a plane). A block is kept until
    the last block that reads it: under a raster order the cache holds a few rows. ``slot[t]`` is where step ``t`` is
    stored. For each group, ``steps`` are the steps that visit it, ``edge_types`` the live types of its weights, the
    one that reads its own step first, ``sources``, ``(steps, types)``, the steps that they read, and ``reads`` the
    slots of those. Slot 0 holds zeros, for taps that are dead at a step or lead out of the grid: their source is -1.
    """

    def __init__(self, taps: Taps, visits: Ranks, block_size: int = 1) -> None:
        steps, group = step_of_node(visits), group_of_step(visits)
        self.block_size, self.include_self = block_size, taps.include_self
        source_steps = _source_steps(taps, steps)
        block_slots, count = _allocate(self._last_readers(source_steps))
        self.size = 1 + block_size * count
        slots = self._slots(torch.tensor(block_slots, device=steps.device))
        self.slot: list[int] = slots.tolist()
        self.group: list[int] = group.tolist()
        self.steps = [(group == g).nonzero()[:, 0] for g in range(len(visits.rank))]
        types = [_own_first(taps.weight_mask, g) for g in range(len(visits.rank))]
        self.edge_types = [taps.edge_types[k] for k in types]
        self.sources = [source_steps[s][:, k] for s, k in zip(self.steps, types, strict=True)]
        # a source step of -1 is none, and finds the zeros of slot 0 at the end
        slots = torch.cat([slots, slots.new_zeros(1)])
        self.reads = [slots[sources] for sources in self.sources]

    def _last_readers(self, source_steps: Int[Tensor, "steps types"]) -> list[int]:
        """The last block that reads each block; at least itself."""
        block = torch.arange(len(source_steps), device=source_steps.device) // self.block_size
        found = source_steps >= 0
        last = torch.arange(len(source_steps) // self.block_size, device=source_steps.device)
        readers = block[:, None].expand_as(source_steps)[found]
        readers_of: list[int] = last.scatter_reduce(0, source_steps[found] // self.block_size, readers, "amax").tolist()
        return readers_of

    def _slots(self, block_slots: Int[Tensor, " blocks"]) -> Int[Tensor, " steps"]:
        """The slot of each step."""
        first = 1 + self.block_size * block_slots
        return (first[:, None] + torch.arange(self.block_size, device=first.device)).flatten()

    @planned_property
    def ascending(self) -> list[list[int]]:
        """The steps that visit each group."""
        return [steps.tolist() for steps in self.steps]

    @planned_property
    def earlier_reads(self) -> list[Int[Tensor, " types"]]:
        """The slots read at each step, and zeros for the step's own, which is not cached yet."""
        by_step: dict[int, Tensor] = {}
        for steps, reads in zip(self.steps, self.reads, strict=True):
            earlier = F.pad(reads[:, 1:], (1, 0)) if self.include_self else reads
            by_step.update(zip(steps.tolist(), earlier.unbind(), strict=True))
        return [by_step[t] for t in range(len(self.slot))]

    @planned_property
    def slab_reads(self) -> list[list[SlabReads]]:
        """The groups that read anything in each block, and what they read."""
        blocks = len(self.slot) // self.block_size
        found: list[list[SlabReads]] = [[] for _ in range(blocks)]
        for group, (steps, reads) in enumerate(zip(self.steps, self.reads, strict=True)):
            sizes = (steps // self.block_size).bincount(minlength=blocks).tolist()
            members = (steps % self.block_size).split(sizes)
            for in_block, of_group, slots in zip(found, members, reads.split(sizes), strict=True):
                if slots.numel():
                    everything = len(of_group) == self.block_size
                    in_block.append(SlabReads(group, None if everything else of_group, slots.flatten()))
        return found


@cached_plan(maxsize=64)
def cache_layout(taps: Taps, visits: Ranks, block_size: int = 1) -> CacheLayout:
    """The layout for an order that visits blocks of ``block_size`` coefficients one after the other."""
    return CacheLayout(taps, visits, block_size)


def _source_steps(taps: Taps, steps: Int[Tensor, " nodes"]) -> Int[Tensor, "nodes types"]:
    """The step that each edge type reads at each step, or -1 for none."""
    source_steps = steps.new_full((len(steps), len(taps.edge_types)), -1)
    for edge_type, (targets, sources) in enumerate(taps.edges):
        source_steps[steps[targets], edge_type] = steps[sources]
    return source_steps


def _own_first(weight_mask: Bool[Tensor, "taps groups groups"], group: int) -> Int[Tensor, " types"]:
    """The live edge types that end in a group, first the one that reads its own coefficient."""
    tap, target, source = weight_mask.nonzero().T
    mine = (target == group).nonzero()[:, 0]
    elsewhere = (tap[mine] != len(weight_mask) // 2) | (source[mine] != group)
    own_first: Tensor = mine[elsewhere.int().argsort(stable=True)]
    return own_first


def _allocate(last_readers: list[int]) -> tuple[list[int], int]:
    """Assign each block a slot until its last reader; returns the slots and their number.

    >>> _allocate([1, 3, 2, 3])
    ([0, 1, 0, 0], 2)
    """
    free: list[int] = []
    expiring: dict[int, list[int]] = defaultdict(list)
    slots: list[int] = []
    count = 0
    for block, last_reader in enumerate(last_readers):
        free += expiring.pop(block - 1, [])
        if not free:
            free.append(count)
            count += 1
        slots.append(free.pop())
        expiring[last_reader].append(slots[-1])
    return slots, count
