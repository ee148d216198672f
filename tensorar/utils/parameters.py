"""The parameters of modules."""

from __future__ import annotations

from torch import nn


def first_parameter(module: nn.Module) -> nn.Parameter | None:
    """The first of ``module.parameters()``, found without listing the modules; None if there are none."""
    for parameter in module._parameters.values():
        if parameter is not None:
            return parameter
    for child in module._modules.values():
        found = None if child is None else first_parameter(child)
        if found is not None:
            return found
    return None
