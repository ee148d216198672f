"""Units: likelihoods and samples are the data's, whatever the size of its numbers."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import DataError, Evidence, SpecError, SupportError, build, default_registry, suggest_heads
from tensorar.data_notes import data_notes
from tensorar.testing import randomize, seeds
from tensorar.units import Units, find_units

IN_UNITS = ["gaussian", "gaussian_mixture", "student_t", "logistic_mixture"]


def _normal(n, *shape, seed=0):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _model(head, data, seed=0):
    return randomize(build(tuple(data.shape[1:]), "raster", head, "fvsbn", data=data), seed).float()


def _fitted(head, values, *others):
    return default_registry().create("head", head).for_data(values, *others)


# --- per coefficient -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", IN_UNITS)
def test_each_column_has_its_own_location_and_scale(head):
    rate, income = 0.5 + 0.1 * _normal(4000), (10 + _normal(4000, seed=1)).exp()
    data = torch.stack([rate, income], 1)
    model = build((2,), "raster", head, "fvsbn", data=data)
    model.init_from_marginals(data)
    # independent Gaussians of the same moments have 11.3 nats, the distribution itself 10.5
    assert 10.4 < -model.log_prob(data).mean().item() < 11.5
    drawn = model.sample(500, generator=torch.Generator().manual_seed(0))
    assert -1 < drawn[:, 0].median() < 2 and 1e3 < drawn[:, 1].std() < 1e6


@pytest.mark.parametrize(("shape", "expected"), [((), 1), ((5,), 5), ((3, 4, 4), 3), ((2, 3, 2, 2), 2), ((1, 4, 4), 1)])
def test_images_have_units_per_channel_and_tables_per_column(shape, expected):
    units = find_units(_normal(50, *shape))
    assert len(units.location) == expected
    index = torch.arange(math.prod(shape)).reshape(shape)
    location, _ = units.at(index, torch.device("cpu"))
    assert location.ndim == 0 or torch.equal(location, units.location[index // (index.numel() // expected)])


def test_channels_may_be_the_last_axis():
    values = _normal(50, 6, 6, 3) * torch.tensor([1.0, 10.0, 100.0])
    torch.testing.assert_close(find_units(values).scale, torch.tensor([1.0, 10.0, 100.0]).double(), rtol=0.2, atol=0)


def test_the_columns_of_a_series_share_their_units_if_they_are_alike():
    alike = _normal(100, 6, 2)
    assert len(find_units(alike).location) == 1
    assert len(find_units(alike * torch.tensor([1.0, 1e3])).location) == 2
    assert len(find_units(alike + torch.tensor([0.0, 1e3])).location) == 2
    # a series may lie along the rows, too, and a constant column says nothing about the others
    rows = find_units(alike.mT * torch.tensor([[1.0], [1e3]]))
    assert len(rows.location) == 2 and rows.stride == 6
    constant = torch.cat([alike * 1e-5 * torch.tensor([1.0, 1e3]), torch.ones(100, 6, 1)], 2)
    assert len(find_units(constant).location) == 3
    location, scale = find_units(alike * torch.tensor([1.0, 1e3])).at(torch.arange(12), torch.device("cpu"))
    torch.testing.assert_close(scale[1::2] / scale[::2], torch.full((6,), 1e3).double(), rtol=0.2, atol=0)
    assert location.shape == (12,)


@pytest.mark.parametrize(
    ("form", "count"), [("shared", 1), ("channel", 3), ("column", 4), ("coefficient", 24), ("none", None)]
)
def test_every_form_of_units(form, count):
    values = _normal(30, 3, 2, 4) * 7 + 100
    head = _fitted(f"gaussian:units={form}", values)
    assert (len(head.found_units.location) if head.found_units else None) == count
    standard = head.standardize(values, torch.arange(24).reshape(3, 2, 4))
    assert torch.equal(standard, values) if count is None else standard.abs().mean() < 1
    assert form in default_registry().create("head", f"gaussian:units={form}").units


def test_units_in_the_spec_are_used_as_they_are():
    head = _fitted("gaussian:units='0.5/0.1 22026/47000'", _normal(10, 2))
    assert head.standardize(torch.tensor([[0.6, 22026.0]]), torch.arange(2))[0].tolist() == pytest.approx([1.0, 0.0])
    with pytest.raises(SpecError, match="coefficients of the values"):
        head.standardize(torch.tensor([0.6]))


# --- any magnitude ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", [*IN_UNITS, "log_normal"])
@given(exponent=st.integers(-299, 299), seed=seeds)
def test_likelihoods_are_those_of_the_standardized_data_minus_the_logarithm_of_the_scale(head, exponent, seed):
    scale = float(f"1e{exponent}")
    plain = 3 + _normal(40, 3, seed=seed % 100).clamp(-2.9, 2.9)
    standard, model = _model(head, plain), _model(head, plain * scale)
    expected = standard.log_prob(plain) - 3 * math.log(scale)
    torch.testing.assert_close(model.log_prob(plain * scale), expected, rtol=0, atol=1e-3)
    assert model.loss(plain * scale).item() == pytest.approx(-expected.mean().item(), abs=1e-3)
    drawn = [m.sample(4, generator=torch.Generator().manual_seed(0)) for m in (standard, model)]
    torch.testing.assert_close(drawn[1] / scale, drawn[0], rtol=1e-3, atol=1e-3)
    assert drawn[1].dtype == torch.float64


@pytest.mark.parametrize("offset", [1.7e9, -1e12, 10**18])
def test_far_from_zero_values_that_differ_stay_different(offset):
    """Time stamps have the entropy of their spread; in float32, 1.7e9 + U(0, 1000) would be at most 9 values."""
    generator = torch.Generator().manual_seed(0)
    spread = torch.randint(1000, (2000, 1), generator=generator)
    data = spread + offset if isinstance(offset, int) else offset + spread.double()
    model = build((1,), "raster", "gaussian", "fvsbn", data=data)
    model.init_from_marginals(data)
    # a Gaussian of the standard deviation of U(0, 1000)
    assert -model.log_prob(data).mean().item() == pytest.approx(math.log(1000 / math.sqrt(12)) + 1.419, abs=0.02)
    standard = model.standardize(data)
    assert len(standard.unique()) == len(data.unique())


def test_evaluation_generation_and_in_painting_use_the_datas_units():
    data = 1e6 + 10 * _normal(500, 3)
    model = _model("gaussian_mixture", data)
    state, total = model.generation(20), 0.0
    while not state.done:
        value = data[:20].flatten(1)[:, state.coefficient]
        total = total + state.distribution().log_prob(value)
        state.observe(value)
    torch.testing.assert_close(total, model.log_prob(data[:20]), rtol=0, atol=1e-3)
    torch.testing.assert_close(state.evidence.value, data[:20], rtol=0, atol=1e-4)
    evidence = Evidence(torch.tensor([[True, False, False]]).expand(20, 3), data[:20])
    completed = model.sample(evidence=evidence)
    assert torch.equal(completed[:, 0], data[:20, 0])
    assert ((completed - 1e6).abs() < 1e4).all()
    assert ((model.conditional_means(data[:5]) - 1e6).abs() < 1e3).all()
    conditionals = model.conditionals(data[:5])
    torch.testing.assert_close(conditionals.log_prob(data[:5]).sum(1), model.log_prob(data[:5]), rtol=0, atol=1e-3)
    assert conditionals.support.check(data[:5]).all()


def test_the_estimate_of_an_evidence_backbone_is_in_the_datas_units():
    data = 1e6 + 10 * _normal(300, 2)
    model = build((2,), "raster", "gaussian", "mlp:hidden=4", data=data).eval()
    torch.manual_seed(0)
    estimates = torch.stack([model.loss(data) for _ in range(50)])
    assert estimates.mean().item() == pytest.approx(-model.log_prob(data).mean().item(), abs=0.05)


def test_moments_of_positive_data_are_those_of_a_log_normal():
    data = (2 + 0.3 * _normal(1000, 1)).exp()
    model = build((1,), "raster", "log_normal", "fvsbn", data=data)
    model.init_from_marginals(data)
    found = model.conditionals(data[:1])
    assert found.mean.item() == pytest.approx(math.exp(2 + 0.045), rel=0.03)
    assert found.variance.sqrt().item() == pytest.approx(math.exp(2.045) * math.sqrt(math.expm1(0.09)), rel=0.1)


@given(seed=seeds)
def test_what_a_head_takes_from_the_data_survives_a_run(seed):
    data = _normal(20, 4, seed=seed % 50) * torch.tensor([1e-200, 1.0, 1e9, 1e200], dtype=torch.float64)
    for head in ("gaussian", "log_normal", "negative_binomial"):
        values = data.abs().round() if head == "negative_binomial" else data.abs().clamp(min=1e-290)
        fitted = _fitted(head, values)
        restored = default_registry().create("head", head).with_data_state(fitted.data_state())
        index = torch.arange(4)
        assert torch.equal(fitted.standardize(values, index), restored.standardize(values, index))
    for broken in (
        {"location": torch.zeros(2)},
        {"location": torch.zeros(1), "scale": -torch.ones(1), "stride": torch.ones(1)},
    ):
        with pytest.raises(SpecError, match="scale"):
            default_registry().create("head", "gaussian").with_data_state(broken)
    with pytest.raises(SpecError, match="no data state"):
        default_registry().create("head", "bernoulli").with_data_state({"values": torch.ones(2)})


def test_units_need_no_sums_that_overflow():
    units = find_units(torch.tensor([[1.7e308], [1.6e308], [1.5e308]], dtype=torch.float64))
    assert units.location.item() == pytest.approx(1.6e308) and units.scale.item() == pytest.approx(0.0816e308, rel=0.01)
    extremes = torch.tensor([[-(2**63)], [2**63 - 1], [0]])
    assert Units.from_state(find_units(extremes).state()).scale.isfinite().all()


# --- values that occur -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [[-1.0, 1.0], [0.0, 1e-60], [0.1, 0.2, 0.3], [1e12, 1e12 + 1], [-7.0, 0.0, 9.5]])
def test_few_distinct_numbers_of_any_kind_get_probabilities(values):
    table = torch.tensor(values, dtype=torch.float64)
    data = table[torch.randint(len(values), (400, 6), generator=torch.Generator().manual_seed(0))]
    best = suggest_heads(data)[0]
    assert str(best) == "categorical:values=auto"
    model = build((6,), "raster", str(best), "fvsbn", data=data)
    model.init_from_marginals(data)
    assert -model.log_prob(data).mean().item() == pytest.approx(6 * math.log(len(values)), abs=0.05)
    assert set(model.sample(50).unique().tolist()) <= set(values)
    evidence = Evidence(torch.tensor([True] * 3 + [False] * 3).expand(400, 6), data)
    assert torch.equal(model.sample(evidence=evidence)[:, :3], data[:, :3])
    with pytest.raises(SupportError, match="one of"):
        model.log_prob(data + 0.05)
    expected = (data * 0 + table.mean()).mean().item()
    assert model.conditional_means(data).mean().item() == pytest.approx(expected, abs=0.2 * table.abs().max().item())


def test_gray_levels_divided_by_255_are_levels():
    gray = torch.arange(256).repeat(40).reshape(40, 1, 16, 16).double() / 255
    assert str(suggest_heads(gray)[0]) == "categorical:values=auto"
    head = _fitted("categorical:values=auto", gray)
    assert head.parameter_count == 256
    torch.testing.assert_close(head.restore(head.standardize(gray)), gray, rtol=0, atol=0)


def test_integers_outside_the_usual_range_get_probabilities():
    integers = torch.randint(-5000, 5000, (3000, 4), generator=torch.Generator().manual_seed(0))
    best = suggest_heads(integers)[0]
    assert str(best) == "logistic_mixture:levels=auto"
    model = build((4,), "raster", str(best), "fvsbn", data=integers)
    everything = torch.arange(-5000, 5000).double()
    mass = model.conditionals(integers[:1]).log_prob(everything[:, None, None].expand(-1, 1, 4)).exp().sum(0)
    torch.testing.assert_close(mass, torch.ones(1, 4).double(), rtol=0, atol=1e-3)
    drawn = model.sample(20)
    assert torch.equal(drawn, drawn.round()) and drawn.min() < 0
    assert model.conditionals(integers[:1]).support.check(drawn).all()


def test_the_values_of_all_splits_are_found():
    head = _fitted("categorical:values=auto", torch.tensor([[1.0, 2.0]]), torch.tensor([[5.0, 2.0]]))
    assert head.table.tolist() == [1.0, 2.0, 5.0]
    restored = default_registry().create("head", "categorical:values=auto").with_data_state(head.data_state())
    assert torch.equal(restored.table, head.table)
    with pytest.raises(SpecError, match="ascending"):
        restored.with_data_state({"values": torch.tensor([2.0, 1.0])})
    with pytest.raises(SpecError, match="given no data"):
        _ = default_registry().create("head", "categorical:values=auto").parameter_count
    with pytest.raises(DataError, match="at most 65536 distinct"):
        _fitted("categorical:values=auto", torch.arange(70_000.0))


# --- what is said ----------------------------------------------------------------------------------------------------


def _notes(values, head="gaussian_mixture"):
    return " | ".join(data_notes(_fitted(head, values), values))


def test_ordinary_real_numbers_need_no_note():
    assert _notes(_normal(2000, 3)) == ""
    assert _notes(torch.randint(4, (100, 2)), "categorical:levels=4") == ""


@pytest.mark.parametrize("fill", [1e20, 9.96921e36, -1e10])
def test_fill_values_are_named_with_their_share(fill):
    values = _normal(1000, 3)
    values[::50, 1] = fill
    units = find_units(values)
    assert units.scale.max() < 2
    assert f"0.667 % of the values are outliers ({fill:g} in coefficient 1" in _notes(values, "student_t")


def test_outliers_are_those_of_the_group_that_shares_its_units():
    values = _normal(50, 3, 4, 4)
    # far out for its own pixel, but usual for the channel
    values[:, 2, 1, 1] = 0.0
    values[:25, 2, 1, 1] = 1e-9
    values[0, 2, 1, 1] = 1.0
    assert "outliers" not in _notes(values)
    values[0, 2, 1, 1] = 1e12
    assert "(1e+12 in channel 2, where the others lie between" in _notes(values)


def test_rounding_that_merges_values_is_said():
    values = 1e9 + _normal(1000, 1)
    assert _notes(values) == ""
    assert "rounding to float32 merges" in _notes(values, "gaussian:units=none")


def test_a_density_for_repeated_or_whole_values_is_said():
    assert "50 % of the values repeat (coefficient 1)" in _notes(
        torch.stack([_normal(100), torch.arange(100) % 7 + 0.5], 1)
    )
    assert "whole numbers" in _notes(torch.arange(1000)[:, None] * 10**9)


@pytest.mark.parametrize("head", IN_UNITS)
def test_units_of_expanded_tensors_are_those_of_their_values(head):
    row = torch.tensor([[-2.3, 1.0, 2.0, 3.0]], dtype=torch.float64)
    fitted = _fitted(head, row.expand(100, 4))
    assert fitted.standardize(row, torch.arange(4)).tolist() == [[0.0, 0.0, 0.0, 0.0]]
    marginal = fitted.marginal_parameters(torch.zeros(1, 4).expand(100, 4))
    assert marginal is None or marginal.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
@pytest.mark.parametrize("head", IN_UNITS)
def test_whole_numbers_of_few_bits_are_shifted_without_wrapping(head, dtype):
    # the location is 0.7: bytes minus its rounding would wrap
    values = torch.tensor([[0], [1], [1]]).repeat(20, 1)
    fitted = _fitted(head, values.to(dtype))
    assert fitted.standardize(values.to(dtype)).equal(fitted.standardize(values.double()))
