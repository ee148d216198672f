"""The state from which training resumes exactly, in one safetensors file."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn

from tensorar.errors import RunError
from tensorar.runs.fields import BOOLEAN, TABLE, check_fields, integer, list_of, number, optional
from tensorar.runs.tensors import Layout, layout_of, open_tensors, require_finite, strip_prefix, write_tensors

# of the numbers of events in all steps, which are 64-bit integers
MAX_STEPS = 2**40
# validations whose median counts: one lucky evaluation does not hide that a noisy curve still falls
SMOOTHED = 5
FIELDS = {
    "step": integer(0, MAX_STEPS),
    "seconds": number(0),
    "best_nats": optional(number()),
    "evaluations_without_improvement": integer(0, MAX_STEPS),
    "interval_nats": number(),
    "interval_steps": integer(0, MAX_STEPS),
    "finished": BOOLEAN,
    "recent_nats": list_of(number(), SMOOTHED),
    "lowest_median": optional(number()),
    "decay_from": optional(number(0)),
}
# fields that states of earlier versions lack
LATER = ("recent_nats", "lowest_median", "decay_from")
# the indices of about 50,000 parameters
MAX_METADATA = 400_000
REMEDY = "restore it from a copy, or train again in a new folder"


@dataclass
class TrainingState:
    """The progress of training. Random numbers are keyed by seed and step, so they have no state of their own.

    ``recent_nats`` are the last finite validations, and ``lowest_median`` is the lowest median of so many in a row;
    ``decay_from`` is the fraction of the stage at which the learning rate began to decay, if patience held it.
    """

    step: int = 0
    seconds: float = 0.0
    best_nats: float | None = None
    evaluations_without_improvement: int = 0
    interval_nats: float = 0.0
    interval_steps: int = 0
    finished: bool = False
    recent_nats: list[float] = field(default_factory=list)
    lowest_median: float | None = None
    decay_from: float | None = None

    def ended(self, first_step: int) -> bool:
        """Whether the stage that began after ``first_step`` has ended; until it is saved, this is the stage before."""
        return self.finished and self.step > first_step

    def begin_stage(self) -> None:
        """Forget what ended the stage before, and its patience; the best validation still counts."""
        self.finished, self.evaluations_without_improvement = False, 0
        self.recent_nats, self.lowest_median, self.decay_from = [], None, None

    def record(self, valid_nats: float) -> bool:
        """Record a validation and start a new interval; return whether it is the best one so far."""
        finite = math.isfinite(valid_nats)
        improved = finite and (self.best_nats is None or valid_nats < self.best_nats)
        falls = finite and self._median_falls(valid_nats)
        self.evaluations_without_improvement = 0 if improved or falls else self.evaluations_without_improvement + 1
        self.interval_nats, self.interval_steps = 0.0, 0
        if improved:
            self.best_nats = valid_nats
        return improved

    def _median_falls(self, valid_nats: float) -> bool:
        """Whether the median of the last few validations is the lowest so far."""
        self.recent_nats = [*self.recent_nats, valid_nats][-SMOOTHED:]
        middle = median(self.recent_nats)
        if len(self.recent_nats) < SMOOTHED or (self.lowest_median is not None and middle >= self.lowest_median):
            return False
        self.lowest_median = middle
        return True


def save_state(
    path: Path, state: TrainingState, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer
) -> None:
    """Write the state, the weights of all modules and the optimizer's tensors."""
    slots = optimizer.state_dict()["state"]
    tensors = _weights(modules)
    for index, values in slots.items():
        tensors |= {f"optimizer/{index}/{slot}": value for slot, value in values.items()}
    write_tensors(path, tensors, {"state": json.dumps(asdict(state)), "optimized": json.dumps(sorted(slots))})


def load_state(path: Path, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer) -> TrainingState:
    """Restore what ``save_state`` wrote. Raises ``RunError`` when the file is damaged or belongs to another model."""
    built = _weights(modules)
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    with open_tensors(path) as file:
        state, optimized = _read_progress(file.metadata, len(parameters), path)
        file.require_layout(layout_of(built) | _optimizer_layout(parameters, optimized))
        tensors = file.read()
    require_finite(tensors, built, path)
    slots = {index: strip_prefix(f"optimizer/{index}/", tensors) for index in optimized}
    _check_counts(state, slots, strip_prefix("average/", tensors), path)
    for name, module in modules.items():
        module.load_state_dict(strip_prefix(f"{name}/", tensors))
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})
    return state


def read_state(path: Path) -> TrainingState:
    """The progress in a state's file, without its tensors. Raises ``RunError`` when the file is damaged."""
    with open_tensors(path) as file:
        return _read_progress(file.metadata, MAX_METADATA, path)[0]


def _weights(modules: dict[str, nn.Module]) -> dict[str, Tensor]:
    return {f"{name}/{key}": value for name, module in modules.items() for key, value in module.state_dict().items()}


def _optimizer_layout(parameters: list[Tensor], optimized: list[int]) -> Layout:
    """The tensors of AdamW for the parameters that have had a gradient."""
    layout: Layout = {}
    for index in optimized:
        moment = (parameters[index].dtype, tuple(parameters[index].shape))
        layout |= {f"optimizer/{index}/{slot}": moment for slot in ("exp_avg", "exp_avg_sq")}
        layout[f"optimizer/{index}/step"] = (torch.float32, ())
    return layout


def _read_progress(metadata: dict[str, str], parameters: int, path: Path) -> tuple[TrainingState, list[int]]:
    """The state, and the indices of the parameters that the optimizer has tensors for."""
    fields = {"state": TABLE, "optimized": list_of(integer(0, parameters - 1), parameters)}
    if any(len(text) > MAX_METADATA for text in metadata.values()):
        raise _inconsistent(f"metadata of at most {MAX_METADATA} characters", "more", path)
    try:
        values = {name: json.loads(text) for name, text in metadata.items()}
    except (ValueError, RecursionError) as error:
        raise _inconsistent("JSON in the metadata", "other text", path) from error
    check_fields(values, fields, where=str(path), remedy=REMEDY)
    check_fields(values["state"], FIELDS, where=f"the state of {path}", remedy=REMEDY, omissible=LATER)
    state = TrainingState(**values["state"])
    if state.interval_steps > state.step:
        raise _inconsistent(f"interval_steps up to its step, {state.step}", str(state.interval_steps), path)
    if bool(values["optimized"]) != (state.step > 0):
        raise _inconsistent(f"optimizer tensors at step {state.step}" if state.step else "none", "others", path)
    return state, values["optimized"]


def _check_counts(
    state: TrainingState, slots: dict[int, dict[str, Tensor]], average: dict[str, Tensor], path: Path
) -> None:
    """Compare the counts of updates with the step."""
    averaged = int(average["n_averaged"])
    if averaged != state.step:
        raise _inconsistent(f"averages of {state.step} steps", str(averaged), path)
    for index, values in slots.items():
        updates = float(values["step"])
        if not (1 <= updates <= state.step and updates.is_integer()):
            raise _inconsistent(f"from 1 to {state.step} updates of parameter {index}", f"{updates:g}", path)
        if bool((values["exp_avg_sq"] < 0).any()):
            raise _inconsistent(f"squares >= 0 for parameter {index}", "negative ones", path)


def _inconsistent(expected: str, got: str, path: Path) -> RunError:
    return RunError(expected=f"{expected} in {path}", got=got, remedy=REMEDY)
