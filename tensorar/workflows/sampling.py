"""Options of sampling that ``sample`` and ``inpaint`` share."""

from __future__ import annotations

from typing import get_args

import torch

from tensorar.errors import SpecError
from tensorar.generation import Chooser, Method
from tensorar.parts.spec import nearest


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


def seeded_generator(seed: int) -> torch.Generator:
    """A CPU generator with a seed."""
    return torch.Generator().manual_seed(seed)
