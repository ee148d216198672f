"""Train a model on a dataset, or resume a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tensorar.axes import describe_axes
from tensorar.backbone import CausalBackbone
from tensorar.data_notes import data_notes
from tensorar.dataset import Dataset
from tensorar.dataset_spec import dataset_spec, load_dataset
from tensorar.errors import RunError, TensorarError
from tensorar.missing import pattern_notes
from tensorar.ordering import Ordering
from tensorar.parts.registry import Registry, default_registry
from tensorar.parts.spec import PartSpec
from tensorar.runs.folder import require_free
from tensorar.runs.recipe import Recipe
from tensorar.runs.run import Run
from tensorar.runs.settings import TrainingSettings
from tensorar.suggestions import suggest_for_images
from tensorar.training.cost import TrainingCost
from tensorar.training.device import check_device
from tensorar.training.state import read_state
from tensorar.training.trackers import check_trackers
from tensorar.training.train import train as train_run
from tensorar.training.update import UpdateCallback
from tensorar.utils.processes import is_main_process
from tensorar.workflows.initial import history_notes, initial_notes, initial_recipe
from tensorar.workflows.recipes import (
    check_parts,
    choose_parts,
    find_recipe,
    parts_of,
    recipe_for,
)
from tensorar.workflows.runs import open_run
from tensorar.workflows.training_defaults import default_settings
from tensorar.workflows.training_result import TrainingResult

StartCallback = Callable[[TrainingResult], None]


def train(
    data: str | PartSpec | None = None,
    *,
    ordering: str | PartSpec | None = None,
    head: str | PartSpec | None = None,
    backbone: str | PartSpec | None = None,
    recipe: str | Path | Recipe | None = None,
    initial: Run | str | Path | None = None,
    out: str | Path | None = None,
    name: str | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    minutes: float | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    registry: Registry | None = None,
    on_start: StartCallback | None = None,
    on_update: UpdateCallback | None = None,
    track: Sequence[str] = (),
) -> TrainingResult:
    """Train a model on ``data``, or train a ``recipe``; parts that are not given are chosen for the data.

    Training begins with the weights of the run ``initial``, if it is given: the parts, the head's units, the settings
    and (unless ``data`` is given) the dataset are then those of that run.
    Settings that are not given are those that the backbone recommends; without a length, training ends when the
    validation has stopped improving, after 20 minutes at the latest.
    ``out`` is the new run's folder (default: a free one in ``runs``, called ``name`` or after the parts, with a number
    appended if that exists), ``settings`` any other ``TrainingSettings``.
    Names and options of parts, settings, folder and device are checked before the dataset is loaded, once.
    ``on_start(result)`` is called before the first step, ``on_update(update)`` after every step; ``track`` names
    trackers that follow the training. Raises
    ``TensorarError`` for invalid arguments, and when no validation is finite.
    """
    registry = registry or default_registry()
    given = _parse({"ordering": ordering, "head": head, "backbone": backbone})
    start = None if initial is None else open_run(initial, registry)
    source = _source(data, recipe, registry) if start is None else initial_recipe(start, data, recipe, given, registry)
    changes = _given(steps=steps, epochs=epochs, minutes=minutes, batch_size=batch_size)
    changes |= _given(learning_rate=learning_rate, seed=seed) | dict(settings or {})
    (source.training if isinstance(source, Recipe) else TrainingSettings()).changed(changes)
    check_device(device)
    check_trackers(track)
    result = _prepare(source, given, changes, None if out is None else Path(out), name, registry, start)
    result = replace(result, notes=(*history_notes(recipe), *result.notes))
    return _train(result, resume=False, device=device, on_start=on_start, on_update=on_update, track=track)


def resume(
    run: Run | str | Path,
    *,
    steps: int | None = None,
    epochs: float | None = None,
    minutes: float | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    registry: Registry | None = None,
    on_start: StartCallback | None = None,
    on_update: UpdateCallback | None = None,
    track: Sequence[str] = (),
) -> TrainingResult:
    """Resume an interrupted run, or train any run on for so many more ``steps``, ``epochs`` or ``minutes``.

    The other arguments are changes of settings for that; the learning rate rises and falls once more. Without any, a
    run that is finished stays as it is. Callbacks and errors are those of ``train``.
    """
    run = open_run(run, registry)
    changes = _given(
        steps=steps, epochs=epochs, minutes=minutes, batch_size=batch_size, learning_rate=learning_rate
    ) | dict(settings or {})
    check_parts(parts_of(run.recipe), run.registry)
    if not changes and is_finished(run):
        finished = TrainingResult(run, was_finished=True)
        _require_finite(finished)
        return finished
    return _train(
        TrainingResult(run),
        resume=True,
        changes=changes,
        device=device,
        on_start=on_start,
        on_update=on_update,
        track=track,
    )


def is_finished(run: Run) -> bool:
    """Whether a run's last stage of training has ended, and its curve is drawn."""
    drawn = (run.folder / "training.png").exists()
    return drawn and read_state(run.state_path).ended(run.stage.first_step)


def _given(**changes: Any) -> dict[str, Any]:
    return {key: value for key, value in changes.items() if value is not None}


