"""``tensorar sample``."""

from __future__ import annotations

from typing import Annotated

import typer

from tensorar_cli import options
from tensorar_cli.output import Output


def sample(
    run: options.RunFolder,
    number: Annotated[int, typer.Option("--number", "-n", help="How many samples.", min=1)] = 64,
    out: options.Out = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Show beside each sample the means that its values were drawn from.")
    ] = False,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Draw exact samples: a picture (.png), or the numbers (.npy, .csv)."""
    from tensorar_cli.loading import generator_of, open_run
    from tensorar_cli.writing import write_events

    output = Output(as_json=json)
    _, model = open_run(run, device)
    with output.progress("sampling") as update:
        samples = model.sample(
            number,
            generator=generator_of(seed),
            progress=lambda done, total: update(done, total, f"step {done}/{total}"),
        )
    means = model.means(samples) if probabilities else None
    path = write_events(out or run / "samples.png", samples, means)
    output.say(f"{number} samples in {path}")
    output.result({"run": str(run), "samples": number, "shape": list(samples.shape), "path": str(path)})
