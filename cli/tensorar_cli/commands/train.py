"""``tensorar train``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tensorar_cli import options
from tensorar_cli.output import MAIN, Output
from tensorar_cli.training_progress import exact_nats, train_with_progress, valid_nats

if TYPE_CHECKING:
    from tensorar import Recipe, Run

Setting = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any other training setting (may be repeated).")
]


def train(
    data: Annotated[str | None, typer.Argument(help="A dataset: toy, mnist, npy:path=x.npy, ...")] = None,
    ordering: Annotated[str | None, typer.Option(help="Visiting order: raster, snake, shuffled, ...")] = None,
    head: Annotated[str | None, typer.Option(help="Distribution of a value: bernoulli, ...")] = None,
    backbone: Annotated[str | None, typer.Option(help="Network: convnet, mlp, fvsbn, ...")] = None,
    recipe: Annotated[
        str | None, typer.Option(help="A recipe instead: one of tensorar plugins list recipe, or a recipe.toml.")
    ] = None,
    resume: Annotated[Path | None, typer.Option(metavar="RUN", help="Go on with a run as if it had not ended.")] = None,
    out: options.NewRun = None,
    steps: Annotated[int | None, typer.Option(help="End after so many steps.", min=1)] = None,
    epochs: Annotated[float | None, typer.Option(help="End after so many passes over the data.")] = None,
    minutes: Annotated[float | None, typer.Option(help="End after so many minutes of training.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Events per step.", min=1)] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all random numbers.", min=0, max=2**32 - 1)] = None,
    setting: Setting = None,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Train a model on a dataset, or go on with a run. Parts that are not named are picked and printed."""
    output = Output(as_json=json)
    given = {"steps": steps, "epochs": epochs, "minutes": minutes, "batch_size": batch_size}
    given |= {"learning_rate": learning_rate, "seed": seed}
    changed = {key: value for key, value in given.items() if value is not None} | _settings(setting or [])
    if resume is not None:
        _refuse_with_resume(
            DATA=data, recipe=recipe, ordering=ordering, head=head, backbone=backbone, out=out, settings=changed
        )
        from tensorar import Run

        run = Run.open(resume)
    else:
        run = _new_run(_recipe(output, data, recipe, ordering, head, backbone, changed), out)
    train_with_progress(output, run, device=device, resume=resume is not None)
    _report(output, run)


def _settings(pairs: list[str]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for pair in pairs:
        settings |= _setting(pair)
    return settings


def _setting(pair: str) -> dict[str, Any]:
    from tensorar import PartSpec, SpecError

    try:
        return dict(PartSpec.parse(f"set:{pair}").options)
    except SpecError as error:
        raise SpecError(
            expected="--set KEY=VALUE", got=repr(pair), remedy="write for example --set warmup=50"
        ) from error


def _refuse_with_resume(**given: object) -> None:
    from tensorar import TensorarError

    named = [name for name, value in given.items() if value]
    if named:
        raise TensorarError(
            expected="--resume without dataset, parts, settings or --out",
            got=", ".join(named),
            remedy="leave them out: a run goes on as it began",
        )


def _recipe(
    output: Output,
    data: str | None,
    recipe: str | None,
    ordering: str | None,
    head: str | None,
    backbone: str | None,
    changed: dict[str, Any],
) -> Recipe:
    from tensorar import PartSpec, TensorarError, TrainingSettings

    if (data is None) == (recipe is None):
        raise TensorarError(
            expected="either a dataset or --recipe",
            got="none" if data is None else "both",
            remedy="write for example: tensorar train toy",
        )
    if data is not None:
        from tensorar_cli.defaults import complete_recipe

        made, picked = complete_recipe(data, ordering, head, backbone)
        if picked:
            output.say("picked: " + ", ".join(picked))
    else:
        made = find_recipe(str(recipe))
        parts = {"ordering": ordering, "head": head, "backbone": backbone}
        specs: dict[str, Any] = {kind: PartSpec.parse(spec) for kind, spec in parts.items() if spec is not None}
        made = replace(made, **specs)
    old = {k: v for k, v in vars(made.training).items() if v is not None}
    if {"steps", "epochs", "minutes"} & changed.keys():
        # a new length replaces the recipe's, whatever it was measured in
        old = {k: v for k, v in old.items() if k not in ("steps", "epochs", "minutes")}
    return replace(made, training=TrainingSettings.from_dict(old | changed))


def find_recipe(name: str) -> Recipe:
    """A recipe by name, or from a TOML file."""
    from tensorar import default_registry, read_recipe

    if name.endswith(".toml"):
        return read_recipe(Path(name))[0]
    found: Recipe = default_registry().find("recipe", name).part
    return found


def _new_run(recipe: Recipe, out: Path | None) -> Run:
    from tensorar import Run, load_dataset

    dataset = load_dataset(recipe.dataset)
    folder = out or free_folder(f"{recipe.dataset.name}-{recipe.backbone.name}")
    return Run.create(folder, recipe, dataset.event_shape, context_features=dataset.context_features)


def free_folder(name: str) -> Path:
    """A new folder under ``runs`` with that name, numbered where it is taken."""
    candidates = [Path("runs") / name, *(Path("runs") / f"{name}-{i}" for i in range(2, 1000))]
    return next(folder for folder in candidates if not folder.exists())


def _report(output: Output, run: Run) -> None:
    """Say what came of a training; in the process that speaks for all."""
    if not MAIN:
        return
    rows = run.metrics()
    exact = exact_nats(rows)
    best = min(valid_nats(rows))
    results = {"interrupted": False, "best_valid_nats": best, "exact_valid_nats": exact, "metrics": rows}
    output.result({"run": str(run.folder), **results})
    distance = "" if exact is None else f", {best - exact:.3f} above the exact {exact:.3f}"
    output.say(f"best validation: {best:.3f} nats per event{distance}; the run is {run.folder} (curve: training.png)")
    commands = [f"tensorar {command} {quote(str(run.folder))}" for command in ("evaluate", "sample", "posterior")]
    output.say("next: " + ", ".join(commands))
