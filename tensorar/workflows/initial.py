"""Training that begins with the weights of another run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from tensorar.dataset_spec import dataset_spec
from tensorar.errors import TensorarError
from tensorar.parts.registry import Registry
from tensorar.parts.spec import PartSpec
from tensorar.runs.paths import with_found_paths
from tensorar.runs.recipe import Recipe, read_recipe
from tensorar.runs.run import Run
from tensorar.runs.stages import KEY as STAGES


def initial_recipe(
    start: Run,
    data: str | PartSpec | None,
    recipe: str | Path | Recipe | None,
    given: Mapping[str, PartSpec],
    registry: Registry,
) -> Recipe:
    """The recipe of a run that begins with the weights of ``start``: its parts and settings, on its or other data.

    The backbone may get other options, such as dropout, and the order may change. Raises ``TensorarError`` for other
    parts, whose weights those are not.
    """
    fits = {"ordering", *(["backbone"] if _same_name(given.get("backbone"), start.recipe.backbone) else [])}
    others = [kind for kind in given if kind not in fits] + ([] if recipe is None else ["recipe"])
    if others:
        raise TensorarError(
            expected=f"the parts of {start.folder}, whose weights training begins with",
            got=", ".join(others),
            remedy="leave them out, or train from new weights",
        )
    own = with_found_paths(start.recipe, start.provenance.get("paths", {}), start.folder)
    spec = own.dataset if data is None else dataset_spec(data, registry)
    return replace(own, dataset=spec, training=start.stage.settings)


def _same_name(given: PartSpec | None, own: PartSpec) -> bool:
    return given is not None and given.name == own.name


def initial_notes(run: Run) -> Iterator[str]:
    """Where a new run's weights and units come from, a line each."""
    if run.initial is None:
        return
    yield f"training begins with the weights of {run.initial.folder}, trained on {run.initial.recipe.dataset}"
    if run.recipe.ordering != run.initial.recipe.ordering:
        yield f"the weights were trained in the order {run.initial.recipe.ordering}, not in {run.recipe.ordering}"
    if run.head.data_state() and run.recipe.dataset != run.initial.recipe.dataset:
        yield f"the head {run.head.name} keeps the units that it found in the data of {run.initial.folder}"


def history_notes(recipe: str | Path | Recipe | None) -> Iterator[str]:
    """What a recipe file of a run does not repeat of that run's training, in a line."""
    if recipe is None or isinstance(recipe, Recipe) or not str(recipe).endswith(".toml"):
        return
    _, provenance = read_recipe(Path(recipe))
    if STAGES in provenance:
        yield f"the run of {recipe} was trained on later; this training has its first settings only"
    if "initial" in provenance:
        yield f"the run of {recipe} began with the weights of another run; this training begins with new ones"
