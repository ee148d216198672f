"""Masked convolutions at all coefficients at once that are visited in one go: a row, a plane."""

from __future__ import annotations

from tensorar_plugins.backbones.layers.sizes import max_examples_per_call
from tensorar_plugins.backbones.masked_conv.cache_layout import tap_weights

# numbers gathered at once: those of some examples, enough for all cores, few enough to stay in their caches
GATHERED = 2**19


class SlabConv:
    """A masked convolution by the ``ranks`` of slabs, of ``count`` coefficients each that ``visits`` visits in one go.

    It holds the inputs of earlier slabs as long as they are read. What all coefficients of a slab read is gathered and
    goes through one matrix product (one for each group). Maps are ``(batch, count, maps)``, in visiting order.
    """

    def __init__(self, conv, ranks, visits, count, batch):
        table = conv.taps(ranks).table_of(visits, count)
        self.count, self.place = count, table.place
        self.weights = [tap_weights(conv, kinds) for kinds in table.kinds]
        self.looks_around = not conv.include_self or any(len(kinds) > 1 for kinds in table.kinds)
        shape = (batch, table.size if self.looks_around else 0, conv.weight.shape[1] // conv.groups)
        self.cache = self.weights[0].new_zeros(shape)
        self.parts = _parts(table)

    def show(self, t, features):
        """Hold the features of the coefficient visited at step ``t``."""
        self.cache[:, self.place[t]] = features

    def add(self, out, slab, maps=None):
        """Add to ``out`` what the convolution makes of a slab (``maps``, if it sees them) and of those before."""
        if not self.looks_around:
            out.flatten(0, 1).addmm_(maps.flatten(0, 1), self.weights[0])
            return
        if maps is not None:
            self.cache.narrow(1, self.place[slab * self.count], self.count).copy_(maps)
        for group, members, reads in self.parts[slab]:
            few = max_examples_per_call(len(reads) * self.cache.shape[2], GATHERED, out.device)
            for cache, some in zip(self.cache.split(few), out.split(few), strict=True):
                self._add_group(some, cache, group, members, reads)

    def _add_group(self, out, cache, group, members, reads):
        weight = self.weights[group]
        rows = cache.index_select(1, reads).view(-1, len(weight))
        if members is None:
            out.flatten(0, 1).addmm_(rows, weight)
        else:
            out.index_add_(1, members, (rows @ weight).unflatten(0, (-1, len(members))))


def _parts(table):
    """For each slab its groups that read anything: which, which coefficients (None: all), what these read."""
    blocks = len(table.place) // table.count
    parts = [[] for _ in range(blocks)]
    for group, (steps, reads) in enumerate(zip(table.steps, table.reads, strict=True)):
        sizes = (steps // table.count).bincount(minlength=blocks).tolist()
        slabs = zip(parts, (steps % table.count).split(sizes), reads.split(sizes), strict=True)
        for part, members, places in slabs:
            if places.numel():
                part.append((group, None if len(members) == table.count else members, places.flatten()))
    return parts
