"""Which parts to take for a dataset where the user names none."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tensorar import Dataset, PartSpec, Recipe


def pick_head(dataset: Dataset) -> PartSpec:
    """The head that the dataset names, or the first that takes its values."""
    from tensorar import SupportError, heads_for

    specs = heads_for(dataset).specs
    if not specs:
        raise SupportError(
            expected="data that an installed head takes", got=f"the dataset {dataset.name}", remedy="give a --head"
        )
    return specs[0]


def pick_backbone(dataset: Dataset, head: PartSpec) -> str:
    """The exact linear network for binary data; the lecture's convnet where there is space; else the dense network."""
    axes = sum(size > 1 for size in dataset.event_shape)
    if head.name == "bernoulli" and dataset.train[0].numel() <= 4096:
        return "fvsbn"
    if axes in (2, 3) or (axes == 1 and dataset.train[0].numel() > 16):
        return "convnet"
    return "mlp"


def pick_ordering(backbone: PartSpec) -> str:
    """Raster, except for the dense network, which learns all orders at once."""
    return "shuffled" if backbone.name == "mlp" else "raster"


def complete_recipe(
    data: str, ordering: str | None, head: str | None, backbone: str | None
) -> tuple[Recipe, list[str]]:
    """A recipe for a dataset with the parts given and the others picked, and what was picked in words."""
    from tensorar import PartSpec, Recipe, load_dataset

    dataset = load_dataset(data)
    head_spec = PartSpec.parse(head) if head else pick_head(dataset)
    backbone_spec = PartSpec.parse(backbone or pick_backbone(dataset, head_spec))
    ordering_spec = PartSpec.parse(ordering or pick_ordering(backbone_spec))
    given = {"ordering": ordering, "head": head, "backbone": backbone}
    made = {"ordering": ordering_spec, "head": head_spec, "backbone": backbone_spec}
    picked = [f"{kind} {made[kind]}" for kind in made if not given[kind]]
    recipe = Recipe(dataset=PartSpec.parse(data), ordering=ordering_spec, head=head_spec, backbone=backbone_spec)
    return replace(recipe, name=dataset.name), picked
