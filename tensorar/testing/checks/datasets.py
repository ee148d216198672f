"""What a dataset must be: three splits apart from each other, always the same, of one shape; likelihoods that fit."""

from __future__ import annotations

import math
from collections import Counter

import torch
from torch import Tensor

from tensorar.dataset import Dataset
from tensorar.evidence import Evidence
from tensorar.parts.registry import default_registry
from tensorar.suggestions import suggest_heads
from tensorar.testing.check import CheckFailed, random_state
from tensorar.testing.generate.cases import Subject
from tensorar.testing.oracles import all_values, levels_of

SPLITS = ("train", "valid", "test")
# rows that are compared, and values of an event that are enumerated
ROWS, VALUES = 20_000, 100_000
# of the events of one split, the share that may happen to be in another
BY_CHANCE = 0.01


def loads_three_splits(subject: Subject) -> None:
    """Three splits, none empty, of one shape and dtype, of real numbers."""
    dataset: Dataset = subject.make()
    dtypes = {events.dtype for events in _splits(dataset).values()}
    if len(dtypes) > 1 or any(dtype.is_complex for dtype in dtypes):
        raise CheckFailed(f"the splits have dtypes {sorted(map(str, dtypes))}, one of real numbers is wanted")


def the_same_each_time(subject: Subject) -> None:
    """Another dataset with the same options has the same events, whatever was drawn before."""
    torch.manual_seed(1)
    one = _splits(subject.make())
    torch.manual_seed(2)
    other = _splits(subject.make())
    for name in SPLITS:
        if not torch.equal(one[name], other[name]):
            raise CheckFailed(f"the events of {name} differ when they are loaded again")


def leaves_the_global_random_state_alone(subject: Subject) -> None:
    """Loading does not change torch's global random state."""
    before = random_state()
    _splits(subject.make())
    if not torch.equal(torch.get_rng_state(), before):
        raise CheckFailed("loading changes the global random state")


def splits_are_apart(subject: Subject) -> None:
    """No split shares events with another, beyond those that are as often repeated within one."""
    dataset: Dataset = subject.make()
    splits = {name: _rows(events) for name, events in _splits(dataset).items()}
    repeated = max(_repeated(rows) for rows in splits.values())
    for one, other in (("test", "train"), ("valid", "train"), ("test", "valid")):
        shared = _share(splits[one], splits[other])
        spread = math.sqrt(repeated * (1 - repeated) * (1 / len(splits[one]) + 1 / len(splits[other])))
        if shared > repeated + 4 * spread + BY_CHANCE or splits[one] == splits[other][: len(splits[one])]:
            raise CheckFailed(
                f"{shared:.1%} of the events of {one} are in {other}, too, where at most {repeated:.1%} are repeated"
                " within a split"
            )


def a_head_takes_the_values(subject: Subject) -> None:
    """The head that the dataset names (or one that is installed) takes every value of every split."""
    dataset: Dataset = subject.make()
    specs = suggest_heads(dataset)
    if not specs:
        raise CheckFailed("no installed head takes these values; name one in suggested_head, and bring it along")
    head = default_registry().create("head", specs[0])
    for name, events in _splits(dataset).items():
        head.check(events, what=f"the {name} part")


def contexts_match(subject: Subject) -> None:
    """Contexts, where there are any, are a vector of finite numbers for each event, always the same."""
    one, other = subject.make(), subject.make()
    if one.contexts is None:
        return
    for name in SPLITS:
        first, second = getattr(one.contexts, name), getattr(other.contexts, name)
        if len(first) != len(getattr(one, name)) or not torch.equal(first, second):
            raise CheckFailed(f"the contexts of {name} are not one for each event, always the same")
    if one.simulate(1, torch.Generator()) is not None:
        raise CheckFailed("fresh events come without a context: a dataset with contexts trains on its train split")


def fresh_events_follow_the_generator(subject: Subject) -> None:
    """Events drawn afresh follow the generator and look like those of the splits."""
    dataset: Dataset = subject.make()

    def draw(seed: int) -> Tensor | None:
        return dataset.simulate(50, torch.Generator().manual_seed(seed))

    before = random_state()
    first, again, other = draw(0), draw(0), draw(1)
    if first is None or again is None or other is None:
        return
    if tuple(first.shape) != (50, *dataset.event_shape) or first.dtype != dataset.train.dtype:
        raise CheckFailed(f"50 fresh events have shape {tuple(first.shape)} and dtype {first.dtype}")
    if not torch.equal(first, again):
        raise CheckFailed("the same generator state draws other fresh events")
    if torch.equal(first, other):
        raise CheckFailed("another generator state draws the same fresh events")
    if not torch.equal(torch.get_rng_state(), before):
        raise CheckFailed("drawing fresh events changes the global random state")


