"""The rank rule as places in a cache: where the live taps of a masked convolution find what they read."""

from __future__ import annotations

from collections import defaultdict

import torch


def steps_of(ranks):
    """The step at which each node is visited; a node is ``position * groups + group``."""
    return ranks.rank.movedim(0, -1).flatten()


def groups_of(ranks):
    """The group of the coefficient that each step visits."""
    steps = steps_of(ranks)
    return torch.empty_like(steps).index_copy_(0, steps, torch.arange(len(steps), device=steps.device)) % len(
        ranks.rank
    )


class TapTable:
    """What the live taps read at every step, from a cache that holds nothing longer than it is read.

    The cache takes in a *block* of ``count`` steps at a time (one coefficient; a row, a plane), holds it until the last
    block that reads it and then uses its room again: under a raster order it holds a few rows. ``place[t]`` is where
    step ``t`` is held. For each group, ``steps`` are those that visit its coefficients, ``kinds`` the taps of its
    weights that live anywhere, the one that looks at its own step first, and ``reads``, ``(steps, kinds)``, the places
    that they read. Place 0 holds zeros: there point taps that are dead here, or that lead out of the grid.
    """

    def __init__(self, taps, visits, count=1):
        steps, group, groups = steps_of(visits), groups_of(visits), range(len(visits.rank))
        self.count = count
        seen = _steps_seen(taps, steps)
        self.rooms, rooms = _rooms(self._last_readers(seen))
        self.size = 1 + count * rooms
        place = self._places(steps)
        self.place = place.tolist()
        self.steps = [(group == g).nonzero()[:, 0] for g in groups]
        kinds = [_own_first(taps.weight_mask, g) for g in groups]
        self.kinds = [taps.edge_kinds[k] for k in kinds]
        # a step seen of -1 is none, and finds the zeros at the end
        place = torch.cat([place, place.new_zeros(1)])
        self.reads = [place[seen[s][:, k]] for s, k in zip(self.steps, kinds, strict=True)]

    def _last_readers(self, seen):
        """The last block that reads each block; at least itself."""
        block = torch.arange(len(seen), device=seen.device) // self.count
        some = seen >= 0
        last = torch.arange(len(seen) // self.count, device=seen.device)
        readers = block[:, None].expand_as(seen)[some]
        return last.scatter_reduce(0, seen[some] // self.count, readers, "amax").tolist()

    def _places(self, steps):
        """Where each step is held."""
        first = 1 + self.count * torch.tensor(self.rooms, device=steps.device)
        return (first[:, None] + torch.arange(self.count, device=steps.device)).flatten()


def _steps_seen(taps, steps):
    """What every tap that lives anywhere sees at each step, ``(steps, kinds)``: a step, or -1 for nothing."""
    seen = steps.new_full((len(steps), len(taps.edge_kinds)), -1)
    for kind, (seeing, there) in enumerate(taps.edges):
        seen[steps[seeing], kind] = steps[there]
    return seen


def _own_first(weight_mask, group):
    """Which of the taps that live anywhere are a group's, beginning with the one that looks at its own coefficient."""
    tap, seeing, seen = weight_mask.nonzero().T
    mine = (seeing == group).nonzero()[:, 0]
    elsewhere = (tap[mine] != len(weight_mask) // 2) | (seen[mine] != group)
    return mine[elsewhere.int().argsort(stable=True)]


def _rooms(last):
    """A room for each block from its own turn to that of its last reader, and how many there are.

    >>> _rooms([1, 3, 2, 3])
    ([0, 1, 0, 0], 2)
    """
    free, leaving, rooms, count = [], defaultdict(list), [], 0
    for block, until in enumerate(last):
        free += leaving.pop(block - 1, [])
        if not free:
            free.append(count)
            count += 1
        rooms.append(free.pop())
        leaving[until].append(rooms[-1])
    return rooms, count


def tap_weights(conv, kinds):
    """The weights of some taps below each other, ``(kinds * inputs, outputs)``."""
    blocks = conv.weight.detach().flatten(2).unflatten(1, (conv.groups, -1)).unflatten(0, (conv.groups, -1))
    return blocks.permute(4, 0, 2, 3, 1).flatten(0, 2)[kinds].flatten(0, 1)


def bias_of(layer, context):
    """What a masked layer adds at every position, ``(1 or batch, groups, outputs)``."""
    return layer.context(layer.conv.bias.unsqueeze(0), context).detach().unflatten(1, (layer.conv.groups, -1))
