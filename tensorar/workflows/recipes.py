"""Recipes: by name, from a file, or completed with parts that suit a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tensorar.build import head_for
from tensorar.dataset import Dataset
from tensorar.errors import SupportError
from tensorar.ordering import Ordering
from tensorar.parts.registry import Registry
from tensorar.parts.spec import PartSpec
from tensorar.runs.paths import with_found_paths
from tensorar.runs.provenance import check_provenance
from tensorar.runs.recipe import PARTS, Recipe, read_recipe
from tensorar.runs.settings import TrainingSettings
from tensorar.suggestions import suggest_backbone, suggest_heads, suggest_ordering


def find_recipe(name: str | Path, registry: Registry) -> Recipe:
    """A recipe by the name that a plugin gives it, or from a TOML file. Raises ``SpecError``, ``RunError``."""
    if str(name).endswith(".toml"):
        recipe, provenance = read_recipe(Path(name))
        if provenance:
            check_provenance(provenance, Path(name))
        return with_found_paths(recipe, provenance.get("paths", {}), Path(name).parent)
    found: Recipe = registry.find("recipe", str(name)).part
    return found


def check_parts(specs: Mapping[str, PartSpec], registry: Registry) -> None:
    """Check part names and options before any data are loaded. Raises ``SpecError``."""
    for kind, spec in specs.items():
        registry.check(kind, spec)  # type: ignore[arg-type]


def parts_of(recipe: Recipe) -> dict[str, PartSpec]:
    """The part specs of a recipe by kind."""
    return {kind: getattr(recipe, kind) for kind in PARTS}


@dataclass(frozen=True)
class ChosenParts:
    """The parts of a model for a dataset, and which of them were chosen by default."""

    specs: dict[str, PartSpec]
    chosen: tuple[str, ...]

    @property
    def defaults(self) -> dict[str, PartSpec]:
        """The parts that were chosen by default, by kind."""
        return {kind: self.specs[kind] for kind in self.chosen}


def choose_parts(dataset: Dataset, given: Mapping[str, PartSpec], registry: Registry) -> ChosenParts:
    """Complete the given ordering, head and backbone with those that suit a dataset.

    Raises ``SupportError`` or ``ShapeError`` when no installed part does.
    """
    head = given.get("head") or _first_head(dataset, registry)
    backbone = given.get("backbone") or _backbone_for(dataset, head, given.get("ordering"), registry)
    ordering = given.get("ordering") or suggest_ordering(
        backbone,
        event_shape=dataset.event_shape,
        axes=dataset.axis_names,
        missing=bool(dataset.missing),
        registry=registry,
    )
    specs = {"ordering": ordering, "head": head, "backbone": backbone}
    return ChosenParts(specs, tuple(kind for kind in specs if kind not in given))


def _backbone_for(dataset: Dataset, head: PartSpec, ordering: PartSpec | None, registry: Registry) -> PartSpec:
    if dataset.suggested_backbone is not None:
        return PartSpec.parse(dataset.suggested_backbone)
    made = head_for(registry.create("head", head), dataset)
    # a guess that real numbers are images would often be wrong
    is_image = _visits_rows(ordering, dataset, registry) and (dataset.axes or made.support.is_discrete)
    axes = dataset.axis_names if is_image else ()
    return suggest_backbone(dataset.event_shape, made, axes=axes, missing=bool(dataset.missing), registry=registry)


def _visits_rows(ordering: PartSpec | None, dataset: Dataset, registry: Registry) -> bool:
    """Whether an ordering is a raster order up to flips and axes, or none is given: networks for images need one."""
    if ordering is None:
        return True
    made: Ordering = registry.create("ordering", ordering)
    return made.fixed and made.order(dataset.event_shape).raster_view is not None


def _first_head(dataset: Dataset, registry: Registry) -> PartSpec:
    heads = suggest_heads(dataset, registry=registry)
    if not heads:
        raise SupportError(
            expected="data that an installed head accepts",
            got=f"the dataset {dataset.name}",
            remedy="choose a head with `head`",
        )
    return heads[0]


def recipe_for(dataset: Dataset, spec: PartSpec, parts: ChosenParts, settings: TrainingSettings) -> Recipe:
    """The recipe that trains these parts on a dataset."""
    ordering, head, backbone = (parts.specs[kind] for kind in ("ordering", "head", "backbone"))
    return Recipe(dataset=spec, ordering=ordering, head=head, backbone=backbone, training=settings, name=dataset.name)
