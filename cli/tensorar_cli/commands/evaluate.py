"""``tensorar evaluate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tensorar_cli import options
from tensorar_cli.output import Output, table

if TYPE_CHECKING:
    from rich.table import Table

    from tensorar import Likelihood


def evaluate(
    run: options.RunFolder,
    split: options.Split = "test",
    data: Annotated[str | None, typer.Option(help="Another dataset than the run's own.")] = None,
    events: Annotated[int | None, typer.Option(help="Only so many events, drawn with the seed.", min=1)] = None,
    exact: Annotated[
        bool | None,
        typer.Option(
            "--exact/--estimate", help="All conditionals, or some of each event. Default: what is affordable."
        ),
    ] = None,
    evidences: Annotated[int, typer.Option(help="Conditionals per event of an estimate.", min=1)] = 16,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Report nats, bits per dimension and perplexity on held-out events."""
    import tensorar
    from tensorar_cli.run_inputs import open_run, some_events

    output = Output(as_json=json)
    opened, model = open_run(run, device)
    dataset = tensorar.load_dataset(data) if data else opened.dataset
    chosen, contexts = some_events(dataset, split, events, seed)
    with output.progress("eval_mode") as update:
        likelihood = tensorar.evaluate(
            model,
            chosen,
            contexts,
            dataset=dataset,
            exact=exact,
            evidences=evidences,
            seed=seed,
            progress=lambda done, total, nats: update(done, total, f"{nats:.2f} nats"),
        )
    output.say(f"{run} on the {split} part of {data or opened.recipe.dataset}")
    output.show(likelihood_table(likelihood))
    output.result({"run": str(run), "split": split, **likelihood.as_dict()})


def likelihood_table(likelihood: Likelihood) -> Table:
    """A likelihood as a table for people."""
    kind = "exact" if likelihood.exact else "unbiased estimate"
    rows = [
        ("nats per event", f"{likelihood.nats:.3f} ± {likelihood.standard_error:.3f}"),
        ("bits per dimension", f"{likelihood.bits_per_dim:.4f}"),
        ("perplexity per coefficient", f"{likelihood.perplexity:.4f}"),
        ("events", f"{likelihood.events} ({kind})"),
    ]
    if likelihood.data_nats is not None:
        rows.append(("exact nats of the data", f"{likelihood.data_nats:.3f}"))
        rows.append(("distance to them", f"{likelihood.nats - likelihood.data_nats:.3f} nats"))
    return table("", "value", rows=rows)
