"""Masked convolutions at the coefficient whose turn it is: their live taps gathered from what earlier steps kept.

    layers = Gathering([with_bias(layer, context), ...], ranks, batch)
    layers.fetch(t)                                    # what their taps read of earlier steps, for all at once
    for place in layers.places[layers.groups[t]]:      # one after the other
        place.own.copy_(what_comes_in)
        out = place.sum()
    layers.keep(t)                                     # what came in, for the steps to come

Slabs do the same for rows and planes.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from tensorar_plugins.backbones.masked_conv.cache_layout import bias_of, groups_of, tap_weights


class Place(NamedTuple):
    """A layer at the step at hand, at a coefficient of one group: ``bias + rows @ weight``.

    ``rows``, ``(batch, kinds * inputs)``, are what its taps read; ``own``, ``(batch, inputs)``, is the part of them
    that the step itself fills in. A layer that does not see its own input has none.
    """

    own: Tensor | None
    rows: Tensor
    weight: Tensor
    bias: Tensor

    def sum(self):
        """What the layer makes of its inputs."""
        return torch.addmm(self.bias, self.rows, self.weight)


def with_bias(layer, context):
    """A masked layer as ``Gathering`` takes it: its convolution, and what it adds at every position."""
    return layer.conv, bias_of(layer, context)


class Gathering:
    """Layers that follow each other, one coefficient at a time.

    What a layer reads of earlier steps is known before the step begins, so that layers of one shape fetch it by one
    operation, and each is one matrix product. ``layers`` are pairs of a masked convolution and its bias, ``(1 or
    batch, groups, outputs)``; ``places[group]`` are the same layers as they are for a group.
    """

    def __init__(self, layers, ranks, batch):
        alike = defaultdict(list)
        for i, (conv, _) in enumerate(layers):
            alike[conv.weight.shape, conv.kernel, conv.include_self].append(i)
        readings = [_Reading([layers[i] for i in some], ranks, batch) for some in alike.values()]
        found = [(i, n, r) for some, r in zip(alike.values(), readings, strict=True) for n, i in enumerate(some)]
        found.sort(key=lambda entry: entry[0])
        self.places = [[reading.place(n, g) for _, n, reading in found] for g in range(len(ranks.rank))]
        self.groups = readings[0].groups
        # layers that look at nothing but the coefficient itself have nothing to fetch or to keep
        self.readings = [reading for reading in readings if reading.looks_back]

    def fetch(self, t):
        """Gather what is read at step ``t`` of the steps before."""
        for reading in self.readings:
            reading.fetch(t)

    def keep(self, t, shown=None):
        """Keep what came in at step ``t``: what has been filled in, or what is shown now."""
        for reading in self.readings:
            reading.keep(t, shown)

    def state(self, name):
        """The tensors of the batch, by names that begin with ``name``: the inputs held, and those of the step."""
        return {f"{name}.{i}.{key}": held for i, r in enumerate(self.readings) for key, held in r.state().items()}


class _Reading:
    """Layers of one shape: the inputs that they hold, and those that they read at the step at hand."""

    def __init__(self, layers, ranks, batch):
        convs, self.biases = zip(*layers, strict=True)
        table = convs[0].taps(ranks).table_of(ranks)
        inputs, count, self.sees_itself = convs[0].weight.shape[1] // convs[0].groups, len(convs), convs[0].include_self
        self.groups, self.held_at = groups_of(ranks).tolist(), table.place
        self.looks_back = any(len(kinds) > self.sees_itself for kinds in table.kinds)
        self.weights = [torch.stack([tap_weights(conv, kinds) for conv in convs]) for kinds in table.kinds]
        self.rows = [self.weights[0].new_zeros(count * batch, len(kinds), inputs) for kinds in table.kinds]
        self.own = [rows.unflatten(0, (count, batch))[:, :, 0] for rows in self.rows] if self.sees_itself else None
        self.cache = self.rows[0].new_zeros(count * batch, table.size if self.looks_back else 1, inputs)
        self.held = self.cache.unflatten(0, (count, batch)).unbind(2)
        self.index = self._index(table)

    def _index(self, table):
        """For each step the places that it reads: zeros where it will fill in its own input."""
        index = [None] * len(self.groups)
        for steps, reads in zip(table.steps, table.reads, strict=True):
            if self.sees_itself:
                reads = F.pad(reads[:, 1:], (1, 0))
            for t, places in zip(steps.tolist(), reads.unbind(), strict=True):
                index[t] = places
        return index

    def place(self, n, group):
        """One of the layers, for one group."""
        rows = self.rows[group].unflatten(0, (len(self.biases), -1))[n].flatten(1)
        own = self.own[group][n] if self.sees_itself else None
        return Place(own, rows, self.weights[group][n], self.biases[n][:, group])

    def fetch(self, t):
        """Gather what is read at step ``t``, for all layers."""
        torch.index_select(self.cache, 1, self.index[t], out=self.rows[self.groups[t]])

    def keep(self, t, shown):
        """Hold what came in at step ``t``."""
        self.held[self.held_at[t]].copy_(self.own[self.groups[t]] if shown is None else shown)

    def state(self):
        """The inputs held, and what was read of them: ``(batch, layers, places, inputs)``."""
        tensors = {"inputs": self.cache, **{f"read.{group}": rows for group, rows in enumerate(self.rows)}}
        return {name: held.unflatten(0, (len(self.biases), -1)).transpose(0, 1) for name, held in tensors.items()}


def rectify(maps, place):
    """Hand on what is positive of the maps."""
    torch.clamp_min(maps, 0, out=place.own)


def answer(maps, places):
    """From maps to parameters, by the layers of an ``Answer``."""
    for place in places:
        rectify(maps, place)
        maps = place.sum()
    return maps
