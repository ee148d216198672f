"""Train recipes, evaluate them on their test sets, and record the figures in results.json.

Run: python tests/benchmarks/reproduce.py toy-convnet mnist-fvsbn ...    (then make_tables.py)
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from make_tables import LIKELIHOODS

RUNS = Path("runs") / "benchmarks"
# exact likelihoods take 784 calls of the convnet per image: a thousand images suffice for three digits
EVALUATION = {"mnist-convnet": ["--exact", "--events", "1000"]}


def tensorar(*arguments: str) -> dict:
    """Run a command and parse its JSON result."""
    command = [sys.executable, "-m", "tensorar_cli", *arguments, "--json"]
    print("+ tensorar", *arguments, flush=True)
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def reproduce(recipe: str) -> dict:
    """Train and evaluate one recipe."""
    run = RUNS / f"{recipe}-{int(time.time())}"
    trained = tensorar("train", "--recipe", recipe, "--out", str(run), "--device", "cpu")
    arguments = ["evaluate", str(run), "--device", "cpu", *EVALUATION.get(recipe, [])]
    evaluated = tensorar(*arguments)
    keys = ("nats", "standard_error", "bits_per_dim", "perplexity", "events", "exact", "data_nats")
    return {
        "train": f"tensorar train --recipe {recipe} --out RUN",
        "evaluate": "tensorar evaluate RUN " + " ".join(EVALUATION.get(recipe, [])),
        "training_seconds": trained["metrics"][-1]["seconds"],
        "steps": trained["metrics"][-1]["step"],
        **{key: evaluated[key] for key in keys},
        "run": str(run),
        "machine": machine(),
    }


def machine() -> str:
    """Describe the machine."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = f"torch {torch.__version__}, Python {platform.python_version()}"
    return f"{cores} cores {platform.machine()}, {torch.get_num_threads()} threads, {versions}"


def recorded() -> dict:
    """All recorded figures, by recipe."""
    return json.loads(LIKELIHOODS.read_text()) if LIKELIHOODS.exists() else {}


def main(recipes: list[str]) -> None:
    """Reproduce the recipes in turn, and record each as soon as it is done."""
    for recipe in recipes:
        found = reproduce(recipe)
        LIKELIHOODS.write_text(json.dumps(recorded() | {recipe: found}, indent=2) + "\n")
        print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
