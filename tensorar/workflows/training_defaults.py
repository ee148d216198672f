"""The training settings that are used where none are given."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tensorar.backbone import Backbone
from tensorar.dataset import Dataset
from tensorar.runs.settings import LENGTHS, TrainingSettings

# training without a length ends when the validation has stopped improving, at the latest after so many minutes
MINUTES, PATIENCE = 20.0, 10
# small data are evaluated more often, every so many passes over them; in steps
PASSES_PER_EVALUATION, LEAST_STEPS = 2, 50


def default_settings(backbone: type[Backbone], dataset: Dataset, given: Mapping[str, Any]) -> TrainingSettings:
    """Those that the backbone recommends, with what is ``given``.

    Without a length (``steps``, ``epochs``, ``minutes``), training ends when the validation has stopped improving.
    Raises ``SpecError``.
    """
    settings = TrainingSettings().changed(dict(backbone.recommended))
    if not given.keys() & set(LENGTHS):
        settings = settings.changed({"minutes": MINUTES, "patience": PATIENCE})
    often = PASSES_PER_EVALUATION * math.ceil(len(dataset.train) / settings.changed(given).batch_size)
    every = min(settings.evaluate_every, max(LEAST_STEPS, often))
    return settings.changed({"evaluate_every": every} | dict(given))
