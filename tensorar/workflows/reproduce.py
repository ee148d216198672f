"""Reproduce a published result: train its recipe, evaluate it on the whole test set, write the result."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from tensorar.baselines.baseline import Columns
from tensorar.baselines.gaussian import gaussian
from tensorar.errors import RunError
from tensorar.parts.registry import Registry
from tensorar.parts.spec import PartSpec
from tensorar.runs.folder import RECIPE_FILE
from tensorar.runs.metrics import best_row
from tensorar.runs.recipe import PARTS, Recipe, recipe_document
from tensorar.runs.result import FORMAT, RESULT_FILE, machine, read_result, versions, write_result
from tensorar.runs.row import Row
from tensorar.runs.run import Run
from tensorar.runs.stages import KEY as STAGES
from tensorar.training.device import check_device
from tensorar.training.likelihood import Likelihood
from tensorar.training.update import UpdateCallback
from tensorar.utils.shapes import flatten_events
from tensorar.workflows.evaluate import evaluate
from tensorar.workflows.rows import find_row
from tensorar.workflows.runs import open_run
from tensorar.workflows.train import StartCallback, resume, train

# a quick trial: enough to see that every step of the way works
QUICK_SETTINGS: dict[str, Any] = {"steps": 2, "batch_size": 8, "valid_events": 8, "warmup": 0}
QUICK_EVENTS, QUICK_ORDERS, QUICK_FOLDS = 8, 2, 2
CURVE = ("step", "seconds", "train_nats", "valid_nats")


@dataclass(frozen=True)
class Reproduction:
    """A row with its result; ``interrupted`` is the number of the signal that ended its training early, if one did.

    ``result`` is that of the file ``path``; ``was_finished``: it was there already.
    """

    recipe: Recipe
    folder: Path
    result: dict[str, Any] | None = None
    path: Path | None = None
    interrupted: int | None = None
    was_finished: bool = False

    @property
    def row(self) -> Row:
        """The row of the recipe."""
        assert self.recipe.row is not None
        return self.recipe.row


@dataclass(frozen=True)
class _Measured:
    """What one trained model contributes."""

    run: Run
    likelihood: Likelihood
    baseline: float | None
    seconds: float

    @property
    def mean_nats(self) -> float | None:
        """The mean over the orders that were mixed, if any were."""
        over = self.likelihood.over_orders
        return None if over is None else over.mean_nats

    def as_dict(self) -> dict[str, Any]:
        rows = self.run.metrics()
        best = best_row(rows) or rows[-1]
        return {
            "data": str(self.run.recipe.dataset),
            "likelihood": self.likelihood.as_dict(),
            "parameters": self.run.parameter_count,
            "steps": rows[-1]["step"],
            "seconds": rows[-1]["seconds"],
            "best": {key: best[key] for key in CURVE},
            "curve": [[row[key] for key in CURVE] for row in rows],
        }


def reproduce(
    name: str | None = None,
    *,
    out: str | Path | None = None,
    resume_from: str | Path | None = None,
    quick: bool = False,
    device: str = "auto",
    registry: Registry | None = None,
    announce: Callable[[str], None] | None = None,
    on_start: StartCallback | None = None,
    on_update: UpdateCallback | None = None,
    progress: Callable[[int, int, float], None] | None = None,
) -> Reproduction:
    """Train and evaluate the row ``name`` in the folder ``out`` (default: a new one in ``runs``), or go on with one.

    ``resume_from`` is the folder of a reproduction that was interrupted, or a run that ``train`` made of the recipe.
    ``quick`` trains a small network for two steps and evaluates a few events: its figure means nothing. What a row
    lacks here is ``announce``d beforehand; the other callbacks are those of ``train`` and ``evaluate``. Raises
    ``TensorarError``.
    """
    place, say = check_device(device), announce or (lambda _: None)
    if resume_from is None:
        recipe = find_row(name or "", registry)
        folder = _free_folder(recipe.name, quick) if out is None else Path(out)
    else:
        folder = Path(resume_from)
        recipe = _recipe_of(folder, registry)
        if (folder / RESULT_FILE).exists():
            found = read_result(folder / RESULT_FILE)
            return Reproduction(recipe, folder, found, folder / RESULT_FILE, was_finished=True)
    for line in _warnings(recipe, quick, place):
        say(line)
    row = _row(recipe)
    wanted, folds = (_quick(recipe), min(row.folds, QUICK_FOLDS)) if quick else (recipe, row.folds)
    runs: list[Run] = []
    for path, one in _models(wanted, folds, folder):
        known = (path / RECIPE_FILE).exists() and resume_from is not None
        options: dict[str, Any] = {"device": device, "registry": registry, "on_start": on_start, "on_update": on_update}
        trained = resume(path, **options) if known else train(recipe=one, out=path, **options)
        if trained.interrupted is not None:
            return Reproduction(recipe, folder, interrupted=trained.interrupted)
        runs.append(trained.run)
    measured = [_measure(run, row, quick, device, say, progress) for run in runs]
    result = _result(recipe, measured, quick, place)
    return Reproduction(recipe, folder, result, write_result(folder, result))


def _row(recipe: Recipe) -> Row:
    if recipe.row is None:
        raise RunError(
            expected="a run of a row, as `reproduce` trains it",
            got=f"a run of {recipe.name} without a row: of other settings, or a quick trial",
            remedy="train the row in a new folder",
        )
    return recipe.row


def _free_folder(name: str, quick: bool) -> Path:
    """The first of NAME, NAME-2, ... that does not exist."""
    base = Path("runs") / (f"{name}-quick" if quick else name)
    number = 1
    while (folder := base if number == 1 else base.with_name(f"{base.name}-{number}")).exists():
        number += 1
    return folder


def _recipe_of(folder: Path, registry: Registry | None) -> Recipe:
    """The recipe of a row that was begun in a folder. Raises ``RunError`` if its training was changed."""
    first = next((path for path in (folder, folder / "fold-0") if (path / RECIPE_FILE).exists()), folder)
    run = open_run(first, registry)
    _row(run.recipe)
    changes = [key for key in (STAGES, "initial") if key in run.provenance]
    if changes:
        raise RunError(
            expected=f"{first} to be trained as its recipe says, and no further",
            got=f"the provenance {', '.join(changes)}",
            remedy="train the row in a new folder",
        )
    return run.recipe


def _warnings(recipe: Recipe, quick: bool, place: torch.device) -> list[str]:
    """What speaks against training a row here, in lines."""
    row = _row(recipe)
    if quick:
        return ["a quick trial: the figure means nothing"]
    if row.machine == "gpu" and place.type == "cpu":
        return [
            f"{recipe.name} wants a GPU, on which it takes about {row.minutes:g} minutes; on this CPU it takes many "
            "times as long: --quick tries it in seconds, Ctrl-C saves"
        ]
    return []


def _quick(recipe: Recipe) -> Recipe:
    """The trial of a recipe; without a row, so that nobody takes its run for the row's."""
    own = {key: value for key, value in recipe.quick.items() if key not in PARTS}
    changes: dict[str, Any] = {"training": recipe.training.changed(QUICK_SETTINGS | own), "row": None, "quick": {}}
    changes |= {kind: PartSpec.parse(str(recipe.quick[kind])) for kind in PARTS if kind in recipe.quick}
    return replace(recipe, **changes)


