"""``tensorar demo``."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from tensorar_cli import options
from tensorar_cli.output import Output

SHOWN_STEPS = [1, 8, 16, 24, 31]


def demo(
    minutes: Annotated[float, typer.Option(help="How long to train.")] = 1.0,
    out: options.NewRun = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Train the lecture's network on its toy sequences for a minute, and look at what it has learned."""
    import tensorar
    from tensorar import plotting
    from tensorar_cli.commands.evaluate import likelihood_table
    from tensorar_cli.commands.train import find_recipe, free_folder
    from tensorar_cli.run_inputs import generator_of, open_run
    from tensorar_cli.training_progress import train_with_progress

    output, recipe = Output(as_json=json), find_recipe("toy-convnet")
    training = replace(recipe.training, steps=None, epochs=None, minutes=minutes, seed=seed)
    dataset = tensorar.load_dataset(recipe.dataset)
    folder = out or free_folder("demo")
    run = tensorar.Run.create(folder, replace(recipe, training=training), dataset.event_shape)
    train_with_progress(output, run, device=device)
    _, model = open_run(folder, device)
    likelihood = tensorar.evaluate(model, dataset.test[:1000], dataset=dataset)
    generated = model.sample(16, generator=generator_of(seed)).cpu()
    figures = {
        "sequences.png": plotting.side_by_side({"training": dataset.train[:16], "generated": generated}),
        "posterior.png": plotting.posterior(plotting.posterior_steps(model, dataset.test[0], SHOWN_STEPS, dataset)),
    }
    for name, figure in figures.items():
        plotting.save(figure, folder / name)
    paths = [str(folder / name) for name in [*figures, "training.png"]]
    output.say("on 1000 test sequences")
    output.show(likelihood_table(likelihood))
    output.say("pictures: " + ", ".join(paths))
    output.result({"run": str(folder), "pictures": paths, **likelihood.as_dict()})
