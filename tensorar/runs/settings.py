"""Training settings: the table ``[training]`` of a recipe."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tensorar.augmentation import Augmentation
from tensorar.errors import SpecError
from tensorar.parts.part import coerce
from tensorar.parts.spec import nearest

LENGTHS = ("steps", "epochs", "minutes")
# whatever is computed from settings stays finite
MAXIMUM = 10**15


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Length, optimizer and evaluation of training.

    Training ends at the first of ``steps``, ``epochs`` and ``minutes`` (by default after 10 epochs). ``minutes`` counts
    training time over all resumptions; the learning-rate schedule then follows the clock, so only runs limited by steps
    or epochs are reproducible bit by bit. ``warmup`` and ``evaluate_every`` are in steps. ``ema`` is the decay of the
    averaged weights, which are evaluated and kept (0: no averaging), ``clip`` the largest gradient norm (of the nats
    per event), ``valid_events`` the number of validation events, and ``patience`` the number of evaluations without
    improvement after which training begins to end (0: never): the learning rate is held until then, or for three
    quarters of the length, and decays in a quarter of the training. ``batch_size`` is in events, over all processes;
    ``learning_rate`` is the peak rate, after warmup and before cosine decay; ``weight_decay`` is AdamW's decoupled
    decay of matrices; ``precision`` is that of the forward and backward pass; ``seed`` determines initial weights,
    batches and noise. A step takes its batch in at least ``accumulate`` parts, one after the other, whose gradients
    add up: less memory for the same step. Where orders or prefixes are drawn, every part draws its own. ``augment``,
    such as ``shift=2,flip=horizontal``, transforms training events of images (``Augmentation``; empty: none).
    """

    steps: int | None = None
    epochs: float | None = None
    minutes: float | None = None
    batch_size: int = 100
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    warmup: int = 100
    clip: float = 1.0
    ema: float = 0.999
    evaluate_every: int = 500
    valid_events: int = 2000
    patience: int = 0
    accumulate: int = 1
    precision: Literal["float32", "bfloat16"] = "float32"
    seed: int = 0
    augment: str = ""

    def __post_init__(self) -> None:
        positive = (
            "steps",
            "epochs",
            "minutes",
            "batch_size",
            "learning_rate",
            "evaluate_every",
            "valid_events",
            "clip",
            "accumulate",
        )
        for name in positive:
            _require(name, getattr(self, name), f"a positive number, at most {MAXIMUM:g}", _is_positive)
        for name in ("weight_decay", "warmup", "patience"):
            _require(name, getattr(self, name), f"zero or more, at most {MAXIMUM:g}", lambda v: 0 <= v <= MAXIMUM)
        _require("seed", self.seed, "from 0 to 2**63 - 1", lambda v: 0 <= v < 2**63)
        Augmentation.parse(self.augment)
        _require("ema", self.ema, "a decay from 0 up to (not including) 1", lambda v: 0 <= v < 1)

    @property
    def augmentation(self) -> Augmentation | None:
        """What is done to training events, if anything is."""
        return Augmentation.parse(self.augment)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainingSettings:
        """Settings from a recipe's table. Raises ``SpecError`` for an unknown key or an invalid value."""
        kinds = _option_types()
        for key in values:
            if key not in kinds:
                raise SpecError(expected="a training setting", got=repr(key), remedy=nearest(key, kinds))
        return cls(**{key: coerce(value, kinds[key], where=f"the setting {key!r}") for key, value in values.items()})

    def changed(self, changes: Mapping[str, Any]) -> TrainingSettings:
        """Settings with changes; a new length replaces the old one, whatever its unit. Raises ``SpecError``."""
        old = {key: value for key, value in vars(self).items() if value is not None}
        if changes.keys() & set(LENGTHS):
            old = {key: value for key, value in old.items() if key not in LENGTHS}
        return TrainingSettings.from_dict(old | dict(changes))

    def planned_steps(self, training_events: int) -> int | None:
        """The largest number of steps, or None if only ``minutes`` limits training."""
        epochs = 10.0 if self.steps is self.epochs is self.minutes is None else self.epochs
        batch = min(self.batch_size, training_events)
        by_epochs = None if epochs is None else max(1, math.ceil(epochs * training_events / batch))
        limits = [limit for limit in (self.steps, by_epochs) if limit is not None]
        return min(limits) if limits else None


def _option_types() -> dict[str, Any]:
    from typing import get_type_hints

    return get_type_hints(TrainingSettings)


def _is_positive(value: float | None) -> bool:
    return value is None or 0 < value <= MAXIMUM


def _require(name: str, value: Any, expected: str, holds: Any) -> None:
    if not holds(value):
        raise SpecError(expected=f"{name} to be {expected}", got=str(value), remedy=f"change the setting {name}")