def _models(recipe: Recipe, folds: int, folder: Path) -> list[tuple[Path, Recipe]]:
    """The folder and the recipe of each model of a row: one, or one for each fold."""
    if not folds:
        return [(folder, recipe)]
    options = recipe.dataset.options
    specs = [replace(recipe.dataset, options=options | {"fold": fold}) for fold in range(folds)]
    return [(folder / f"fold-{k}", replace(recipe, dataset=spec)) for k, spec in enumerate(specs)]


def _measure(
    run: Run,
    row: Row,
    quick: bool,
    device: str,
    announce: Callable[[str], None],
    progress: Callable[[int, int, float], None] | None,
) -> _Measured:
    """Evaluate a model on its test set: whole, once."""
    started = time.perf_counter()
    orders = min(row.orders, QUICK_ORDERS) if quick else row.orders
    events = QUICK_EVENTS if quick else None
    evaluation = evaluate(
        run,
        events=events,
        exact=True if row.exact else None,
        orders=orders or None,
        mixture_events=row.mixture_events or None,
        device=device,
        progress=progress,
        announce=announce,
    )
    baseline = None if row.baseline is None else _gaussian_nats(run)
    return _Measured(run, evaluation.likelihood, baseline, time.perf_counter() - started)


def _gaussian_nats(run: Run) -> float:
    """The nats of the test events under one Gaussian with a full covariance matrix."""
    splits = run.dataset.sampled
    columns = Columns(flatten_events(splits.train).double(), flatten_events(splits.valid).double())
    return -float(gaussian(columns).log_prob(splits.test).mean())


def _result(recipe: Recipe, measured: list[_Measured], quick: bool, place: torch.device) -> dict[str, Any]:
    row, size = _row(recipe), math.prod(measured[0].run.event_shape)

    def mean(values: list[float]) -> float:
        return row.in_unit(sum(values) / len(values), size)

    errors = [one.likelihood.standard_error for one in measured]
    over, baselines = [one.mean_nats for one in measured], [one.baseline for one in measured]
    return {
        "format": FORMAT,
        "name": recipe.name,
        "quick": quick,
        "command": f"tensorar reproduce {recipe.name}" + (" --quick" if quick else ""),
        "unit": row.unit,
        "figure": mean([one.likelihood.nats for one in measured]),
        "standard_error": row.in_unit(math.sqrt(sum(error**2 for error in errors)) / len(errors), size),
        "theirs": row.theirs,
        "baseline": None if None in baselines else mean([value for value in baselines if value is not None]),
        "events": sum(one.likelihood.events for one in measured),
        "exact": all(one.likelihood.exact for one in measured),
        "mean_over_orders": None if None in over else mean([value for value in over if value is not None]),
        "models": [one.as_dict() for one in measured],
        "recipe": recipe_document(replace(measured[0].run.recipe, dataset=recipe.dataset, quick={})),
        "seed": recipe.training.seed,
        "seconds": sum(one.run.metrics()[-1]["seconds"] for one in measured),
        "evaluation_seconds": sum(one.seconds for one in measured),
        "machine": machine(place),
        "versions": versions(),
    }
