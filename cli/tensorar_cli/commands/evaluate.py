"""``tensorar evaluate``."""

from __future__ import annotations

from typing import Annotated

import typer

from tensorar_cli import options
from tensorar_cli.output import Output, likelihood_table, solved_line


def evaluate(
    run: options.RunFolder,
    split: options.Split = "test",
    data: Annotated[
        str | None, typer.Option(help="Spec of another dataset to evaluate on. Default: the run's own.")
    ] = None,
    events: Annotated[int | None, typer.Option(help="Use only this many events, drawn with the seed.", min=1)] = None,
    exact: Annotated[
        bool | None,
        typer.Option(
            "--exact/--estimate",
            help="Evaluate all conditionals, or estimate from sampled prefixes. Default: exact if it is affordable.",
        ),
    ] = None,
    samples_per_event: Annotated[int, typer.Option(help="Prefixes sampled per event when estimating.", min=1)] = 16,
    ordering: Annotated[
        str | None,
        typer.Option(help="Spec of another ordering, for a run trained on random orders. Default: the run's own."),
    ] = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Report nats, bits per dimension and perplexity on held-out events, and the share of puzzles solved."""
    from tensorar import workflows

    output = Output(as_json=json)
    with output.progress("evaluating") as update:
        result = workflows.evaluate(
            run,
            split,
            data=data,
            events=events,
            exact=exact,
            samples_per_event=samples_per_event,
            ordering=ordering,
            seed=seed,
            device=device,
            progress=lambda done, total, nats: update(done, total, f"{nats:.2f} nats"),
        )
    output.print(f"{run} on the {split} split of {result.data}")
    output.print_table(likelihood_table(result.likelihood))
    solved = None if result.solved is None else result.solved.as_dict()
    if result.solved is not None:
        output.print(solved_line(result.solved))
    solution = {} if solved is None else {"solved": solved}
    output.print_json({"run": str(run), "split": split, **result.likelihood.as_dict(), **solution})
