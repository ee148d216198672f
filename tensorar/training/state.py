"""All that a training needs to go on to the last bit, in one safetensors file: atomic, and nothing that can execute."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from tensorar.errors import RunError
from tensorar.runs.tensors import read_tensors, under, write_tensors


@dataclass
class Progress:
    """Where a training stands. Random numbers are keyed by seed and step, so that the step says their state too."""

    step: int = 0
    seconds: float = 0.0
    best_nats: float | None = None
    evaluations_without_improvement: int = 0
    interval_nats: float = 0.0
    interval_steps: int = 0
    finished: bool = False


def save_state(path: Path, progress: Progress, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer) -> None:
    """Write the progress, the weights of all modules and the optimizer's tensors."""
    tensors = {f"{name}/{key}": value for name, module in modules.items() for key, value in module.state_dict().items()}
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{slot}": value for slot, value in slots.items()}
    write_tensors(path, tensors, {"progress": json.dumps(asdict(progress))})


def load_state(path: Path, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer) -> Progress:
    """Put back what ``save_state`` wrote. Raises ``RunError`` when the file is damaged or of another model."""
    tensors, metadata = read_tensors(path)
    try:
        for name, module in modules.items():
            module.load_state_dict(under(f"{name}/", tensors))
        slots: dict[int, dict[str, Tensor]] = {}
        for key, value in under("optimizer/", tensors).items():
            index, _, slot = key.partition("/")
            slots.setdefault(int(index), {})[slot] = value
        optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})
        return Progress(**json.loads(metadata["progress"]))
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        raise RunError(
            expected=f"{path} to hold the training state of this run",
            got=" ".join(str(error).split())[:200],
            remedy="restore it from a copy, or train again in a new folder",
        ) from error
