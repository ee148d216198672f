"""The rest given a part of events with missing values, against the enumerated joint distribution, for all masks."""

from __future__ import annotations

import itertools

import pytest
import torch

from tensorar import Evidence, SpecError, build
from tensorar.testing import joint, randomize

MASKS = torch.tensor(list(itertools.product([False, True], repeat=3)))
PAIRS = [torch.stack(pair) for pair in itertools.product(MASKS, MASKS)]
OBSERVED, GIVEN = torch.stack(PAIRS).unbind(1)
X = torch.tensor([1.0, 0.0, 1.0]).double().expand(len(PAIRS), 3)


def model_of(backbone, ordering):
    return randomize(build((3,), ordering, "bernoulli", backbone), 3, spread=0.7).eval()


@pytest.mark.parametrize("backbone", ["fvsbn", "mlp:hidden=8"])
def test_a_fixed_order_sums_over_what_is_missing(backbone):
    model = model_of(backbone, "raster")
    found = model.log_conditional(Evidence(OBSERVED, X), GIVEN)
    values, probability = joint(model)
    agree = values == X[0]
    probability_of = [probability[(agree | ~mask).all(1)].sum() for mask in (*OBSERVED, *(OBSERVED & GIVEN))]
    whole, part = torch.stack(probability_of).log().chunk(2)
    assert found.exact.all()
    torch.testing.assert_close(found.value, (whole - part).double(), rtol=0, atol=1e-9)


@pytest.mark.parametrize("backbone", ["made:hidden=8", "mlp:hidden=8"])
def test_a_model_of_all_orders_does_not_visit_what_is_missing(backbone):
    """The probabilities of all values of the rest sum to one, and what is missing changes none of them."""
    model, total = model_of(backbone, "shuffled"), torch.zeros(len(PAIRS), dtype=torch.float64)
    for digits in itertools.product([0.0, 1.0], repeat=3):
        values = torch.where(OBSERVED & GIVEN, X, torch.tensor(digits).double())
        found = model.log_conditional(Evidence(OBSERVED, values), GIVEN)
        assert found.exact.all()
        # each value of the rest occurs once for all values of what is not in it
        total += found.value.exp() / 2.0 ** (~OBSERVED | GIVEN).sum(1)
        whole = model.log_conditional(values, GIVEN)
        torch.testing.assert_close(found.value[-8:], whole.value[-8:], rtol=0, atol=1e-12)
    torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=1e-6)


def test_particles_sum_over_what_is_missing():
    model, rows = model_of("fvsbn", "raster"), slice(0, None, 7)
    exact = model.log_conditional(Evidence(OBSERVED, X)[rows], GIVEN[rows])
    generator = torch.Generator().manual_seed(0)
    found = model.log_conditional(
        Evidence(OBSERVED, X)[rows], GIVEN[rows], conditioning="smc", particles=200, runs=20, generator=generator
    )
    assert ((found.value - exact.value).abs() <= 4 * found.standard_error + 1e-9).all()


@pytest.mark.parametrize(("ordering", "options"), [("adaptive", {}), ("shuffled", {"conditioning": "clamp"})])
def test_what_would_draw_what_is_missing_refuses_it(ordering, options):
    with pytest.raises(SpecError, match="without missing values"):
        model_of("mlp:hidden=8", ordering).log_conditional(Evidence(OBSERVED, X), GIVEN, **options)