def _parse(parts: Mapping[str, str | PartSpec | None]) -> dict[str, PartSpec]:
    return {kind: PartSpec.parse(spec) for kind, spec in parts.items() if spec is not None}


def _source(data: str | PartSpec | None, recipe: str | Path | Recipe | None, registry: Registry) -> PartSpec | Recipe:
    """The spec of the dataset, or the recipe."""
    if data is not None and recipe is None:
        return dataset_spec(data, registry)
    if recipe is not None and data is None:
        return recipe if isinstance(recipe, Recipe) else find_recipe(recipe, registry)
    raise TensorarError(
        expected="either `data` or `recipe`",
        got="none" if data is None else "both",
        remedy='choose a dataset (such as "toy") or a recipe',
    )


def _prepare(
    source: PartSpec | Recipe,
    given: dict[str, PartSpec],
    changes: Mapping[str, Any],
    out: Path | None,
    name: str | None,
    registry: Registry,
    start: Run | None,
) -> TrainingResult:
    """The new run, after all checks; loads the dataset when everything that needs no data has been checked."""
    known = (parts_of(source) if isinstance(source, Recipe) else {"dataset": source}) | given
    check_parts(known, registry)
    if out is not None and is_main_process():
        require_free(out)
    data = known.pop("dataset")
    dataset = load_dataset(data, registry=registry) if start is None else start.other_dataset(data)
    parts = choose_parts(dataset, known, registry)
    if isinstance(source, Recipe):
        changed: dict[str, Any] = {"training": source.training.changed(changes), **given}
        recipe = replace(source, **changed)
        if recipe != source or start is not None:
            # what was changed reproduces no published result
            recipe = replace(recipe, row=None, quick={})
    else:
        backbone = registry.find("backbone", parts.specs["backbone"].name).part
        recipe = recipe_for(dataset, source, parts, default_settings(backbone, dataset, changes))
    folder = out or Path("runs") / (name or f"{data.name}-{recipe.backbone.name}")
    run = Run.create(folder, recipe, dataset, registry=registry, numbered=out is None, initial=start)
    sampled = [dataset.sample_note] if dataset.sample_note else []
    statistics = data_notes(run.head, dataset.sampled.train, dataset.coefficient_names)
    notes = [*initial_notes(run), *dataset.notes, *sampled, *statistics, *_notes_on_passes(run, dataset)]
    if "backbone" in parts.chosen and (reason := _reason(run)):
        notes.append(reason)
    return TrainingResult(
        run, chosen=parts.defaults, notes=tuple(notes), axes=_axes(run, dataset), columns=tuple(dataset.column_kinds)
    )


def _reason(run: Run) -> str:
    """Why a network for images was chosen, if one was."""
    found = suggest_for_images(run.event_shape, run.head, run.axes, registry=run.registry)
    return f"{found[0].name} was chosen for images: {found[1]}" if found and found[0] == run.recipe.backbone else ""


def _axes(run: Run, dataset: Dataset) -> str:
    """The axes of events in words, and whether their names are guessed; nothing for those without rows."""
    if len(run.event_shape) < 2:
        return ""
    return describe_axes(run.axes, run.event_shape) + ("" if dataset.axes else " (names guessed from the shape)")


def _notes_on_passes(run: Run, dataset: Dataset) -> list[str]:
    backbone = run.registry.find("backbone", run.recipe.backbone.name).part
    ordering: Ordering = run.registry.create("ordering", run.recipe.ordering)
    # in a few orders what is missing comes last, so that no coefficient moves
    few_orders = ordering.fixed or ordering.ensemble
    if not dataset.missing or few_orders or not issubclass(backbone, CausalBackbone):
        return []
    return pattern_notes(dataset.sampled.train, run.recipe.training.batch_size)


def _train(
    result: TrainingResult,
    *,
    resume: bool,
    changes: Mapping[str, Any] | None = None,
    device: str,
    on_start: StartCallback | None,
    on_update: UpdateCallback | None,
    track: Sequence[str],
) -> TrainingResult:
    def measured(cost: TrainingCost) -> None:
        nonlocal result
        result = replace(result, cost=cost)

    def started() -> None:
        if on_start is not None:
            on_start(result)

    run = result.run
    with run.writing(new=not resume):
        interrupted = train_run(
            run,
            resume=resume,
            settings=changes,
            device=device,
            on_start=started,
            on_update=on_update,
            on_cost=measured,
            progress=False,
            track=track,
        )
        result = replace(result, interrupted=interrupted)
        if interrupted is None and is_main_process():
            _draw_curve(result)
            _require_finite(result)
    return result


def _draw_curve(result: TrainingResult) -> None:
    from tensorar import plotting

    curve = plotting.training_curve(result.metrics, entropy=result.exact_nats)
    plotting.save(curve, result.run.folder / "training.png")


def _require_finite(result: TrainingResult) -> None:
    if result.best_nats is None:
        raise RunError(
            expected=f"a finite validation of {result.run.folder}",
            got=f"none in {len(result.metrics)}",
            remedy="lower `learning_rate`, choose another `head`, or look for outliers; the last weights are kept",
        )
