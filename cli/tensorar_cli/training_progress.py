"""Training progress: a bar on a terminal, and a line per evaluation everywhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shlex import quote
from typing import TYPE_CHECKING, Any

import typer

from tensorar_cli.output import Output, decimal, duration, table

if TYPE_CHECKING:
    from tensorar.runs.settings import TrainingSettings
    from tensorar.training.cost import TrainingCost
    from tensorar.training.update import TrainingUpdate
    from tensorar.workflows import TrainingResult


@contextmanager
def training_callbacks(output: Output) -> Iterator[dict[str, Any]]:
    """The callbacks of a training workflow, which print its beginning and its progress."""
    with _callbacks(output) as (callbacks, _):
        yield callbacks


@contextmanager
def _callbacks(output: Output) -> Iterator[tuple[dict[str, Any], Callable[..., None]]]:
    """The callbacks of a training, and the update of their bar."""

    def on_start(result: TrainingResult) -> None:
        recipe = result.run.recipe
        if result.chosen:
            output.print("chosen: " + ", ".join(f"{kind} {spec}" for kind, spec in result.chosen.items()))
        if result.columns:
            output.print_table(table("column", "kind", "details", rows=list(result.columns)))
        if result.axes:
            output.print(f"events: {result.axes}")
        for note in result.notes:
            output.print(f"note: {note}")
        output.print(f"training {recipe.backbone} on {recipe.dataset} in {result.run.folder}")
        if result.cost is not None:
            output.print(cost_line(result.cost))
            for note in result.cost.notes:
                output.print(f"note: {note}")
        output.print(plan_line(result.run.stage.settings))

    with output.progress("training") as update_bar:

        def on_update(update: TrainingUpdate) -> None:
            update_bar(update.fraction, 1.0, _words(update))
            if update.row is not None:
                output.print(_line(update.row))

        yield {"on_start": on_start, "on_update": on_update}, update_bar


@contextmanager
def reproduction_callbacks(output: Output) -> Iterator[dict[str, Any]]:
    """The callbacks of ``reproduce``: those of trainings, and the progress of the evaluations between them."""
    with _callbacks(output) as (callbacks, update_bar):

        def progress(done: int, total: int, nats: float) -> None:
            update_bar(done, total, f"{nats:.2f} nats", "evaluating")

        yield callbacks | {"progress": progress}


def run_training(output: Output, workflow: Callable[..., TrainingResult], *arguments: Any, **options: Any) -> Any:
    """Call a training workflow and print its progress; an interrupt ends the command with the signal's exit code."""
    with training_callbacks(output) as callbacks:
        result = workflow(*arguments, **callbacks, **options)
    if result.interrupted is not None:
        folder = str(result.run.folder)
        output.print_json({"run": folder, "interrupted": True, "metrics": result.metrics})
        output.print(f"interrupted and saved; resume with: tensorar train --resume {quote(folder)}")
        if result.best_nats is not None:
            output.print(f"best validation so far, kept there: {decimal(result.best_nats, 3)} nats per event")
        raise typer.Exit(128 + result.interrupted)
    return result


def plan_line(settings: TrainingSettings) -> str:
    """When training will end, in a line."""
    if not settings.patience:
        return "plan: the whole length, keeping the best validation; Ctrl-C ends it earlier and keeps the best so far"
    limit = "" if settings.minutes is None else f", {settings.minutes:g} minutes at most"
    return (
        f"plan: until the validation has stopped improving{limit} (--minutes, --steps or --epochs set a length); "
        "Ctrl-C ends it earlier and keeps the best so far"
    )


def cost_line(cost: TrainingCost) -> str:
    """What a training will take, in a line."""
    from tensorar.utils.memory import format_bytes
    from tensorar.utils.words import counted

    steps, evaluations = counted(cost.steps, "step"), counted(cost.evaluations, "evaluation")
    steps = f"about {steps}" if cost.limited_by_time else steps
    return (
        f"cost: {duration(cost.step_seconds)} a step; at most {steps} ({cost.epochs:.3g} epochs) and "
        f"{evaluations}, about {duration(cost.seconds)}; "
        f"{format_bytes(cost.memory)} of memory"
    )


def print_training(output: Output, result: TrainingResult) -> None:
    """Print the result of a finished training (in the main process)."""
    from tensorar.utils.words import counted

    if not output.is_main or result.best_nats is None:
        return
    best, exact, folder = result.best_nats, result.exact_nats, str(result.run.folder)
    cost = None if result.cost is None else result.cost.as_dict()
    values = {
        "interrupted": False,
        "was_finished": result.was_finished,
        "cost": cost,
        "best_valid_nats": best,
        "exact_valid_nats": exact,
        "metrics": result.metrics,
    }
    output.print_json({"run": folder, **values})
    if result.was_finished:
        last = result.metrics[-1]
        output.print(
            f"{folder} is finished, after {counted(last['step'], 'step')} in {last['seconds']:.0f} s: nothing to do; "
            "to train it on, add --minutes, --steps or --epochs"
        )
        return
    gap = "" if exact is None else f", {decimal(best - exact, 3)} above the exact {decimal(exact, 3)}"
    of_observed = "" if result.metrics[-1].get("valid_observed") is None else ", of what was observed"
    output.print(
        f"best validation: {decimal(best, 3)} nats per event{of_observed}{gap}; run folder: {folder} "
        "(curve: training.png)"
    )
    if (line := overfitting_line(result.metrics)) is not None:
        output.print(line)
    commands = [f"tensorar {command} {quote(folder)}" for command in ("evaluate", "sample", "posterior")]
    output.print("next: " + ", ".join(commands))


def overfitting_line(rows: list[dict[str, Any]]) -> str | None:
    """That the validation rose after its best, if it did by a hundredth while the training loss fell."""
    from tensorar.runs.metrics import best_row

    best, last = best_row(rows), rows[-1]
    known = best is not None and None not in (best["train_nats"], last["train_nats"], last["valid_nats"])
    if best is None or not known or last["train_nats"] >= best["train_nats"]:
        return None
    rise = last["valid_nats"] - best["valid_nats"]
    if rise <= 0.01 * abs(best["valid_nats"]):
        return None
    return (
        f"overfitting: after step {best['step']} the validation rose by {decimal(rise, 3)} nats while the training "
        "loss fell; the weights of that step are kept; more data, a smaller network or --set weight_decay=0.1 may help"
    )


def _words(update: TrainingUpdate) -> str:
    per_coefficient = update.nats / update.coefficients
    perplexity = math.exp(min(per_coefficient, 700))
    return (
        f"step {update.state.step}  {decimal(update.nats, 2)} nats  {decimal(per_coefficient / math.log(2), 3)} "
        f"bits/dim  perplexity {decimal(perplexity, 3)}  {update.examples_per_second:.0f} examples/s"
    )


def _line(row: dict[str, Any]) -> str:
    exact, observed = row["valid_data_nats"], row["valid_observed"]
    of_observed = "" if observed is None else f" of {observed:.2f} observed coefficients"
    return (
        f"step {row['step']:>6}  {row['seconds']:>6.0f} s  train {decimal(row['train_nats'], 3)}  "
        f"valid {decimal(row['valid_nats'], 3)} nats{of_observed}  {decimal(row['valid_bits_per_dim'], 3)} bits/dim  "
        f"perplexity {decimal(row['valid_perplexity'], 3)}"
        + ("" if row["valid_exact"] else "  (estimate)")
        + ("" if exact is None else f"  {decimal(row['valid_nats'] - exact, 3)} above the exact nats of the data")
    )
