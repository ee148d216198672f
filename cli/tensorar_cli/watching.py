"""Watching a training: a progress bar on a terminal, a line per evaluation everywhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tensorar_cli.output import Output

if TYPE_CHECKING:
    from tensorar.training.trainer import Report


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
