"""Batches in parts whose activations fit in a budget: gradients add up, so a large batch need not be held at once.

On a CPU that also is faster: smaller tensors stay in its caches.
"""

from __future__ import annotations

import torch
from jaxtyping import Real
from torch import Tensor

from tensorar.evidence import Evidence
from tensorar.model import AutoregressiveModel
from tensorar.utils.random_state import seeded
from tensorar.utils.shapes import split_batch

# what the operations of a part keep for their gradients
MAX_BYTES_OF_PART = 2**28


def part_size(
    model: AutoregressiveModel, events: Real[Tensor, "batch *event"] | Evidence, contexts: Tensor | None
) -> int:
    """How many events of a batch are passed at once: parts of about equal size that fit in ``MAX_BYTES_OF_PART``.

    A function of the model and the shapes alone, so that a resumed training has the same parts. All events, if the
    model is on a GPU, and for evidence backbones, which spread the steps that they draw over the batch.
    """
    count = len(events)
    if not model.is_causal or model.device.type != "cpu" or count < 2:
        return max(1, count)
    one, two = (_kept_bytes(model, *next(split_batch(events, contexts, n))) for n in (1, 2))
    parts = -(-count * (two - one) // MAX_BYTES_OF_PART)
    return -(-count // min(count, max(1, parts)))


def _kept_bytes(model: AutoregressiveModel, events: Tensor | Evidence, contexts: Tensor | None) -> int:
    """The bytes that the operations of a loss keep for the backward pass, the weights among them included."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with seeded(0, model.device), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.loss(events, contexts)
    return sum(kept.values())
