"""New events of a dataset: simulated or re-drawn ones depend on the generator, fit the head, and resemble the data."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tensorar.dataset import Dataset
from tensorar.testing.checks.datasets import known, same_events, splits_of
from tensorar.testing.oracles import SIGNIFICANCE
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.random_state import seed_everything
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped
from tensorar.testing.statistics import p_value_of_mean, p_value_of_means, projections, smirnov_p_values

# new events that are compared with the head, with log_prob and with the training events
NEW_EVENTS = 2_000
# coefficients, and random projections, whose distributions are compared
MAX_COEFFICIENTS, PROJECTIONS = 64, 48
# training events that are drawn, and how often
DRAWN_EVENTS, DRAWS = 300, 8
# squared distances to training events of other indices below this share of that to their own
MUCH_NEARER, ROUNDING = 0.5, 1e-9


@check("dataset")
def a_head_supports_the_values(part: PartUnderTest) -> None:
    """The suggested head (or else an installed one) supports every value of every split."""
    dataset: Dataset = part.instance
    head = part.suggested_head
    for name, events in splits_of(dataset).items():
        head.check(events, known=known(dataset, events), what=f"the {name} split")


@check("dataset")
def new_events_are_supported(part: PartUnderTest) -> None:
    """Simulated and re-drawn events have a probability under the suggested head and the dataset's own ``log_prob``."""
    dataset: Dataset = part.instance
    head, generator = part.suggested_head, torch.Generator().manual_seed(0)
    indices = torch.arange(NEW_EVENTS) % len(dataset.splits.train)
    found = {"simulated": dataset.simulate(NEW_EVENTS, generator), "drawn": dataset.draw(indices, generator)}
    for what, events in found.items():
        if events is None:
            continue
        head.check(events, known=known(dataset, events), what=f"the {what} events")
        nats = dataset.log_prob(events[:500])
        if nats is not None and not nats.isfinite().all():
            raise CheckFailed(f"log_prob is {nats[~nats.isfinite()][0].item()} for {what} events")


@check("dataset")
def simulated_events_follow_the_generator(part: PartUnderTest) -> None:
    """The generator determines simulated events, which have the shape and dtype of the splits, and advances."""
    dataset: Dataset = part.instance
    if dataset.simulate(1, torch.Generator()) is None:
        raise CheckSkipped("the dataset does not simulate events")

    def simulate(n: int, generator: torch.Generator) -> Tensor:
        events = dataset.simulate(n, generator)
        if (
            events is None
            or tuple(events.shape) != (n, *dataset.event_shape)
            or events.dtype != dataset.splits.train.dtype
        ):
            got = "none" if events is None else f"shape {tuple(events.shape)} and dtype {events.dtype}"
            raise CheckFailed(f"expected {n} simulated events like those of train, got {got}")
        return events

    simulate(1, torch.Generator())
    kept = dataset.splits.train.clone()
    _require_follows("simulates", simulate, 50)
    if not same_events(dataset.splits.train, kept):
        raise CheckFailed("simulating events changes the stored ones")


@check("dataset")
def simulated_events_are_distributed_like_the_data(part: PartUnderTest) -> None:
    """Simulated events have the distribution of the training events (Smirnov tests, overall significance 1e-4).

    Compared are coefficients, sums of a few with random weights, and the likelihoods if they are known.
    """
    dataset: Dataset = part.instance
    events = dataset.simulate(NEW_EVENTS, torch.Generator().manual_seed(5))
    if events is None:
        raise CheckSkipped("the dataset does not simulate events")
    one, other = _features(dataset.splits.train[: 2 * NEW_EVENTS], events)
    p_values = smirnov_p_values(one, other) * one.shape[1]
    nats, others = dataset.log_prob(dataset.splits.train[:500]), dataset.log_prob(events[:500])
    if float(p_values.min()) < SIGNIFICANCE:
        raise CheckFailed(f"simulated events differ in distribution from the training events (p {p_values.min():.1e})")
    if nats is not None and others is not None and p_value_of_means(nats, others) < SIGNIFICANCE:
        raise CheckFailed(
            f"the mean log_prob of simulated events is {others.mean():.3f} nats, of training events {nats.mean():.3f}"
        )


