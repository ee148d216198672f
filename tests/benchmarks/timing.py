"""Timings comparable on a noisy machine: interleaved runs, and medians of ratios within a round."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from statistics import median


def interleaved(
    steps: dict[str, Callable[[], object]], *, rounds: int = 30, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Seconds of each step, round by round, after a warm-up; by ``time.process_time``, other work matters less."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step()
    for _ in range(rounds):
        for name, step in steps.items():
            start = clock()
            step()
            seconds[name].append(clock() - start)
    return seconds


def report(seconds: dict[str, list[float]], *, over: str) -> str:
    """A line per step: its median time, and the median over the rounds of its ratio to the step ``over``."""
    width = max(map(len, seconds))
    return "\n".join(
        f"{name:{width}}  {1e3 * median(times):8.1f} ms"
        f"  {median(a / b for a, b in zip(times, seconds[over], strict=True)):6.2f} x {over}"
        for name, times in seconds.items()
    )


def machine() -> str:
    """Describe the machine."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = f"torch {torch.__version__}, Python {platform.python_version()}"
    return f"{cores} cores {platform.machine()}, {torch.get_num_threads()} threads, {versions}"
