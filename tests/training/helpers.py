"""Recipes for the tiny dataset, and a registry with it."""

from pathlib import Path

from tensorar import PartSpec, Recipe, Registry, Run, TrainingSettings, default_registry

PLUGIN = Path(__file__).parent / "dataset.py"


def registry() -> Registry:
    found = default_registry()
    found.load_file(PLUGIN)
    return found


def recipe(*, dataset="agreeing", ordering="raster", head="bernoulli", backbone="fvsbn", **training) -> Recipe:
    settings = {"steps": 12, "batch_size": 16, "evaluate_every": 5, "valid_events": 32, "warmup": 3} | training
    parts = {"dataset": dataset, "ordering": ordering, "head": head, "backbone": backbone}
    return Recipe(training=TrainingSettings(**settings), **{kind: PartSpec.parse(spec) for kind, spec in parts.items()})


def new_run(folder, **options) -> Run:
    return Run.create(folder, recipe(**options), registry=registry())
