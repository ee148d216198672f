"""Checks before training starts."""

from __future__ import annotations

import torch
from torch import Tensor

from tensorar.build import head_for
from tensorar.dataset import Dataset
from tensorar.errors import RunError, SpecError, SupportError, TensorarError
from tensorar.factorization import Factorization
from tensorar.head import Head
from tensorar.model import AutoregressiveModel
from tensorar.observed import require_missing_last
from tensorar.parts.registry import Registry
from tensorar.parts.spec import PartSpec
from tensorar.runs.run import Run
from tensorar.runs.settings import TrainingSettings
from tensorar.runs.tensors import layout_of
from tensorar.suggestions import suggest_heads
from tensorar.value_checks import default_value_dtype, is_bounded


def check_data(dataset: Dataset, spec: str, head: Head, registry: Registry) -> None:
    """Raise ``SupportError`` when the head does not accept the data; it suggests heads and dataset options that fit.

    Raises ``SpecError`` for a head of numbers for a category.
    """
    _check_categories(dataset, head)
    try:
        _check(dataset, spec, head)
    except SupportError as error:
        remedy = _remedy(dataset, head, registry)
        got = "; ".join([error.got, *head.notes(dataset.sampled.train)])
        raise SupportError(expected=error.expected, got=got, remedy=remedy, place=error.place) from error


def _check(dataset: Dataset, spec: str, head: Head) -> None:
    sizes = [len(events) for events in (dataset.train, dataset.valid, dataset.test)]
    for part, events in enumerate(_tensors(dataset)):
        known = ~events.isnan() if dataset.missing else None
        try:
            head.check(events, known=known, what=f"the dataset {spec}", dtype=default_value_dtype())
        except SupportError as error:
            # events that are a sample have other numbers than those of the dataset
            whole = error.place is not None and len(events) == sizes[part]
            place = dataset.describe_place(part, *error.place) if whole and error.place else ""
            raise (error.named(place) if place else error) from error


def _check_categories(dataset: Dataset, head: Head) -> None:
    for i, levels in enumerate(dataset.level_counts):
        member = head.member(i)
        if levels and not (is_bounded(member.support) and bool(member.is_discrete(torch.tensor(i)))):
            name = dataset.coefficient_names[i]
            raise SpecError(
                expected=f"a head over the {levels} levels of the category {name}",
                got=member.name,
                remedy=f"use categorical:levels={levels},one_hot=true, or set another kind of {name} with types",
            )


def check_missing(dataset: Dataset, model: Factorization) -> None:
    """Raise ``SupportError`` when the model does not give the likelihood of what was observed in the data."""
    if dataset.missing:
        for events in _tensors(dataset):
            require_missing_last(model, ~events.isnan(), model.orders)
        orders = tuple(order.to(model.device) for order in model.ordering.trained_orders(model.event_shape))
        require_missing_last(model, ~_tensors(dataset)[0].isnan(), orders or model.orders)


def _tensors(dataset: Dataset) -> list[Tensor]:
    """The splits, or samples of those that are stored, whose other events are checked when they are read."""
    splits = ((dataset.train, dataset.sampled.train), (dataset.valid, dataset.sampled.valid))
    whole = [*splits, (dataset.test, dataset.sampled.test)]
    return [events if isinstance(events, Tensor) else sample for events, sample in whole]


def load_initial(model: AutoregressiveModel, initial: Run) -> None:
    """Give a new model the weights of another run. Raises ``RunError`` unless they have the same names and shapes."""
    own, weights = layout_of(model.state_dict()), initial.model.state_dict()
    unlike = sorted(name for name, _ in own.items() ^ layout_of(weights).items())
    if unlike:
        raise RunError(
            expected=f"a backbone with the weights of {initial.folder}",
            got=f"other weights {unlike[0]} from {initial.recipe.backbone}",
            remedy="leave the options that change the weights as they are there",
        )
    model.load_state_dict(weights)


def _accepts(dataset: Dataset, spec: PartSpec, registry: Registry) -> bool:
    try:
        _check(dataset, "", head_for(registry.create("head", spec), dataset))
    except TensorarError:
        return False
    return True


def _remedy(dataset: Dataset, head: Head, registry: Registry) -> str:
    suggested = suggest_heads(dataset, registry=registry)
    heads = [f"head={str(spec)!r}" for spec in suggested if _accepts(dataset, spec, registry)]
    datasets = [
        f"the dataset {spec}"
        for spec, values in dataset.alternative_specs.items()
        if head.data_state() == {} and bool(head.supports(torch.tensor(values, dtype=torch.get_default_dtype())).all())
    ]
    alternatives = " or ".join([*heads, *datasets])
    if dataset.level_counts:
        alternatives = alternatives or "another head for that column, in heads"
    none = "no head is suggested for these values: convert them, or leave out the events that contain them"
    return f"use {alternatives}" if alternatives else none


def check_shares(dataset: Dataset, settings: TrainingSettings, processes: int) -> None:
    """Raise ``RunError`` when a process would have no event to train on, or none to validate with."""
    sizes = {
        "training events in a batch": min(settings.batch_size, len(dataset.train)),
        "validation events": min(settings.valid_events, len(dataset.valid)),
    }
    for what, size in sizes.items():
        if size < processes:
            raise RunError(
                expected=f"at least {processes} {what}, one for each process",
                got=str(size),
                remedy="start fewer processes, or use more events",
            )
