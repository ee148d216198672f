"""``tensorar sample``."""

from __future__ import annotations

from typing import Annotated

import typer

from tensorar_cli import options
from tensorar_cli.output import Output


def sample(
    run: options.RunFolder,
    number: Annotated[int, typer.Option("--number", "-n", help="How many samples.", min=1)] = 64,
    context: options.Contexts = None,
    out: options.PictureOrNumbers = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Show beside each sample the means that its values were drawn from.")
    ] = False,
    method: options.Method = "auto",
    seed: options.Seed = 0,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Draw exact samples: a picture (.png), or the numbers (.npy, .csv)."""
    from tensorar import plotting
    from tensorar.generation import Record
    from tensorar_cli.export import NUMBERS, PICTURE, check_ending, write, write_numbers
    from tensorar_cli.run_inputs import contexts_for, generator_of, known_method, open_run

    output, path = Output(as_json=json), check_ending(out or run / "samples.png", PICTURE + NUMBERS)
    opened, model = open_run(run, device)
    contexts = contexts_for(opened, context, number, seed)
    record = Record()
    with output.progress("sampling") as update:
        samples = model.sample(
            number,
            context=contexts,
            generator=generator_of(seed),
            method=known_method(method),
            record=record,
            progress=lambda done, total: update(done, total, f"step {done}/{total}"),
        )
    drawn = samples.cpu()
    if probabilities:
        means = model.conditional_means(samples, contexts).cpu()
        write(path, lambda: plotting.samples_with_means(drawn, means), drawn, model.event_shape)
        if path.suffix in NUMBERS:
            write_numbers(path.with_stem(path.stem + "-probabilities"), means, model.event_shape)
    else:
        write(path, lambda: plotting.event_grid(drawn), drawn, model.event_shape)
    output.say(f"{number} samples in {path} ({record})")
    how = {"method": record.method, "passes": record.passes}
    output.result({"run": str(run), "samples": number, "shape": list(samples.shape), "path": str(path), **how})
