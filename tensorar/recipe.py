"""Recipes: a dataset, a model and how to train it; all that is needed to train it again."""

from __future__ import annotations

from dataclasses import dataclass, field

from tensorar.parts.spec import PartSpec
from tensorar.settings import TrainingSettings


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What to train on what, and how, as part specs and settings.

    ``name`` and ``description`` are for recipes that a plugin brings (``tensorar train --recipe NAME``).
    """

    dataset: PartSpec
    ordering: PartSpec
    head: PartSpec
    backbone: PartSpec
    training: TrainingSettings = field(default_factory=TrainingSettings)
    name: str = "custom"
    description: str = ""
