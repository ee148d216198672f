"""The columns head: a head per column, against enumeration and against its members alone."""

from __future__ import annotations

import itertools

import pytest
import torch

from tensorar import Evidence, PartSpec, SpecError, SupportError, build, default_registry
from tensorar.build import head_for
from tensorar.support import support_values

BITS = 'columns:heads="bernoulli; categorical:levels=3,one_hot=true; bernoulli; categorical:levels=4"'
MIXED = 'columns:heads="bernoulli; gaussian_mixture:components=2; categorical:levels=3,one_hot=true; negative_binomial"'
EVENTS = torch.tensor(list(itertools.product(range(2), range(3), range(2), range(4)))).double()
BACKBONES = ["made:hidden=8", "mlp:hidden=8", "fvsbn", "transformer:channels=8,heads=2,layers=1"]


def model_of(head, backbone, ordering="raster", data=None, shape=(4,)):
    torch.manual_seed(0)
    model = build(shape, ordering, head, backbone, data=data).double().eval().requires_grad_(False)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return model


def mixed_data(n=300):
    generator = torch.Generator().manual_seed(0)
    bit = torch.randint(2, (n,), generator=generator).double()
    real = 1e4 + 50 * torch.randn(n, generator=generator, dtype=torch.float64)
    level = torch.randint(3, (n,), generator=generator).double()
    count = torch.poisson(torch.full((n,), 30.0, dtype=torch.float64), generator=generator)
    return torch.stack([bit, real, level, count], 1)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_probabilities_of_all_rows_sum_to_one(backbone):
    assert float(model_of(BITS, backbone).log_prob(EVENTS).exp().sum()) == pytest.approx(1)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_conditioning_agrees_with_enumeration(backbone):
    model = model_of(BITS, backbone)
    probability = model.log_prob(EVENTS).exp()
    mask = torch.tensor([False, True, False, True])
    given = Evidence(mask[None], torch.tensor([[0.0, 2.0, 0.0, 1.0]]))
    agreeing = (EVENTS[:, mask] == given.value[0, mask]).all(1)
    assert float(model.log_marginal(given).value.exp()) == pytest.approx(float(probability[agreeing].sum()))
    conditional = model.log_conditional(EVENTS[agreeing], mask, conditioning="exact").value.exp()
    torch.testing.assert_close(conditional, (probability / probability[agreeing].sum())[agreeing].to(conditional))
    drawn = model.sample(4000, given.expand(4000), generator=torch.Generator().manual_seed(0), conditioning="exact")
    for row, expected in zip(EVENTS[agreeing], conditional, strict=True):
        assert float((drawn == row).all(1).double().mean()) == pytest.approx(float(expected), abs=0.03)


@pytest.mark.parametrize("backbone", ["made:hidden=8", "mlp:hidden=8"])
def test_nothing_known_of_any_row_has_probability_one(backbone):
    """A distribution of no values, as of a table's rows whose known cells are all empty."""
    model, nothing = model_of(MIXED, backbone, data=mixed_data()), Evidence.none(3, (4,))
    assert model.log_marginal(nothing).value.tolist() == [0, 0, 0]
    assert model.log_conditional(nothing, torch.tensor([True, False, False, False])).value.tolist() == [0, 0, 0]


def test_particles_agree_with_enumeration_for_mixed_columns():
    model = model_of(MIXED, "made:hidden=8", data=mixed_data())
    x = mixed_data(4)[:, [0, 1, 2, 3]]
    mask = torch.tensor([False, False, True, True])
    estimate = model.log_conditional(x, mask, particles=2000, generator=torch.Generator().manual_seed(0)).value
    # the bit by enumeration, the real number on a grid of its units
    grid = torch.linspace(9.4e3, 1.06e4, 1201, dtype=torch.float64)
    for row, found in zip(x, estimate, strict=True):
        events = torch.cartesian_prod(torch.tensor([0.0, 1.0]).double(), grid, row[2:3], row[3:4])
        total = model.log_prob(events).exp().sum() * (grid[1] - grid[0])
        assert float(found) == pytest.approx(float(model.log_prob(row[None])[0] - total.log()), abs=0.15)


@pytest.mark.parametrize("head", [BITS, MIXED])
@pytest.mark.parametrize(("backbone", "method"), [("made:hidden=8", "cached"), ("made:hidden=8", "fixed-point")])
def test_all_methods_give_the_same_rows(head, backbone, method):
    model = model_of(head, backbone, data=mixed_data() if head == MIXED else EVENTS)
    drawn = [
        model.sample(40, method=method, generator=torch.Generator().manual_seed(1)) for method in ("naive", method)
    ]
    torch.testing.assert_close(*drawn)
    assert bool(model.log_prob(drawn[0]).isfinite().all())