def visits_follow_the_generator(subject: Subject) -> None:
    """What is seen of training events follows the indices and the generator, and changes no event."""
    dataset: Dataset = subject.make()
    kept, indices = dataset.train.clone(), torch.tensor([len(dataset.train) - 1, 0, 0])
    one, other = (dataset.draw(indices, torch.Generator().manual_seed(3)) for _ in range(2))
    if tuple(one.shape) != (3, *dataset.event_shape):
        raise CheckFailed(f"3 visited events have shape {tuple(one.shape)}")
    if not torch.equal(one, other):
        raise CheckFailed("the same generator state shows other events")
    if not torch.equal(dataset.train, kept):
        raise CheckFailed("visiting events changes them")


def likelihoods_are_probabilities(subject: Subject) -> None:
    """``log_prob``, where it is written, is finite for the data and never sums to more than 1."""
    dataset: Dataset = subject.make()
    events = dataset.test[:500]
    nats = dataset.log_prob(events)
    if nats is None:
        return
    if tuple(nats.shape) != (len(events),) or not nats.isfinite().all():
        raise CheckFailed("log_prob is no finite number for each event of test")
    if _whole(events):
        different = events.reshape(len(events), -1).unique(dim=0).reshape(-1, *dataset.event_shape)
        total = _mass(dataset, different)
        if total > 1 + 1e-6:
            raise CheckFailed(f"the probabilities of {len(different)} different events sum to {total:.6g}")
        _require_sum(dataset, events)


def conditionals_are_those_of_the_likelihood(subject: Subject) -> None:
    """``conditional``, where it is written, chains in raster order to ``log_prob``."""
    dataset: Dataset = subject.make()
    x = dataset.test[:20]
    flat, n = x.reshape(len(x), -1), x[0].numel()
    nats = dataset.log_prob(x)
    if nats is None or dataset.conditional(_start(x, 0)) is None:
        return
    total = torch.zeros(len(x), dtype=torch.float64)
    for t in range(n):
        posterior = dataset.conditional(_start(x, t))
        assert posterior is not None
        total = total + posterior.log_prob(flat[:, t].double()).double()
    if not torch.allclose(total, nats.double(), rtol=1e-6, atol=1e-6):
        raise CheckFailed(f"the conditionals sum to {total[0].item():g} nats, log_prob is {nats[0].item():g}")


# --- what the checks share -------------------------------------------------------------------------------------------


def _splits(dataset: Dataset) -> dict[str, Tensor]:
    return {name: getattr(dataset, name) for name in SPLITS}


def _rows(events: Tensor) -> list[bytes]:
    return [row.tobytes() for row in events[:ROWS].reshape(len(events[:ROWS]), -1).contiguous().numpy()]


def _share(rows: list[bytes], among: list[bytes]) -> float:
    """Of the rows, the share that is among the others, too."""
    known = set(among)
    return sum(row in known for row in rows) / len(rows)


def _repeated(rows: list[bytes]) -> float:
    """Of the rows, the share that is there more than once."""
    counts = Counter(rows)
    return sum(counts[row] > 1 for row in rows) / len(rows)


def _whole(events: Tensor) -> bool:
    return not events.is_floating_point() or bool((events == events.round()).all())


def _mass(dataset: Dataset, events: Tensor) -> float:
    nats = dataset.log_prob(events)
    assert nats is not None
    return float(nats.double().exp().sum())


def _require_sum(dataset: Dataset, events: Tensor) -> None:
    """Where all values of an event are few, their probabilities sum to 1."""
    heads = [default_registry().create("head", spec) for spec in suggest_heads(dataset)[:1]]
    levels = levels_of(heads[0]) if heads else int(events.max()) + 1
    if levels is not None and levels ** events[0].numel() <= VALUES:
        total = _mass(dataset, all_values(dataset.event_shape, levels))
        if not abs(total - 1) < 1e-6:
            raise CheckFailed(f"the probabilities of all values of an event sum to {total:.9g}")


def _start(x: Tensor, known: int) -> Evidence:
    mask = (torch.arange(x[0].numel()) < known).expand(len(x), -1).reshape(x.shape)
    return Evidence(mask, x)
