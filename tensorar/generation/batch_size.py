"""How many events are drawn at once, so that a large number of samples fits into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tensorar.backbone import CausalBackbone
from tensorar.conditionals import stepper_of
from tensorar.stepper import Stepper

if TYPE_CHECKING:
    from tensorar.model import AutoregressiveModel

# bytes that the caches, the noise and the activations of one batch may take, unless said
BUDGET = 2**30


def max_batch_size(model: AutoregressiveModel, method: str, n: int, memory: int | None = None) -> int:
    """So many that what grows with the batch stays within ``memory`` bytes; at least one."""
    if n <= 1:
        return 1
    budget = BUDGET if memory is None else memory
    noise = _noise_bytes(model)
    if n * (noise + _all_activations(model)) <= budget:
        return n
    backbone = model.backbone
    keeps = method == "cached" and isinstance(backbone, CausalBackbone) and backbone.has_stepper
    each = noise + (_cache_bytes(model) if keeps else _pass_bytes(model))
    return max(1, min(n, budget // max(each, 1)))


def _all_activations(model: AutoregressiveModel) -> int:
    """No less than what one event takes by any method: what every layer says of every coefficient, at once."""
    outputs = sum(len(p) for p in model.backbone.parameters() if p.ndim > 1)
    return len(model.order) * outputs * model.dtype.itemsize


def _noise_bytes(model: AutoregressiveModel) -> int:
    return len(model.order) * (model.head.noise_size or 0) * model.dtype.itemsize


def _cache_bytes(model: AutoregressiveModel) -> int:
    """What a stepper holds for one more event: the difference between one for two and one for one."""
    backbone = model.backbone
    assert isinstance(backbone, CausalBackbone)
    context = torch.zeros(2, backbone.signature.context_features, dtype=model.features_dtype, device=model.device)
    given = [context[:k] if context.shape[1] else None for k in (1, 2)]
    one, two = (stepper_of(backbone, model.order, k, c) for k, c in zip((1, 2), given, strict=True))
    return held(two) - held(one)


def held(stepper: Stepper) -> int:
    """The bytes behind all tensors that a stepper holds."""
    return sum(tensor.untyped_storage().nbytes() for tensor in tensors_of(stepper))


def tensors_of(thing: object, seen: set[int] | None = None) -> list[Tensor]:
    """The tensors that an object holds in its attributes, lists and the like, one for all views of the same memory.

    Modules, which are the model's and not the object's, are left out.
    """
    seen = set() if seen is None else seen
    if id(thing) in seen or isinstance(thing, torch.nn.Module):
        return []
    seen.add(id(thing))
    if isinstance(thing, Tensor):
        return _new(thing, seen)
    inside = thing.values() if isinstance(thing, dict) else thing if isinstance(thing, list | tuple) else ()
    attributes = vars(thing).values() if hasattr(thing, "__dict__") else ()
    return [tensor for value in (*inside, *attributes) for tensor in tensors_of(value, seen)]


def _new(tensor: Tensor, seen: set[int]) -> list[Tensor]:
    memory = tensor.untyped_storage().data_ptr()
    if memory in seen:
        return []
    seen.add(memory)
    return [tensor]


def _pass_bytes(model: AutoregressiveModel) -> int:
    """A guess at the activations of a whole pass: some times what goes in and comes out, and the widest layer."""
    widest = max((max(p.shape[:2]) for p in model.backbone.parameters() if p.ndim > 1), default=1)
    signature = model.backbone.signature
    per_coefficient = signature.feature_count + signature.parameter_count + min(widest, 4096)
    return 8 * len(model.order) * per_coefficient * model.dtype.itemsize
