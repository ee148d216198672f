"""Options of sampling that ``sample`` and ``inpaint`` share."""

from __future__ import annotations

import math
from typing import get_args

import torch

from tensorar.errors import SpecError
from tensorar.generation import Chooser, Method
from tensorar.parts.spec import nearest
from tensorar.runs.run import Run
from tensorar.utils.memory import require_memory

# evidence and samples with their masks, in standard values and in the data's
BYTES_PER_VALUE = 40


def check_sampling(method: str, temperature: float, top_k: int | None, top_p: float | None) -> Method:
    """The sampling method of that name. Raises ``SpecError`` for invalid options, before any data are loaded."""
    Chooser(temperature, top_k, top_p)
    return _known_method(method)


def _known_method(name: str) -> Method:
    methods: tuple[Method, ...] = get_args(Method)
    if name not in methods:
        raise SpecError(
            expected=f"`method` to be one of {', '.join(methods)}", got=repr(name), remedy=nearest(name, methods)
        )
    return next(method for method in methods if method == name)


def require_memory_for_samples(run: Run, n: int) -> None:
    """Raise ``TensorarError``, with the size, for more samples than memory; called before the model is loaded."""
    size = math.prod(run.event_shape) + run.context_features
    require_memory(n * size * BYTES_PER_VALUE, f"{n} samples of shape {run.event_shape}", remedy="draw fewer at a time")


def seeded_generator(seed: int) -> torch.Generator:
    """A CPU generator with a seed."""
    return torch.Generator().manual_seed(seed)
