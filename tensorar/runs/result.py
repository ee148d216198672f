"""The result of a row: a JSON file with the figure, and all that is needed to believe it."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from tensorar.errors import RunError
from tensorar.runs.fields import BOOLEAN, TABLE, TEXT, Field, integer, list_of, number, optional
from tensorar.utils.files import json_text, read_json, write_atomically

FORMAT = 1
RESULT_FILE, QUICK_FILE = "result.json", "quick.json"
# more evaluations than a training has
MAX_ROWS, MAX_FOLDS = 100_000, 1000
FIELDS: dict[str, Field] = {
    "format": integer(FORMAT, FORMAT),
    "name": TEXT,
    "quick": BOOLEAN,
    "command": TEXT,
    "unit": TEXT,
    "figure": number(),
    "standard_error": optional(number(0)),
    "theirs": optional(number()),
    "baseline": optional(number()),
    "events": integer(1),
    "exact": BOOLEAN,
    "mean_over_orders": optional(number()),
    "models": list_of(TABLE, MAX_FOLDS),
    "recipe": TABLE,
    "seed": integer(),
    "seconds": number(0),
    "evaluation_seconds": number(0),
    "machine": TABLE,
    "versions": TABLE,
}


def write_result(folder: Path, result: dict[str, Any]) -> Path:
    """Write a result into the folder of its run; that of a quick trial under another name. Raises ``RunError``."""
    path = folder / (QUICK_FILE if result["quick"] else RESULT_FILE)
    write_atomically(path, json_text(result))
    return path


def read_result(path: Path) -> dict[str, Any]:
    """A recorded result, with every field of its type. Raises ``RunError``."""
    from tensorar.runs.fields import check_fields

    result = read_json(path)
    check_fields(result, FIELDS, where=str(path), remedy="restore it from a copy, or train the row again")
    if result["quick"]:
        raise RunError(
            expected=f"the result of a whole training in {path}",
            got="that of a quick trial",
            remedy="train the row with tensorar reproduce, without --quick",
        )
    return result


def machine(device: torch.device) -> dict[str, Any]:
    """The machine that trained and evaluated."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = {"cores": cores, "threads": torch.get_num_threads(), "processor": platform.machine()}
    return found | ({"gpu": torch.cuda.get_device_name(device)} if device.type == "cuda" else {})


def versions() -> dict[str, str]:
    """The versions of what computes likelihoods."""
    return {"tensorar": version("tensorar"), "torch": torch.__version__, "python": platform.python_version()}
