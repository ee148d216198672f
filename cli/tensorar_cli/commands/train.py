"""``tensorar train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tensorar_cli import options
from tensorar_cli.output import Output
from tensorar_cli.parsing import parse_settings
from tensorar_cli.training_progress import print_training, run_training

Setting = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any other training setting (repeatable): ema, clip, warmup, patience, weight_decay, evaluate_every, "
        "valid_events, precision, accumulate, augment (of images: augment=shift=2,flip=horizontal).",
    ),
]


Trackers = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Also report to a tracker of experiments (repeatable): tensorboard, wandb, mlflow, if installed.",
    ),
]


def train(
    data: Annotated[
        str | None, typer.Argument(metavar="DATA", help="Dataset: toy, mnist, x.csv, x.npy, a folder, ...")
    ] = None,
    ordering: Annotated[str | None, typer.Option(help="Visiting order: raster, snake, shuffled, ...")] = None,
    head: Annotated[str | None, typer.Option(help="Distribution of a coefficient: bernoulli, ...")] = None,
    backbone: Annotated[str | None, typer.Option(help="Network: convnet, mlp, fvsbn, ...")] = None,
    recipe: Annotated[
        str | None,
        typer.Option(help="Train a recipe instead: a name (see tensorar plugins list recipe) or a recipe.toml."),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN", help="Resume an interrupted run; with --steps, --epochs or --minutes, train it on for more."
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="Begin with the weights of this run, on its data or on DATA of the same shape.",
        ),
    ] = None,
    out: options.NewRun = None,
    steps: Annotated[int | None, typer.Option(help="Train for this many steps.", min=1)] = None,
    epochs: Annotated[float | None, typer.Option(help="Train for this many passes over the data.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Train for this many minutes.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Events per step.", min=1)] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all random numbers.", min=0, max=2**32 - 1)] = None,
    setting: Setting = None,
    track: Trackers = None,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Train a model on a dataset, or resume a run. Parts that are not given are chosen for the data and printed."""
    from tensorar import workflows

    output = Output(as_json=json)
    parts = {"ordering": ordering, "head": head, "backbone": backbone}
    length = {"steps": steps, "epochs": epochs, "minutes": minutes}
    others = {"batch_size": batch_size, "learning_rate": learning_rate, "seed": seed}
    settings = parse_settings(setting or [])
    if resume is None:
        new = {"recipe": recipe, "initial": start, "out": out, "settings": settings, **parts, **length, **others}
        result = run_training(output, workflows.train, data, device=device, track=track or (), **new)
    else:
        _refuse_with_resume(data=data, recipe=recipe, **{"from": start}, out=out, seed=seed, **parts)
        changes = {**length, "batch_size": batch_size, "learning_rate": learning_rate, "settings": settings}
        result = run_training(output, workflows.resume, resume, device=device, track=track or (), **changes)
    print_training(output, result)


def _refuse_with_resume(**given: object) -> None:
    from tensorar import TensorarError

    names = [name for name, value in given.items() if value is not None]
    if names:
        raise TensorarError(
            expected="--resume without a dataset, parts, --recipe, --from, --seed or --out",
            got=", ".join(names),
            remedy="leave them out; a run is resumed with its own",
        )
