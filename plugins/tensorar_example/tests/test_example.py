"""The plugin as its user meets it: by name, through the entry point."""

import pytest
import torch

import tensorar


@pytest.mark.parametrize("shape", [(), (1,), (5,), (4, 5), (3, 1, 4), (2, 3, 2, 2)])
@pytest.mark.parametrize("spec", ["outward", "outward:inward=true"])
def test_every_coefficient_is_visited_once(shape, spec):
    order = tensorar.default_registry().create("ordering", spec).order(shape)
    assert sorted(order.visits.tolist()) == list(range(len(order)))


def test_the_centre_comes_first_and_the_corners_last():
    order = tensorar.default_registry().create("ordering", "outward").order((5, 5))
    assert order.rank[2, 2] == 0
    assert {int(order.rank[i, j]) for i in (0, 4) for j in (0, 4)} == {21, 22, 23, 24}


def test_the_head_sums_to_one():
    model = tensorar.build(event_shape=(2,), ordering="outward", head="geometric", backbone="fvsbn").double()
    counts = torch.cartesian_prod(torch.arange(60), torch.arange(60))
    assert model.log_prob(counts).exp().sum().item() == pytest.approx(1, abs=1e-9)


def test_samples_are_counts():
    model = tensorar.build(event_shape=(2, 3), ordering="outward", head="geometric", backbone="fvsbn")
    samples = model.sample(50, generator=torch.Generator().manual_seed(0))
    assert torch.equal(samples, samples.round())
    assert samples.min() >= 0