@check("dataset")
def draws_follow_the_generator(part: PartUnderTest) -> None:
    """Indices and generator determine the training events drawn, and the stored ones do not change.

    Where draws vary, they vary from call to call with one generator, and between equal indices of one call.
    """
    dataset: Dataset = part.make()
    kept = dataset.splits.train.clone()

    def draw(n: int, generator: torch.Generator) -> Tensor:
        events = dataset.draw(torch.tensor([len(dataset.splits.train) - 1, *[0] * (n - 1)]), generator)
        if tuple(events.shape) != (n, *dataset.event_shape) or events.dtype != dataset.splits.train.dtype:
            raise CheckFailed(f"{n} drawn events have shape {tuple(events.shape)} and dtype {events.dtype}")
        return events

    draw(1, torch.Generator())
    fixed = _same_for_all_seeds(draw, 16)
    if not fixed:
        _require_follows("draws", draw, 16)
        rows = draw(16, torch.Generator())[1:]
        if same_events(rows, rows[:1].expand_as(rows)):
            raise CheckFailed("an index that is repeated in one call is drawn the same each time")
    if not same_events(dataset.splits.train, kept):
        raise CheckFailed("drawing events changes the stored ones")


@check("dataset")
def draws_follow_the_indices(part: PartUnderTest) -> None:
    """Events that are drawn resemble the training events of their indices more than others, neighbors included."""
    dataset: Dataset = part.instance
    flat = dataset.splits.train.reshape(len(dataset.splits.train), -1).nan_to_num()
    indices = torch.randperm(len(flat), generator=torch.Generator().manual_seed(0))[:DRAWN_EVENTS]
    if len(flat) < 3 or len(flat[indices].unique(dim=0)) == 1:
        raise CheckSkipped("there are not enough different training events")
    generator = torch.Generator().manual_seed(1)
    draws = [dataset.draw(indices, generator).reshape(len(indices), -1) for _ in range(DRAWS)]
    drawn = torch.stack(draws).nan_to_num().double()
    spread = flat[indices].double().std(0)
    spread = torch.where(spread > 0, spread, 1.0)
    scaled, train = drawn.mean(0) / spread, flat.double() / spread
    distance = torch.cdist(scaled, train[indices], compute_mode="donot_use_mm_for_euclid_dist").square()
    own, nearest, mean = float(distance.diagonal().mean()), float(distance.amin(1).mean()), float(distance.mean())
    if own >= mean or nearest < MUCH_NEARER * own - ROUNDING * mean:
        raise CheckFailed("drawn events resemble the training events of other indices more than those of their own")
    for shift in (-1, 1):
        neighbor = (scaled - train[(indices + shift) % len(train)]).square().sum(1)
        if float(neighbor.mean()) < own and p_value_of_mean(distance.diagonal() - neighbor) < SIGNIFICANCE:
            raise CheckFailed(f"drawn events resemble the training events of the indices {shift:+d}")


# --- helpers ---------------------------------------------------------------------------------------------------------


def _require_follows(does: str, draw: Callable[[int, torch.Generator], Tensor], n: int) -> None:
    """Require draws that are determined by the generator's state, vary with it, and advance it."""
    generator = torch.Generator().manual_seed(0)
    seed_everything(1)
    first, second = draw(n, generator), draw(n, generator)
    seed_everything(2)
    if not same_events(draw(n, torch.Generator().manual_seed(0)), first):
        raise CheckFailed(f"the same generator state {does} other events")
    if same_events(draw(n, torch.Generator().manual_seed(1)), first):
        raise CheckFailed(f"another generator state {does} the same events")
    if same_events(first, second):
        raise CheckFailed(f"a generator that was used before {does} the same events again")


def _same_for_all_seeds(draw: Callable[[int, torch.Generator], Tensor], n: int) -> bool:
    """Whether draws are always the same: they vary neither with the generator nor with the global state."""
    drawn = []
    for seed in range(4):
        seed_everything(seed)
        drawn.append(draw(n, torch.Generator().manual_seed(seed)))
    return all(same_events(drawn[0], other) for other in drawn)


def _features(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Some coefficients and random projections of two sets of events, ``(n, features)`` each."""
    flats = [events.reshape(len(events), -1).double() for events in (one, other)]
    scale = flats[0].std(0).clamp(min=1e-12)
    chosen = torch.randperm(len(scale), generator=torch.Generator().manual_seed(0))[:MAX_COEFFICIENTS]
    found = [torch.cat([flat[:, chosen], projections(flat, scale, PROJECTIONS)], 1) for flat in flats]
    return found[0], found[1]
