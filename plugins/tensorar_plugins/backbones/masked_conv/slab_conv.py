"""Masked convolutions of all coefficients that are visited in one go: a row, a plane."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from tensorar_plugins.backbones.layers.sizes import max_examples_per_call
from tensorar_plugins.backbones.masked_conv.cache_layout import SlabReads, cache_layout
from tensorar_plugins.backbones.masked_conv.conv import MaskedConv
from tensorar_plugins.backbones.masked_conv.incremental import tap_weights
from tensorar_plugins.backbones.masked_conv.taps import Ranks

# numbers gathered at once: enough examples for all cores, few enough to stay in their caches
MAX_ELEMENTS_PER_CALL = 2**19


class SlabConv:
    """A masked convolution by the ``ranks`` of slabs, of ``count`` coefficients each that ``visits`` visits in one go.

    It caches the inputs of earlier slabs as long as they are read. The inputs of all coefficients of a slab are
    gathered and go through one matrix product (one for each group). Maps are ``(batch, count, maps)``, in visiting
    order.
    """

    def __init__(self, conv: MaskedConv, ranks: Ranks, visits: Ranks, count: int, batch: int) -> None:
        self.layout = layout = cache_layout(conv.taps(ranks), visits, count)
        self.weights = [tap_weights(conv, types) for types in layout.edge_types]
        self.uses_cache = not conv.include_self or any(len(types) > 1 for types in layout.edge_types)
        slots, inputs = layout.size if self.uses_cache else 0, conv.weight.shape[1] // conv.groups
        self.cache = self.weights[0].new_zeros(batch, slots, inputs)

    def store(self, t: int, features: Float[Tensor, "batch inputs"]) -> None:
        """Cache the features of the coefficient visited at step ``t``."""
        self.cache[:, self.layout.slot[t]] = features

    def add_to(
        self, out: Float[Tensor, "batch count outputs"], slab: int, maps: Float[Tensor, "batch count inputs"] | None
    ) -> None:
        """Add the output for a slab to ``out``; ``maps`` are its inputs, None for a strict layer."""
        if not self.uses_cache:
            assert maps is not None
            out.flatten(0, 1).addmm_(maps.flatten(0, 1), self.weights[0])
            return
        if maps is not None:
            self.cache.narrow(1, self.layout.slot[slab * self.layout.block_size], self.layout.block_size).copy_(maps)
        for reads in self.layout.slab_reads[slab]:
            examples = max_examples_per_call(len(reads.slots) * self.cache.shape[2], MAX_ELEMENTS_PER_CALL, out.device)
            for cache_slice, out_slice in zip(self.cache.split(examples), out.split(examples), strict=True):
                self._add_group(out_slice, cache_slice, reads)

    def _add_group(
        self, out: Float[Tensor, "batch count outputs"], cache: Float[Tensor, "batch slots inputs"], reads: SlabReads
    ) -> None:
        weight, members = self.weights[reads.group], reads.members
        # (batch * members, types * inputs)
        inputs = cache.index_select(1, reads.slots).view(-1, len(weight))
        if members is None:
            out.flatten(0, 1).addmm_(inputs, weight)
        else:
            out.index_add_(1, members, (inputs @ weight).unflatten(0, (-1, len(members))))

    def state(self) -> dict[str, Float[Tensor, "batch slots inputs"]]:
        """The cached inputs of the batch."""
        return {"cache": self.cache} if self.uses_cache else {}
