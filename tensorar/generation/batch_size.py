"""The batch size of sampling, chosen so that the buffers fit into memory."""

from __future__ import annotations

import torch

from tensorar.backbone import CausalBackbone
from tensorar.errors import PluginError
from tensorar.factorization import Factorization
from tensorar.generation.candidates import candidate_stepper
from tensorar.generation.choosers import Chooser
from tensorar.stepper import Stepper

# bytes for the caches, the noise and the activations of one batch, unless given
MEMORY_BUDGET = 2**30
# the parameters of a candidate as they are computed, joined and spread; in float64 its probabilities and logarithms
BUFFERS_PER_CANDIDATE = 8


def max_batch_size(model: Factorization, method: str, n: int, chooser: Chooser, memory: int | None = None) -> int:
    """The largest batch whose buffers fit in ``memory`` bytes (at least 1)."""
    if n <= 1:
        return 1
    budget = MEMORY_BUDGET if memory is None else memory
    everything = _noise_bytes(model, chooser) + _all_activations(model)
    # candidates are more than the activations of one pass
    if not model.ordering.adaptive and n * everything <= budget:
        return n
    return fitting(n, bytes_per_event(model, method, chooser), budget)


def fitting(n: int, each: int, memory: int | None) -> int:
    """How many of ``n`` fit in ``memory`` bytes (at least 1), each of which takes ``each``."""
    budget = MEMORY_BUDGET if memory is None else memory
    return max(1, min(n, budget // max(each, 1)))


def bytes_per_event(model: Factorization, method: str, chooser: Chooser) -> int:
    """The bytes of the noise and the caches, or activations, of one event."""
    state = _state_bytes(model) if method == "cached" else _pass_bytes(model)
    return _noise_bytes(model, chooser) + state


def _noise_bytes(model: Factorization, chooser: Chooser) -> int:
    numbers = len(model.order) * chooser.noise_size(model.head) + chooser.numbers_per_value(model.head)
    return numbers * model.dtype.itemsize


def _all_activations(model: Factorization) -> int:
    """One event's activations if all layer outputs were held at once."""
    outputs = sum(len(p) for p in model.backbone.parameters() if p.ndim > 1)
    return len(model.order) * outputs * model.dtype.itemsize


def _state_bytes(model: Factorization) -> int:
    """Bytes of a stepper's state for one event, or of a forward pass if the stepper does not report its state.

    Under an adaptive ordering with the parameters of all candidates of a step, and their scores.
    """
    backbone = model.backbone
    assert isinstance(backbone, CausalBackbone)
    size = backbone.signature.context_features
    context = torch.zeros(1, size, dtype=model.features_dtype, device=model.device) if size else None
    if model.ordering.adaptive:
        candidates = len(model.order) * model.head.parameter_count * model.dtype.itemsize
        return held_bytes(candidate_stepper(backbone, model.order, 1, context)) + BUFFERS_PER_CANDIDATE * candidates
    stepper = backbone.stepper(model.order, 1, context)
    try:
        return _pass_bytes(model) if stepper is None else held_bytes(stepper)
    except PluginError:
        return _pass_bytes(model)


def held_bytes(stepper: Stepper) -> int:
    """The bytes of a stepper's state. Raises ``PluginError`` if it has none."""
    return sum(tensor.numel() * tensor.element_size() for tensor in stepper.state().values())


def _pass_bytes(model: Factorization) -> int:
    """A guess at the activations of a forward pass: a multiple of inputs, outputs and the widest layer."""
    widest = max((max(p.shape[:2]) for p in model.backbone.parameters() if p.ndim > 1), default=1)
    signature = model.backbone.signature
    per_coefficient = signature.feature_count + signature.parameter_count + min(widest, 4096)
    return 8 * len(model.order) * per_coefficient * model.dtype.itemsize
