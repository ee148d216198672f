"""Memory that training and evaluation take, required before they start."""

from __future__ import annotations

from tensorar.backbone import EvidenceBackbone
from tensorar.model import AutoregressiveModel
from tensorar.training.evaluation import EVENTS_PER_CHUNK, never_estimated
from tensorar.utils.memory import require_memory

# weights, their gradients, the two moments of Adam and the moving average
COPIES_OF_WEIGHTS = 5
# a tensor of features or parameters and its gradient, or what a head makes of it
COPIES_OF_OUTPUTS = 2


def require_memory_for_training(model: AutoregressiveModel, batch_size: int, valid_events: int) -> None:
    """Raise ``TensorarError``, with the size, if training on the CPU takes more memory than is available.

    Causal networks take a large batch in parts (``batch_parts``), of one event at least.
    """
    if model.device.type != "cpu":
        return
    weights = weight_bytes(model)
    trained = _pass_bytes(model, 1 if model.is_causal else batch_size, every_coefficient=_trains_on_all(model))
    validated = _pass_bytes(model, min(valid_events, EVENTS_PER_CHUNK), every_coefficient=never_estimated(model))
    required = (COPIES_OF_WEIGHTS - 1) * weights + max(trained, validated)
    require_memory(
        required,
        f"training {weights // model.dtype.itemsize} weights on batches of {batch_size}",
        remedy="use a smaller network, batch_size or number of values",
    )


def weight_bytes(model: AutoregressiveModel) -> int:
    """The size of a model's parameters."""
    return sum(p.numel() * p.element_size() for p in model.parameters())


def require_memory_for_evaluation(
    model: AutoregressiveModel, events: int, *, exact: bool | None, samples_per_event: int
) -> None:
    """Raise ``TensorarError``, with the size, if evaluation on the CPU takes more memory than is available."""
    if model.device.type != "cpu":
        return
    exact = bool(exact) or never_estimated(model)
    prefixes = min(events, EVENTS_PER_CHUNK) * (1 if exact else samples_per_event)
    require_memory(
        _pass_bytes(model, prefixes, every_coefficient=exact),
        f"{prefixes} {'events' if exact else 'prefixes of events'} at once",
        remedy="use a model of smaller events, or a smaller samples_per_event",
    )


def _trains_on_all(model: AutoregressiveModel) -> bool:
    """Whether a training pass computes all conditionals of an event."""
    backbone = model.backbone
    return not isinstance(backbone, EvidenceBackbone) or backbone.dense


def _pass_bytes(model: AutoregressiveModel, events: int, *, every_coefficient: bool) -> int:
    """At least the bytes of the features of events and of the parameters of all their coefficients, or of one."""
    signature, n = model.backbone.signature, len(model.order)
    numbers = n * signature.feature_count + (n if every_coefficient else 1) * signature.parameter_count
    return COPIES_OF_OUTPUTS * events * numbers * model.dtype.itemsize