def test_samples_in_orders_that_differ_between_rows():
    model = model_of(MIXED, "transformer:channels=8,heads=2,layers=1", "shuffled", mixed_data())
    drawn = model.sample(60, orders=model.draw_orders(5), generator=torch.Generator().manual_seed(0))
    model.head.check(drawn)


def test_each_column_has_the_likelihood_of_its_own_head():
    x, spec = mixed_data(), PartSpec.parse(MIXED)
    head = head_for(default_registry().create("head", spec), x)
    parameters = torch.randn(len(x), 4, head.parameter_count, dtype=torch.float64)
    index, standard = torch.arange(4), head.standardize(x, torch.arange(4))
    found = head.distribution(parameters, index)
    for i, text in enumerate(str(spec.options["heads"]).split(";")):
        alone = default_registry().create("head", text.strip()).for_data(x[:, i : i + 1])
        own = alone.standardize(x[:, i : i + 1], torch.zeros(1, dtype=torch.long))[:, 0]
        torch.testing.assert_close(standard[:, i], own.double())
        expected = alone.distribution(parameters[:, i, : alone.parameter_count], torch.zeros((), dtype=torch.long))
        torch.testing.assert_close(found.log_prob(standard)[:, i], expected.log_prob(own))
        torch.testing.assert_close(found.mean[:, i], expected.mean)
        torch.testing.assert_close(found.variance[:, i], expected.variance)


def test_likelihoods_are_in_the_units_of_the_data():
    x = mixed_data()
    scaled = x * torch.tensor([1.0, 1000.0, 1.0, 1.0])
    nats = [model_of(MIXED, "made:hidden=8", data=data).log_prob(data) for data in (x, scaled)]
    torch.testing.assert_close(nats[0] - nats[1], torch.full_like(nats[0], 6.907755), rtol=0, atol=1e-4)


def test_columns_of_windows_share_their_units():
    x = mixed_data(240).reshape(60, 4, 4)
    model = model_of(MIXED, "made:hidden=8", data=x, shape=(4, 4))
    assert model.log_prob(x[:5]).isfinite().all()
    location = model.head.data_state()["location_1"]
    assert location.shape == (1,) and float(location) == pytest.approx(1e4, rel=0.01)


def test_what_was_found_in_the_data_is_restored():
    x = mixed_data()
    made = default_registry().create("head", MIXED)
    head = made.for_data(x)
    again = made.with_data_state(head.data_state())
    torch.testing.assert_close(again.standardize(x, torch.arange(4)), head.standardize(x, torch.arange(4)))
    with pytest.raises(SpecError, match="numbers of 4 kinds of columns"):
        made.with_data_state({"location_9": torch.ones(1)})


def test_missing_cells_are_not_observed():
    x = mixed_data()
    holes = x.clone()
    holes[torch.rand(x.shape, generator=torch.Generator().manual_seed(1)) < 0.3] = torch.nan
    model = model_of(MIXED, "mlp:hidden=8", "shuffled", holes)
    model.init_from_marginals(holes)
    assert model.log_prob(Evidence.observed(holes)).isfinite().all()
    assert model.loss(Evidence.observed(holes), generator=torch.Generator().manual_seed(0)).isfinite()


def test_temperature_and_top_k_apply_by_column():
    model = model_of(BITS, "made:hidden=8")
    likely = model.sample(20, top_k=1, generator=torch.Generator().manual_seed(0))
    assert len(likely.unique(dim=0)) == 1
    mixed = model_of(MIXED, "made:hidden=8", data=mixed_data())
    mixed.head.check(mixed.sample(20, temperature=0.5, generator=torch.Generator().manual_seed(0)))
    with pytest.raises(SpecError, match="a head of discrete values"):
        mixed.sample(2, top_k=1)


@pytest.mark.parametrize(("row", "name"), [([2, 1e4, 0, 3], "bernoulli"), ([1, 1e4, 0.5, 3], "categorical")])
def test_values_of_the_wrong_kind_are_refused(row, name):
    model = model_of(MIXED, "made:hidden=8", data=mixed_data())
    with pytest.raises(SupportError, match=f"in the support of the head '{name}'"):
        model.log_prob(torch.tensor([row], dtype=torch.float64))


def test_supports_by_column():
    head = default_registry().create("head", BITS)
    assert head.support.is_discrete and head.parameter_count == 4 and head.feature_count == 1 + 3
    assert [len(support_values(head, i)) for i in range(4)] == [2, 3, 2, 4]
    assert not default_registry().create("head", MIXED).support.is_discrete
    with pytest.raises(SpecError, match="the coefficients of the values"):
        head.encode(torch.zeros(3))
    with pytest.raises(SpecError, match="events of 4 columns"):
        head.for_data(torch.zeros(3, 5))
