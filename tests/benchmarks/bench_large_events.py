"""Events of 100,000 coefficients: which backbone trains, evaluates and samples in what time and memory.

Run: python tests/benchmarks/bench_large_events.py    (records large_events.json, a process for each backbone)

Times are processor seconds of one thread, so that other processes on the machine hardly matter.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "large_events.json"
SHAPE = (1, 250, 400)
BATCH, STEPS, LIMIT = 4, 20, 300
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
    from tensorar.utils.allocation import StepGuard
    from tensorar.utils.memory import peak_memory

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = build(SHAPE, "raster", "bernoulli", backbone)
    x = torch.randint(0, 2, (BATCH, *SHAPE), dtype=torch.uint8)
    optimizer = torch.optim.AdamW(model.parameters())

    def step(batch) -> float:
        started = time.process_time()
        model.loss(batch).backward()
        optimizer.step()
        optimizer.zero_grad()
        return time.process_time() - started

    with StepGuard(f"training {backbone} on one event"):
        step(x[:1])
    found = {"backbone": backbone, "weights": sum(p.numel() for p in model.parameters())}
    found["step"] = step(x)
    found["memory"] = peak_memory()
    yield found
    model.eval()
    found["log_prob"] = seconds_of_likelihood(model, x[:1])
    yield found
    found["sample"] = seconds_to_sample(model)
    yield found


def seconds_of_likelihood(model, event) -> float:
    """The seconds of an exact likelihood; under an evidence network, from those of a few of its conditionals."""
    import torch

    from tensorar.training.evaluation import event_nats

    exact, generator = model.is_causal, torch.Generator().manual_seed(0)
    started = time.process_time()
    event_nats(model, event, exact=exact, samples=STEPS, generator=generator)
    each = time.process_time() - started
    return each if exact else each / STEPS * event.numel()


def seconds_to_sample(model) -> float:
    """The seconds of a sample, from those of its first coefficients."""
    import torch

    with torch.no_grad():
        state = model.generation(1)
        for k in range(2 * STEPS):
            if k == STEPS:
                started = time.process_time()
            state.distribution()
            state.observe(torch.zeros(1))
        return (time.process_time() - started) / STEPS * len(state)


def outcome(backbone: str) -> dict:
    """The figures of one backbone, in a process of its own; or why there are none."""
    command = [sys.executable, __file__, "--one", backbone]
    ended = subprocess.run(command, capture_output=True, text=True)
    lines = ended.stdout.splitlines()
    if ended.returncode == 0 or (lines and ended.returncode == -signal.SIGXCPU):
        return json.loads(lines[-1])
    if ended.returncode == -signal.SIGXCPU:
        return {"backbone": backbone, "refused": f"no step in {LIMIT} s"}
    return {"backbone": backbone, "refused": ended.stderr.strip().splitlines()[-1].partition(": ")[2]}


def main() -> None:
    """Measure all backbones, or one of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", help="measure this backbone, and print its figures")
    parser.add_argument("--only", nargs="+", default=BACKBONES, help="record these backbones, and keep the others")
    arguments = parser.parse_args()
    if arguments.one:
        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT + 5))
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
