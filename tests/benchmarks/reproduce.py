"""Train recipes, evaluate them on their test sets, and record the figures of the README.

Run: python tests/benchmarks/reproduce.py toy-convnet mnist-fvsbn ...   (or --table for what is recorded)
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results.json"
RUNS = Path("runs") / "benchmarks"
# the exact likelihood takes 784 calls of the convnet for each image: a thousand images are enough for three digits
EVALUATION = {"mnist-convnet": ["--exact", "--events", "1000"]}


def tensorar(*arguments: str) -> dict:
    """Run the command line; its JSON result."""
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
    """The machine in words."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = f"torch {torch.__version__}, Python {platform.python_version()}"
    return f"{cores} cores {platform.machine()}, {torch.get_num_threads()} threads, {versions}"


def recorded() -> dict:
    """All figures so far, by recipe."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def table() -> str:
    """The recorded figures as the README's table."""
    rows = ["| command | training | test nats | bits/dim | perplexity | exact nats of the data |", "|" + " --- |" * 6]
    for recipe, found in recorded().items():
        kind = "" if found["exact"] else " (estimate)"
        known = "" if found["data_nats"] is None else f"{found['data_nats']:.2f}"
        rows.append(
            f"| `tensorar train --recipe {recipe}` | {found['training_seconds'] / 60:.1f} min "
            f"| {found['nats']:.2f} ± {found['standard_error']:.2f}{kind} | {found['bits_per_dim']:.3f} "
            f"| {found['perplexity']:.3f} | {known} |"
        )
    return "\n".join(rows)


def main(recipes: list[str]) -> None:
    """Reproduce recipes one after the other, and record each as soon as it is there."""
    if recipes == ["--table"]:
        print(table())
        return
    for recipe in recipes:
        found = reproduce(recipe)
        RESULTS.write_text(json.dumps(recorded() | {recipe: found}, indent=2) + "\n")
        print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
