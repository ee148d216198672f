"""The splits of a dataset share no events, except for those that repeat by chance."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from tensorar.dataset import Dataset
from tensorar.testing.checks.datasets import splits_of
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed

# events of a split that are compared
MAX_COMPARED_EVENTS = 20_000
# events from which the chance of equal events is estimated
MAX_ESTIMATED_EVENTS = 2_000
# a shared event, and a run of them, that are less probable by chance than this
UNLIKELY, SIGNIFICANT = 1e-3, 1e-6
# random assignments of all events to the splits, and the standard deviations above their mean that are significant
ASSIGNMENTS, DEVIATIONS = 40, 4.5


@check("dataset")
def splits_are_disjoint(part: PartUnderTest) -> None:
    """Splits share no more events, and no longer runs of events, than chance explains.

    Chance is what a random assignment of the events to the two splits gives; and no event is shared by chance where
    none is repeated within a split, and few would be if each coefficient depended on the one before it only.
    """
    dataset: Dataset = part.instance
    splits = {name: _rows(events) for name, events in splits_of(dataset).items()}
    for one, other in (("test", "train"), ("valid", "train"), ("test", "valid")):
        _require_few_shared(dataset, one, other, splits)
        _require_no_shared_run(one, other, splits)


# --- helpers ---------------------------------------------------------------------------------------------------------


def _require_few_shared(dataset: Dataset, one: str, other: str, splits: dict[str, list[bytes]]) -> None:
    shared = _shared(splits[one], splits[other])
    if not shared:
        return
    if not any(len(set(rows)) < len(rows) for rows in splits.values()):
        pairs = len(splits[one]) * len(splits[other])
        if pairs * _chance_of_equal(dataset.splits.train) < UNLIKELY:
            found = f"{shared} of the {len(splits[one])} events of {one} are also in {other}"
            raise CheckFailed(f"{found}, though none is repeated within a split")
        return
    by_chance = _shared_by_chance(splits[one], splits[other])
    mean, deviation = float(by_chance.mean()), float(by_chance.std().clamp(min=1))
    if shared > mean + DEVIATIONS * deviation:
        raise CheckFailed(
            f"{shared} of the {len(splits[one])} events of {one} are also in {other}, but about {mean:.0f} if all were"
            " split at random"
        )


def _shared(rows: Sequence[bytes], among: Sequence[bytes]) -> int:
    """The number of rows that are also among the others."""
    known = set(among)
    return sum(row in known for row in rows)


def _shared_by_chance(one: list[bytes], other: list[bytes]) -> Tensor:
    """The numbers of shared rows if all rows were assigned to the two splits at random."""
    rows, generator = one + other, torch.Generator().manual_seed(0)
    counts = []
    for _ in range(ASSIGNMENTS):
        mixed = [rows[i] for i in torch.randperm(len(rows), generator=generator).tolist()]
        counts.append(_shared(mixed[: len(one)], mixed[len(one) :]))
    return torch.tensor(counts, dtype=torch.float64)


def _chance_of_equal(events: Tensor) -> float:
    """The probability that two events are equal if each coefficient depended on the one before it only.

    It is 0 where a coefficient that is no integer never repeats: then it is taken to be continuous.
    """
    flat = events[:MAX_ESTIMATED_EVENTS].reshape(len(events[:MAX_ESTIMATED_EVENTS]), -1)
    levels = torch.stack([column.unique(return_inverse=True)[1] for column in flat.unbind(1)], 1)
    fractional = (
        (flat != flat.round()).any(0) if flat.is_floating_point() else torch.zeros(flat.shape[1], dtype=torch.bool)
    )
    if (fractional & (levels.amax(0) == len(flat) - 1)).any():
        return 0.0
    alone = [_chance_of_equal_numbers(column) for column in levels.unbind(1)]
    pairs = (levels[:, 1:] * (levels.max() + 1) + levels[:, :-1]).unbind(1)
    after = [_chance_of_equal_numbers(pair) / before for pair, before in zip(pairs, alone[:-1], strict=True)]
    return alone[0] * math.prod(after)


def _chance_of_equal_numbers(numbers: Tensor) -> float:
    """The probability that two of the numbers are equal; that of one pair where none are."""
    counts, n = numbers.unique(return_counts=True)[1].double(), max(len(numbers), 2)
    return max(float((counts * (counts - 1)).sum()) / (n * (n - 1)), 1 / n**2)


def _require_no_shared_run(one: str, other: str, splits: dict[str, list[bytes]]) -> None:
    """Require that no run of successive events is in both splits, of a length that has no such runs by chance."""
    counts = Counter(splits[one] + splits[other])
    total = sum(counts.values())
    equal = sum(count * (count - 1) for count in counts.values()) / max(total * (total - 1), 1)
    length, chance = 1, len(splits[one]) * len(splits[other]) * equal
    while chance > SIGNIFICANT and length < len(splits[one]):
        length, chance = length + 1, chance * equal
    if chance > SIGNIFICANT or length < 2:
        return
    runs = {name: _runs(splits[name], length) for name in (one, other)}
    # periodic data repeat runs within a split
    once = all(len(set(found)) == len(found) for found in runs.values())
    if once and set(runs[one]) & set(runs[other]):
        raise CheckFailed(f"{length} successive events of {one} are also in {other}, in the same order")


def _runs(rows: list[bytes], length: int) -> list[int]:
    return [hash(tuple(rows[start : start + length])) for start in range(len(rows) - length + 1)]


def _rows(events: Tensor) -> list[bytes]:
    some = events[:MAX_COMPARED_EVENTS]
    return [row.tobytes() for row in some.reshape(len(some), -1).contiguous().numpy()]
