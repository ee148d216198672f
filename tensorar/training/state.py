"""The state from which training resumes exactly, in one safetensors file."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from tensorar.errors import RunError
from tensorar.runs.tensors import read_tensors, strip_prefix, write_tensors


@dataclass
class TrainingState:
    """The progress of training. Random numbers are keyed by seed and step, so they have no state of their own."""

    step: int = 0
    seconds: float = 0.0
    best_nats: float | None = None
    evaluations_without_improvement: int = 0
    interval_nats: float = 0.0
    interval_steps: int = 0
    finished: bool = False

    def record(self, valid_nats: float) -> bool:
        """Record a validation and start a new interval; return whether it is the best one so far."""
        improved = math.isfinite(valid_nats) and (self.best_nats is None or valid_nats < self.best_nats)
        self.evaluations_without_improvement = 0 if improved else self.evaluations_without_improvement + 1
        self.interval_nats, self.interval_steps = 0.0, 0
        if improved:
            self.best_nats = valid_nats
        return improved


def save_state(
    path: Path, state: TrainingState, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer
) -> None:
    """Write the state, the weights of all modules and the optimizer's tensors."""
    tensors = {f"{name}/{key}": value for name, module in modules.items() for key, value in module.state_dict().items()}
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{slot}": value for slot, value in slots.items()}
    write_tensors(path, tensors, {"state": json.dumps(asdict(state))})


def load_state(path: Path, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer) -> TrainingState:
    """Restore what ``save_state`` wrote. Raises ``RunError`` when the file is damaged or belongs to another model."""
    tensors, metadata = read_tensors(path)
    try:
        for name, module in modules.items():
            module.load_state_dict(strip_prefix(f"{name}/", tensors))
        slots: dict[int, dict[str, Tensor]] = {}
        for key, value in strip_prefix("optimizer/", tensors).items():
            index, _, slot = key.partition("/")
            slots.setdefault(int(index), {})[slot] = value
        optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})
        return TrainingState(**json.loads(metadata["state"]))
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        raise RunError(
            expected=f"{path} to contain the training state of this run",
            got=" ".join(str(error).split())[:200],
            remedy="restore it from a copy, or train again in a new folder",
        ) from error
