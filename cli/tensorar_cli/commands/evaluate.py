"""``tensorar evaluate``."""

from __future__ import annotations

from typing import Annotated

import typer

from tensorar_cli import options
from tensorar_cli.output import Output, conditional_table, likelihood_table, solved_line


def evaluate(
    arguments: typer.Context,
    run: options.RunFolder,
    split: options.Split = "test",
    data: options.OtherData = None,
    events: options.MaxEvents = None,
    exact: options.Exact = None,
    samples_per_event: options.SamplesPerEvent = 16,
    ordering: Annotated[
        str | None,
        typer.Option(help="Spec of another ordering, for a run trained on random orders. Default: the run's own."),
    ] = None,
    orders: Annotated[
        int | None,
        typer.Option(
            help="Evaluate exactly in this many random orders, drawn with the seed, of a model whose ordering varies: "
            "their mixture (log of the mean) and their mean (a bound).",
            min=1,
        ),
    ] = None,
    mixture_events: Annotated[
        int | None,
        typer.Option(
            help="Evaluate the mixture of --orders on this many of the events, and estimate from the mean over orders "
            "of all events what it is on all: for evidence backbones, which take a pass for each coefficient.",
            min=1,
        ),
    ] = None,
    given: Annotated[
        str | None,
        typer.Option(
            metavar="REGION",
            help="Report the nats of the rest of each event given this part of it: 'top half', 'random 30 %', and the "
            "other regions of inpaint --evidence. --conditioning, --particles and --proposal apply only to it.",
        ),
    ] = None,
    conditioning: options.Conditioning = "auto",
    particles: options.Particles = options.DEFAULT_PARTICLES,
    proposal: options.Proposal = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Report nats, bits per dimension and perplexity on held-out events, and the share of puzzles solved."""
    from tensorar import workflows

    output = Output(as_json=json)
    if given is not None:
        _refuse(arguments, "with", "exact", "samples_per_event", "ordering", "orders", "mixture_events")
        with output.progress("evaluating") as update:
            found = workflows.evaluate_given(
                run,
                given,
                split,
                data=data,
                events=events,
                conditioning=conditioning,
                particles=particles,
                proposal=proposal,
                seed=seed,
                device=device,
                progress=lambda done, total, nats: update(done, total, f"{nats:.2f} nats"),
                announce=output.print,
            )
        output.print(f"{run} on the {split} split of {found.data}, given the {given}")
        output.print_table(conditional_table(found))
        output.print_json({"run": str(run), "split": split, "given": given, **found.as_dict()})
        return
    _refuse(arguments, "without", "conditioning", "particles", "proposal")
    with output.progress("evaluating") as update:
        result = workflows.evaluate(
            run,
            split,
            data=data,
            events=events,
            exact=exact,
            samples_per_event=samples_per_event,
            ordering=ordering,
            orders=orders,
            mixture_events=mixture_events,
            seed=seed,
            device=device,
            progress=lambda done, total, nats: update(done, total, f"{nats:.2f} nats"),
            announce=output.print,
        )
    output.print(f"{run} on the {split} split of {result.data}")
    output.print_table(likelihood_table(result.likelihood))
    values = {"run": str(run), "split": split, **result.likelihood.as_dict()}
    if result.solved is not None:
        output.print(solved_line(result.solved))
        values["solved"] = result.solved.as_dict()
    output.print_json(values)


def _refuse(arguments: typer.Context, word: str, *names: str) -> None:
    """Refuse options that would be ignored with, or without, --given."""
    from tensorar.errors import SpecError

    for name in names:
        source = arguments.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise SpecError(
                expected=f"no `{name}` {word} `given`",
                got=str(arguments.params[name]),
                remedy="leave one of them out" if word == "with" else "leave it out, or add `given`",
            )
