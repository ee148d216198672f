"""Properties of datasets: three splits of one shape and dtype that depend on the options alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor

from tensorar.dataset import Dataset
from tensorar.errors import TensorarError
from tensorar.evidence import Evidence
from tensorar.testing.another_process import in_another_process
from tensorar.testing.checks.option_effects import require_effects
from tensorar.testing.generate.option_values import with_each_choice, with_each_option
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.random_state import seed_everything, unchanged_global_state
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed
from tensorar.utils.shapes import flatten_events

SPLITS = ("train", "valid", "test")
# events in a digest, and other values of an option that are tried
MAX_DIGESTED_EVENTS, MAX_VALUES = 5_000, 2


@check("dataset", base=True)
def loads_three_splits(part: PartUnderTest) -> None:
    """Three nonempty splits of one event shape and one real dtype, for each choice of an option."""
    for options, variant in with_each_choice(part):
        try:
            dtypes = {events.dtype for events in splits_of(variant.instance).values()}
        except TensorarError:
            if options:  # such as a choice that needs other files
                continue
            raise
        if len(dtypes) > 1 or any(dtype.is_complex for dtype in dtypes):
            found, where = sorted(map(str, dtypes)), f" ({options})" if options else ""
            raise CheckFailed(f"expected one real dtype for all splits, got {found}{where}")


@check("dataset")
def names_its_axes(part: PartUnderTest) -> None:
    """``axes`` has a different name for each axis of the events, or is empty."""
    for options, variant in with_each_choice(part):
        try:
            _ = variant.instance.splits
        except TensorarError:
            if options:  # such as a choice that needs other files
                continue
            raise
        _ = variant.instance.axis_names


@check("dataset")
def deterministic(part: PartUnderTest) -> None:
    """Options determine the events, whatever the random state; loading again gives the same shapes and dtypes."""
    seed_everything(1)
    dataset = part.make()
    one = dataset.load()
    for seed, load in ((2, dataset.load), (3, part.make().load)):
        seed_everything(seed)
        other = load()
        for name in SPLITS:
            _require_equal(getattr(one, name), getattr(other, name), name)


@check("dataset")
def leaves_global_state_alone(part: PartUnderTest) -> None:
    """Nothing that a dataset does seeds or uses a global generator, or changes a mode of the process."""
    with unchanged_global_state("loading"):
        dataset = part.make()
        splits, _ = dataset.splits, dataset.contexts
    generator, few = torch.Generator(), splits.test[:3]
    calls: dict[str, Callable[[], Any]] = {
        "simulate": lambda: dataset.simulate(3, generator),
        "draw": lambda: dataset.draw(torch.tensor([0]), generator),
        "log_prob": lambda: dataset.log_prob(few),
        "evidence_mask": lambda: dataset.evidence_mask("test", torch.tensor([0])),
        "conditional": lambda: dataset.conditional(Evidence.none(3, dataset.event_shape)),
    }
    for name, call in calls.items():
        with unchanged_global_state(name):
            call()


@check("dataset")
def same_in_another_process(part: PartUnderTest) -> None:
    """Another process, with another hash seed and listings of folders, gives the same, after other options."""
    others = [variant.options for variant in with_each_option(part, 1)]
    there = in_another_process(digests, part.part, part.options, others)
    here = digests(part.part, part.options, [])
    for what, digest in here.items():
        if there[what] != digest:
            raise CheckFailed(f"in another process {what} differs")


@check("dataset")
def every_option_has_an_effect(part: PartUnderTest) -> None:
    """Another value of each option changes the events, contexts, draws, evidence or likelihoods.

    Left out are options whose description says with "if" when they apply.
    """
    described = part.part.option_descriptions()
    options = [name for name in part.part.option_parameters() if " if " not in described.get(name, "")]
    require_effects(part, options, lambda variant: digests(variant.part, variant.options, []), values=MAX_VALUES)


def _gives_evidence(part: Any) -> bool:
    return part.evidence_mask is not Dataset.evidence_mask


@check("dataset", when=_gives_evidence)
def evidence_fits_the_events(part: PartUnderTest) -> None:
    """``evidence_mask`` is Boolean, of the events' shape, leaves something unknown, and depends on the event alone."""
    dataset = part.instance
    for split, events in splits_of(dataset).items():
        rows = torch.arange(min(5, len(events))).flip(0)
        mask = dataset.evidence_mask(split, rows)
        if mask.dtype != torch.bool or mask.shape != events[rows].shape:
            raise CheckFailed(f"the evidence of {split} is {mask.dtype} of shape {tuple(mask.shape)}")
        if flatten_events(mask).all(1).any():
            raise CheckFailed(f"all coefficients of an event of {split} are given")
        if not torch.equal(dataset.evidence_mask(split, rows[-1:])[0], mask[-1]):
            raise CheckFailed(f"the evidence of an event of {split} depends on the events asked for with it")


# --- helpers ---------------------------------------------------------------------------------------------------------


def splits_of(dataset: Dataset) -> dict[str, Tensor]:
    """The three splits by name."""
    return {name: getattr(dataset, name) for name in SPLITS}


def same_events(one: Tensor, other: Tensor) -> bool:
    """Whether events have the same values, missing ones (NaN) in the same places."""
    return torch.equal(one.isnan(), other.isnan()) and torch.equal(one.nan_to_num(), other.nan_to_num())


def known(dataset: Dataset, events: Tensor) -> Tensor | None:
    """The mask of values that a head must support: all, unless some may be missing."""
    return ~events.isnan() if dataset.missing else None


def digests(part: type[Dataset], options: dict[str, Any], others: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Digests of what a dataset provides, computed after datasets with other options were loaded."""
    seed_everything(len(others))
    for other in others:
        with suppress(TensorarError):
            dataset = part(**other)
            _ = dataset.splits, dataset.contexts
    dataset = part(**options)
    found: dict[str, Any] = dict(splits_of(dataset))
    contexts, few = dataset.contexts, dataset.splits.test[:20]
    found |= {f"the contexts of {name}": getattr(contexts, name) for name in SPLITS} if contexts else {}
    indices = torch.arange(min(20, len(dataset.splits.train)))
    found["simulate"] = dataset.simulate(20, torch.Generator().manual_seed(1))
    found["draw"] = dataset.draw(indices, torch.Generator().manual_seed(1))
    found["log_prob"] = dataset.log_prob(few)
    found["evidence_mask"] = dataset.evidence_mask("test", torch.arange(len(few)))
    found["suggested_head"], found["missing"], found["axes"] = dataset.suggested_head, dataset.missing, dataset.axes
    return {what: _digest(value) for what, value in found.items()}


def _digest(value: Any) -> str:
    if isinstance(value, Tensor):
        some = torch.cat([value[:MAX_DIGESTED_EVENTS], value[-1:]]).detach().contiguous().numpy()
        return f"{value.dtype} {tuple(value.shape)} {hashlib.sha256(some.tobytes()).hexdigest()}"
    return repr(value)


def _require_equal(one: Tensor, other: Tensor, name: str) -> None:
    if (one.dtype, one.shape) != (other.dtype, other.shape):
        kinds = [f"{events.dtype} {tuple(events.shape)}" for events in (one, other)]
        raise CheckFailed(f"the events of {name} are {kinds[0]}, and {kinds[1]} when they are loaded again")
    if not same_events(one, other):
        raise CheckFailed(f"the events of {name} differ when they are loaded again")
