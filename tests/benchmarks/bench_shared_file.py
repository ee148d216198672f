"""Memory of one and of two trainings on one array of 500 MB, by the proportional set size that Linux reports.

Run: python tests/benchmarks/bench_shared_file.py    (on Linux)

Pages that processes share count in equal parts, so that sizes add up to what the processes take together.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

EVENTS, SHAPE = 637_755, (28, 28)
OPTIONS = ("--backbone", "made", "--steps", "1000000", "--device", "cpu", "--set", "valid_events=100")


def proportional_bytes(process: int) -> int:
    """The proportional set size of a process."""
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{process}/smaps_rollup").read_text(), re.MULTILINE)
    assert found is not None
    return 1024 * int(found[1])


def measured(folder: Path, processes: int) -> list[int]:
    """The sizes of so many trainings at once, when each has made its first evaluation."""
    runs = [folder / f"{processes}-{k}" for k in range(processes)]
    command = [sys.executable, "-m", "tensorar_cli", "train", "npy:path=array.npy", *OPTIONS]
    command += ["--set", "evaluate_every=20", "--out"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with (folder / "log.txt").open("w") as log:
        each = [subprocess.Popen([*command, str(run)], cwd=folder, env=environment, stdout=log) for run in runs]
        try:
            while not all((run / "metrics.jsonl").exists() for run in runs):
                if any(one.poll() is not None for one in each):
                    raise SystemExit((folder / "log.txt").read_text())
                time.sleep(1)
            return [proportional_bytes(one.pid) for one in each]
        finally:
            for one in each:
                one.kill()
                one.wait()


def main() -> None:
    """Write the array, measure, print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        array = np.lib.format.open_memmap(folder / "array.npy", mode="w+", dtype=np.uint8, shape=(EVENTS, *SHAPE))
        chance = np.random.default_rng(0)
        for first in range(0, EVENTS, 50_000):
            part = array[first : first + 50_000]
            part[:] = chance.integers(0, 256, part.shape, np.uint8)
        array.flush()
        print(f"the array: {array.nbytes / 1e6:.0f} MB")
        del array
        for processes in (1, 2):
            sizes = measured(folder, processes)
            print(
                f"{processes} training{'s' * (processes > 1)}: {' + '.join(f'{size / 1e6:.0f}' for size in sizes)} MB"
            )


if __name__ == "__main__":
    main()
