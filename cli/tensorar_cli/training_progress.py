"""Watching a training: a progress bar on a terminal, a line per evaluation everywhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shlex import quote
from typing import TYPE_CHECKING, Any

import typer

from tensorar_cli.output import MAIN, Output

if TYPE_CHECKING:
    from tensorar import Run
    from tensorar.training.trainer import Report


def train_with_progress(output: Output, run: Run, *, device: str, resume: bool = False) -> None:
    """Train a run with a progress bar and draw its curve; an interrupt saves and ends the command."""
    from tensorar import train as train_run

    def begun() -> None:
        output.say(f"training {run.recipe.backbone} on {run.recipe.dataset} in {run.folder}")

    with watched(output) as watch:
        interrupted = train_run(run, resume=resume, device=device, watch=watch, begun=begun)
    if interrupted is not None:
        output.result({"run": str(run.folder), "interrupted": True, "metrics": run.metrics()})
        output.say(f"interrupted and saved; go on with: tensorar train --resume {quote(str(run.folder))}")
        raise typer.Exit(128 + interrupted)
    if MAIN:
        rows = run.metrics()
        from tensorar import plotting

        plotting.save(plotting.training_curve(rows, entropy=exact_nats(rows)), run.folder / "training.png")
        _require_finite(run, rows)


def _require_finite(run: Run, rows: list[dict[str, Any]]) -> None:
    from tensorar import RunError

    if not valid_nats(rows):
        raise RunError(
            expected=f"a finite validation of {run.folder}",
            got=f"none in {len(rows)}",
            remedy="lower --learning-rate, take another --head, or look for outliers; the last weights are kept",
        )


def valid_nats(rows: list[dict[str, Any]]) -> list[float]:
    """The validations that came out finite: JSON knows no others."""
    return [row["valid_nats"] for row in rows if row.get("valid_nats") is not None]


def exact_nats(rows: list[dict[str, Any]]) -> float | None:
    """What the process that made the data would reach on the validation events, where that is known."""
    return next((row["valid_data_nats"] for row in rows if row.get("valid_data_nats") is not None), None)


@contextmanager
def watched(output: Output) -> Iterator[Callable[[Report], None]]:
    """What to hand to the trainer so that its progress is seen."""
    with output.progress("training") as update:

        def watch(report: Report) -> None:
            update(report.fraction, 1.0, _words(report))
            if report.row is not None:
                output.say(_line(report.row))

        yield watch


def _words(report: Report) -> str:
    per_coefficient = report.nats / report.coefficients
    perplexity = math.exp(min(per_coefficient, 700))
    return (
        f"step {report.progress.step}  {report.nats:.2f} nats  {per_coefficient / math.log(2):.3f} bits/dim  "
        f"perplexity {perplexity:.3f}  {report.examples_per_second:.0f} examples/s"
    )


def _line(row: dict[str, Any]) -> str:
    known = row["valid_data_nats"]
    return (
        f"step {row['step']:>6}  {row['seconds']:>6.0f} s  train {row['train_nats']:.3f}  "
        f"valid {row['valid_nats']:.3f} nats  {row['valid_bits_per_dim']:.3f} bits/dim  "
        f"perplexity {row['valid_perplexity']:.3f}"
        + ("" if row["valid_exact"] else "  (estimate)")
        + ("" if known is None else f"  {row['valid_nats'] - known:.3f} above the exact nats of the data")
    )
