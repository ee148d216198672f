"""Samples: exact, reproducible, and faithful to what was observed."""

from __future__ import annotations

import pytest
import torch

from tensorar import Evidence, build
from tensorar.testing import randomize


def test_a_generator_moves_on_from_sample_to_sample():
    model = build((8,), "raster", "bernoulli", "fvsbn")
    generator = torch.Generator().manual_seed(0)
    assert not torch.equal(model.sample(8, generator=generator), model.sample(8, generator=generator))


def test_without_a_generator_the_global_state_decides():
    model = build((8,), "raster", "bernoulli", "fvsbn")
    torch.manual_seed(5)
    first = model.sample(8)
    assert not torch.equal(model.sample(8), first)
    torch.manual_seed(5)
    assert torch.equal(model.sample(8), first)


def test_different_masks_are_completed_each_by_its_own_order():
    """The conditionals of an example do not depend on the evidence of other examples."""
    model = randomize(build((3,), "shuffled", "bernoulli", "mlp:hidden=8"), 0)
    mask = torch.tensor([[True, False, False], [False, True, True], [False, False, True], [True, False, False]])
    groups = model.orders_for_completion(mask)
    assert sorted(torch.cat([rows for rows, _ in groups]).tolist()) == [0, 1, 2, 3]
    for rows, order in groups:
        for row in rows:
            assert order == model.order.observed_first(mask[row])


@pytest.mark.parametrize("method", ["naive", "cached", "fixed-point"])
def test_progress_counts_every_step_up_to_the_last(method):
    model = build((2, 3), "raster", "bernoulli", "fvsbn")
    seen = []
    model.sample(2, progress=lambda done, total: seen.append((done, total)), method=method)
    assert seen[-1] == (6, 6)
    assert seen == sorted(set(seen))
    assert method == "fixed-point" or seen == [(i + 1, 6) for i in range(6)]


def test_how_many_samples_follows_from_what_is_given():
    model = build((2,), "raster", "bernoulli", "fvsbn", context_features=3)
    context = torch.zeros(4, 3)
    assert len(model.sample(context=context)) == 4
    assert len(model.sample(5, context=context[:1])) == 5
    assert len(model.sample(evidence=Evidence.none(4, (2,)), context=context)) == 4
    assert len(model.sample(4, Evidence.none(1, (2,)), context=context)) == 4
    assert len(model.sample(context=context[0])) == 1
    assert len(model.sample(evidence=Evidence.none(1, (2,)), context=context)) == 4
    assert len(model.sample(evidence=Evidence.none(4, (2,)), context=context[0])) == 4
    assert len(model.sample(0, context=context[0])) == 0
