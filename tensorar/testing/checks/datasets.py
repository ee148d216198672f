"""Properties of datasets: three disjoint, deterministic splits of one shape; draws that follow a generator."""

from __future__ import annotations

import math
from collections import Counter

import torch
from torch import Tensor

from tensorar.build import head_for
from tensorar.dataset import Dataset
from tensorar.parts.registry import default_registry
from tensorar.suggestions import suggest_heads
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.random_state import unseeded_state
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped

SPLITS = ("train", "valid", "test")
# events compared between splits
MAX_COMPARED_EVENTS = 20_000
# the share of the events of a split that may be in another one by chance
CHANCE_OVERLAP = 0.01


@check("dataset", base=True)
def loads_three_splits(part: PartUnderTest) -> None:
    """Three nonempty splits of one event shape and one real dtype."""
    dataset: Dataset = part.instance
    dtypes = {events.dtype for events in _splits(dataset).values()}
    if len(dtypes) > 1 or any(dtype.is_complex for dtype in dtypes):
        raise CheckFailed(f"expected one real dtype for all splits, got {sorted(map(str, dtypes))}")


@check("dataset")
def deterministic(part: PartUnderTest) -> None:
    """Options determine the events, whatever the random state."""
    torch.manual_seed(1)
    one = _splits(part.make())
    torch.manual_seed(2)
    other = _splits(part.make())
    for name in SPLITS:
        if not torch.equal(one[name], other[name]):
            raise CheckFailed(f"the events of {name} differ when they are loaded again")


@check("dataset")
def global_random_state_unchanged(part: PartUnderTest) -> None:
    """Loading does not change torch's global random state."""
    before = unseeded_state()
    _splits(part.make())
    if not torch.equal(torch.get_rng_state(), before):
        raise CheckFailed("loading changes the global random state")


@check("dataset")
def splits_are_disjoint(part: PartUnderTest) -> None:
    """Splits share no more events than are repeated within a split."""
    dataset: Dataset = part.instance
    splits = {name: _rows(events) for name, events in _splits(dataset).items()}
    repeated = max(_repeated(rows) for rows in splits.values())
    for one, other in (("test", "train"), ("valid", "train"), ("test", "valid")):
        shared = _share(splits[one], splits[other])
        spread = math.sqrt(repeated * (1 - repeated) * (1 / len(splits[one]) + 1 / len(splits[other])))
        if shared > repeated + 4 * spread + CHANCE_OVERLAP or splits[one] == splits[other][: len(splits[one])]:
            raise CheckFailed(
                f"{shared:.1%} of the events of {one} are also in {other}, but at most {repeated:.1%} are"
                " repeated within a split"
            )


@check("dataset")
def a_head_supports_the_values(part: PartUnderTest) -> None:
    """The suggested head (or else an installed one) supports every value of every split."""
    dataset: Dataset = part.instance
    specs = suggest_heads(dataset)
    if not specs:
        raise CheckFailed("no installed head supports these values; set suggested_head to one of your plugin")
    head = head_for(default_registry().create("head", specs[0]), dataset)
    for name, events in _splits(dataset).items():
        head.check(events, what=f"the {name} split")


@check("dataset")
def contexts_match(part: PartUnderTest) -> None:
    """There is one context per event, always the same, and no simulation without contexts."""
    one, other = part.instance, part.make()
    if one.contexts is None:
        raise CheckSkipped("the dataset has no contexts")
    for name in SPLITS:
        first, second = getattr(one.contexts, name), getattr(other.contexts, name)
        if len(first) != len(getattr(one, name)) or not torch.equal(first, second):
            raise CheckFailed(f"expected one context for each event of {name}, the same each time")
    if one.simulate(1, torch.Generator()) is not None:
        raise CheckFailed("simulated events have no contexts: a dataset with contexts must not override simulate")


@check("dataset")
def simulated_events_follow_the_generator(part: PartUnderTest) -> None:
    """The generator determines simulated events, which have the shape and dtype of the splits."""
    dataset: Dataset = part.instance

    def draw(seed: int) -> Tensor | None:
        return dataset.simulate(50, torch.Generator().manual_seed(seed))

    before = unseeded_state()
    first, again, other = draw(0), draw(0), draw(1)
    if first is None or again is None or other is None:
        raise CheckSkipped("the dataset does not simulate events")
    if tuple(first.shape) != (50, *dataset.event_shape) or first.dtype != dataset.train.dtype:
        raise CheckFailed(f"50 simulated events have shape {tuple(first.shape)} and dtype {first.dtype}")
    if not torch.equal(first, again):
        raise CheckFailed("the same generator state simulates other events")
    if torch.equal(first, other):
        raise CheckFailed("another generator state simulates the same events")
    if not torch.equal(torch.get_rng_state(), before):
        raise CheckFailed("simulating events changes the global random state")


@check("dataset")
def draws_follow_the_generator(part: PartUnderTest) -> None:
    """Indices and generator determine the training events drawn, and the stored ones do not change."""
    dataset: Dataset = part.make()
    kept, indices = dataset.train.clone(), torch.tensor([len(dataset.train) - 1, 0, 0])
    one, other = (dataset.draw(indices, torch.Generator().manual_seed(3)) for _ in range(2))
    if tuple(one.shape) != (3, *dataset.event_shape):
        raise CheckFailed(f"3 drawn events have shape {tuple(one.shape)}")
    if not torch.equal(one, other):
        raise CheckFailed("the same generator state draws other events")
    if not torch.equal(dataset.train, kept):
        raise CheckFailed("drawing events changes the stored ones")


# --- helpers ---------------------------------------------------------------------------------------------------------


def _splits(dataset: Dataset) -> dict[str, Tensor]:
    return {name: getattr(dataset, name) for name in SPLITS}


def _rows(events: Tensor) -> list[bytes]:
    return [
        row.tobytes()
        for row in events[:MAX_COMPARED_EVENTS].reshape(len(events[:MAX_COMPARED_EVENTS]), -1).contiguous().numpy()
    ]


def _share(rows: list[bytes], among: list[bytes]) -> float:
    """The share of the rows that are also among the others."""
    known = set(among)
    return sum(row in known for row in rows) / len(rows)


def _repeated(rows: list[bytes]) -> float:
    """The share of the rows that occur more than once."""
    counts = Counter(rows)
    return sum(counts[row] > 1 for row in rows) / len(rows)
