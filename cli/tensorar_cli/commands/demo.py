"""``tensorar demo``."""

from __future__ import annotations

from typing import Annotated

import typer

from tensorar_cli import options
from tensorar_cli.output import Output, likelihood_table
from tensorar_cli.training_progress import run_training

EVENTS = 1000
STEPS = [1, 8, 16, 24, 31]


def demo(
    minutes: Annotated[float, typer.Option(help="Training time in minutes.")] = 1.0,
    out: options.NewRun = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Train the lecture's network on its toy sequences for a minute, and draw what it has learned."""
    from tensorar import plotting, workflows

    output = Output(as_json=json)
    settings = {"recipe": "toy-convnet", "out": out, "name": "demo", "minutes": minutes, "seed": seed}
    run = run_training(output, workflows.train, device=device, **settings).run
    folder = run.folder
    likelihood = workflows.evaluate(run, events=EVENTS, device=device).likelihood
    samples = workflows.sample(run, 16, seed=seed, device=device).samples
    figures = {
        "sequences.png": plotting.side_by_side({"training": run.dataset.train[:16], "generated": samples}),
        "posterior.png": workflows.posterior(run, steps=STEPS, device=device).figure(),
    }
    for name, figure in figures.items():
        plotting.save(figure, folder / name)
    paths = [str(folder / name) for name in [*figures, "training.png"]]
    output.print(f"on {EVENTS} test sequences")
    output.print_table(likelihood_table(likelihood))
    output.print("pictures: " + ", ".join(paths))
    output.print_json({"run": str(folder), "pictures": paths, **likelihood.as_dict()})
