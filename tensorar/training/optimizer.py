"""The optimizer, AdamW, and its learning-rate schedule."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from tensorar.runs.settings import TrainingSettings


def make_optimizer(model: nn.Module, settings: TrainingSettings) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019), without weight decay on vectors and biases."""
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        (free if parameter.ndim < 2 or name.endswith("bias") else decayed).append(parameter)
    groups = [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": free, "weight_decay": 0.0}]
    filled = [group for group in groups if group["params"]]
    # one kernel for all weights, several times as fast as a loop over operations
    return torch.optim.AdamW(filled, lr=settings.learning_rate, fused=can_be_fused(model))


def can_be_fused(model: nn.Module) -> bool:
    """Whether torch has one kernel for the updates of these weights: real floats on a CPU or a GPU of NVIDIA or AMD."""
    return all(p.is_floating_point() and p.device.type in ("cpu", "cuda") for p in model.parameters())


@torch.no_grad()
def take_step(optimizer: torch.optim.AdamW) -> None:
    """``optimizer.step()``: once its tensors are there, the kernel alone, without the hooks and look-ups around it.

    They take several times as long as the kernel for a small network.
    """
    updates = [[p for p in group["params"] if p.grad is not None] for group in optimizer.param_groups]
    if not optimizer.defaults["fused"] or any(p not in optimizer.state for some in updates for p in some):
        optimizer.step()
        return
    for group, some in zip(optimizer.param_groups, updates, strict=True):
        states = [optimizer.state[p] for p in some]
        steps, *moments = ([state[slot] for state in states] for slot in ("step", "exp_avg", "exp_avg_sq"))
        if some:
            torch._foreach_add_(steps, 1)
            torch._fused_adamw_(some, [p.grad for p in some], *moments, [], steps, **_options(group))


def _options(group: dict[str, Any]) -> dict[str, Any]:
    beta1, beta2 = group["betas"]
    given = {name: group[name] for name in ("lr", "weight_decay", "eps", "amsgrad", "maximize")}
    return {"beta1": beta1, "beta2": beta2, **given}


def learning_rate_factor(step: int, warmup: int, progress: float, hold: float = 0.0, end: float = 1.0) -> float:
    """The factor of the learning rate: linear warmup times cosine decay, as ``progress`` goes from ``hold`` to ``end``.

    >>> [round(learning_rate_factor(s, 2, s / 8), 2) for s in (0, 1, 4, 8)]
    [0.5, 0.96, 0.5, 0.0]
    >>> [round(learning_rate_factor(s, 0, s / 8, hold=0.5), 2) for s in (0, 4, 6, 8)]
    [1.0, 1.0, 0.5, 0.0]
    """
    warm = min(1.0, (step + 1) / warmup) if warmup else 1.0
    decayed = max(0.0, progress - hold) / max(end - hold, 1e-9)
    return warm * 0.5 * (1 + math.cos(math.pi * min(decayed, 1.0)))
