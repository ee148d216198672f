"""Examples per second of a training with one process and with two, one thread each, by torchrun, in turns.

Run: python tests/benchmarks/bench_processes.py    (on an otherwise idle machine of two cores; records processes.json)
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from make_tables import PROCESSES, PROCESSES_COLUMNS, header, processes_row
from timing import machine

BACKBONES = ("made", "pixelcnn:channels=32,blocks=15")
BATCH, STEPS, ROUNDS = 128, 20, 1


def examples_per_second(backbone: str, processes: int, folder: Path, name: str) -> float:
    """Those of the training's own clock, which starts at the first step."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    parts = ["--ordering", "raster", "--head", "bernoulli", "--backbone", backbone, "--device", "cpu"]
    length = ["--steps", str(STEPS), "--batch-size", str(BATCH), "--set", "valid_events=10", "--json"]
    command = [*launcher, "-m", "tensorar_cli", "train", "npy:path=bits.npy", *parts, *length, "--out", name]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    last = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))["metrics"][-1]
    return BATCH * last["step"] / last["seconds"]


def main() -> None:
    """Measure, print and record."""
    found = []
    print(header(PROCESSES_COLUMNS), flush=True)
    for backbone in BACKBONES:
        speeds: dict[int, list[float]] = {1: [], 2: []}
        with tempfile.TemporaryDirectory() as folder:
            bits = np.random.default_rng(0).integers(0, 2, (2000, 1, 28, 28), np.uint8)
            np.save(Path(folder) / "bits.npy", bits)
            for turn in range(ROUNDS):
                for processes, measured in speeds.items():
                    run = f"{turn}-{processes}"
                    measured.append(examples_per_second(backbone, processes, Path(folder), run))
        medians = {str(processes): statistics.median(measured) for processes, measured in speeds.items()}
        found.append({"backbone": backbone, "batch": BATCH, "examples_per_second": medians, "machine": machine()})
        print(processes_row(found[-1]), flush=True)
    PROCESSES.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
