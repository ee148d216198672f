"""Events of 100,000 coefficients on two cores: which backbone trains, evaluates and samples in what time and memory.

Run: python tests/benchmarks/bench_large_events.py    (records large_events.json, a process for each backbone)
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "large_events.json"
SHAPE = (1, 250, 400)
BATCH, STEPS, LIMIT = 4, 20, 150
BACKBONES = (
    "fvsbn",
    "nade:hidden=64",
    "made:hidden=64,layers=1",
    "rnn:hidden=32,layers=1",
    "pixelcnn:channels=32,blocks=3",
    "gated_pixelcnn:channels=16,layers=3",
    "row_lstm:channels=16,layers=1",
    "diagonal_bilstm:channels=8,layers=1",
    "transformer:channels=32,heads=2,layers=2",
    "convnet",
    "mlp:hidden=64,layers=2",
    "unet:channels=16",
)


def measured(backbone: str) -> Iterator[dict]:
    """The figures of one backbone, in this process: ever more of them."""
    import torch

    from tensorar import build
    from tensorar.training.evaluation import exact_seconds
    from tensorar.utils.allocation import StepGuard
    from tensorar.utils.memory import peak_memory

    torch.set_num_threads(2)
    torch.manual_seed(0)
    model = build(SHAPE, "raster", "bernoulli", backbone)
    x = torch.randint(0, 2, (BATCH, *SHAPE), dtype=torch.uint8)
    optimizer = torch.optim.AdamW(model.parameters())

    def step(batch) -> float:
        started = time.perf_counter()
        model.loss(batch).backward()
        optimizer.step()
        optimizer.zero_grad()
        return time.perf_counter() - started

    with StepGuard(f"training {backbone} on one event"):
        step(x[:1])
    found = {"backbone": backbone, "weights": sum(p.numel() for p in model.parameters())}
    found["step"] = step(x)
    found["memory"] = peak_memory()
    yield found
    model.eval()
    started = time.perf_counter()
    if model.is_causal:
        with torch.no_grad():
            model.log_prob(x[:1])
        found["log_prob"] = time.perf_counter() - started
    else:
        found["log_prob"] = exact_seconds(model, x[:1], None)
    yield found
    found["sample"] = seconds_to_sample(model)
    yield found


def seconds_to_sample(model) -> float:
    """The seconds of a sample, from those of its first coefficients."""
    import torch

    with torch.no_grad():
        state = model.generation(1)
        for k in range(2 * STEPS):
            if k == STEPS:
                started = time.perf_counter()
            state.distribution()
            state.observe(torch.zeros(1))
        return (time.perf_counter() - started) / STEPS * len(state)


def outcome(backbone: str) -> dict:
    """The figures of one backbone, in a process of its own; or why there are none."""
    command = [sys.executable, __file__, "--one", backbone]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired as error:
        lines = (error.stdout or b"").splitlines()
        return json.loads(lines[-1]) if lines else {"backbone": backbone, "refused": f"no step in {LIMIT} s"}
    if ended.returncode == 0:
        return json.loads(ended.stdout.splitlines()[-1])
    return {"backbone": backbone, "refused": ended.stderr.strip().splitlines()[-1].partition(": ")[2]}


def main() -> None:
    """Measure all backbones, or one of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", help="measure this backbone, and print its figures")
    parser.add_argument("--only", nargs="+", default=BACKBONES, help="record these backbones, and keep the others")
    arguments = parser.parse_args()
    if arguments.one:
        for figures in measured(arguments.one):
            print(json.dumps(figures), flush=True)
        return
    found = {row["backbone"]: row for row in json.loads(RESULTS.read_text())} if RESULTS.exists() else {}
    for backbone in arguments.only:
        found[backbone] = outcome(backbone)
        print(found[backbone], flush=True)
        RESULTS.write_text(json.dumps([found[name] for name in BACKBONES if name in found], indent=1) + "\n")


if __name__ == "__main__":
    main()
