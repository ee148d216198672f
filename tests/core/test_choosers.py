"""Temperature, top-k and top-p: the values drawn by every method, and the report."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Beta, LogNormal, Normal, StudentT

from tensorar import Evidence, SamplingInfo, SpecError, build
from tensorar.generation import Chooser, tempered
from tensorar.generation.truncation import Masses, masses_of, truncated
from tensorar.testing import joint, randomize
from tests.part_specs import discrete_head_specs, head_specs

UNBOUNDED = ("poisson", "negative_binomial")


def _model(head, backbone="fvsbn", shape=(3,)):
    return randomize(build(shape, "raster", head, backbone), 1, spread=0.5)


def _discrete(head):
    return build((), "raster", head, "fvsbn").head.support.is_discrete


discrete = [head for head in head_specs() if _discrete(head)]
continuous = [head for head in head_specs() if not _discrete(head)]


@pytest.mark.parametrize("method", ["naive", "cached", "fixed-point"])
@pytest.mark.parametrize("head", discrete)
def test_top_1_is_the_most_likely_value_each_time(head, method):
    model = _model(head)
    drawn = model.sample(4, method=method, top_k=1)
    state = model.generation(1)
    while not state.done:
        values, log_prob = masses_of(state.distribution(), model.head.support)
        state.observe(values.expand(log_prob.shape).gather(1, log_prob.argmax(1, keepdim=True))[:, 0])
    assert torch.equal(drawn, state.evidence.value.expand_as(drawn))


@pytest.mark.parametrize("head", discrete_head_specs())
def test_a_temperature_raises_probabilities_to_a_power(head):
    model = _model(head, shape=())
    values, probability = joint(model)
    expected = probability ** (1 / 0.5)
    drawn = model.sample(20_000, temperature=0.5, generator=torch.Generator().manual_seed(0))
    frequency = (drawn[:, None] == values[None, :]).double().mean(0)
    assert (frequency - expected / expected.sum()).abs().max() < 5 * 0.5 / math.sqrt(20_000)


@pytest.mark.parametrize(
    ("top_k", "top_p", "kept"),
    [
        (2, None, [1, 3]),
        (None, 0.39, [3]),
        (None, 0.45, [1, 3]),
        (None, 1.0, [0, 1, 2, 3]),
        (3, 0.7, [1, 3]),
        (9, None, [0, 1, 2, 3]),
    ],
)
def test_which_values_are_kept(top_k, top_p, kept):
    masses = Masses(torch.arange(4.0), torch.tensor([0.1, 0.3, 0.2, 0.4], dtype=torch.float64).log())
    probabilities = truncated(masses, 1.0, top_k, top_p)
    assert probabilities.nonzero()[:, 0].tolist() == kept
    torch.testing.assert_close(probabilities.sum(), torch.tensor(1.0).double())


def test_of_equally_likely_values_the_lower_one_is_kept():
    assert truncated(Masses(torch.arange(3.0), torch.zeros(3)), 1.0, 1, None).tolist() == [1, 0, 0]


@pytest.mark.parametrize("head", UNBOUNDED)
def test_counts_are_enumerated_as_far_as_they_are_likely(head):
    made = build((), "raster", head, "fvsbn").head
    parameters = torch.linspace(-3, 5, 12).double().unsqueeze(-1).expand(-1, made.parameter_count)
    distribution = made.distribution(parameters, torch.zeros(12, dtype=torch.long))
    masses = masses_of(distribution, made.support)
    torch.testing.assert_close(masses.log_prob.exp().sum(-1), torch.ones(12).double(), rtol=1e-6, atol=1e-6)


def test_counts_too_wide_to_be_enumerated_are_refused():
    model = build((), "raster", "negative_binomial:units='15/1'", "fvsbn")
    with pytest.raises(SpecError, match=r"at most 65536 likely values.*temperature=1.0"):
        model.sample(2, temperature=2.0)


@pytest.mark.parametrize("head", continuous)
def test_a_temperature_narrows_and_widens_continuous_conditionals(head):
    model = _model(head, shape=())
    spread = []
    for temperature in (0.25, 1.0, 1.5):
        drawn = model.sample(4000, temperature=temperature, generator=torch.Generator().manual_seed(0))
        model.head.check(drawn)
        spread.append(float(drawn.quantile(0.9) - drawn.quantile(0.1)))
    assert spread[0] < spread[1] < spread[2]
    with pytest.raises(SpecError, match=r"discrete values, for `top_k` and `top_p`.*use `temperature`"):
        model.sample(2, top_k=1)


@pytest.mark.parametrize(
    "distribution",
    [Normal(1.0, 2.0), LogNormal(0.3, 0.5), StudentT(5.0, 1.0, 2.0)],
    ids=lambda d: type(d).__name__,
)
@pytest.mark.parametrize("temperature", [0.5, 1.3])
def test_tempered_densities_are_powers_of_densities(distribution, temperature):
    x = torch.tensor([0.1, 0.3, 0.5, 0.9])
    powers, log_prob = distribution.log_prob(x) / temperature, tempered(distribution, temperature).log_prob(x)
    torch.testing.assert_close(log_prob - log_prob[0], powers - powers[0], rtol=1e-4, atol=1e-4)


def test_a_tempered_beta_distribution_keeps_its_mean():
    narrow = tempered(Beta(0.3, 0.9), 0.5)
    torch.testing.assert_close((narrow.mean, narrow.concentration1), (torch.tensor(0.25), torch.tensor(0.6)))


def test_a_temperature_at_which_nothing_proper_is_left():
    with pytest.raises(SpecError, match="`temperature` below 3"):
        tempered(StudentT(2.0), 10.0)


@pytest.mark.parametrize("head", [h for h in head_specs() if not h.startswith(UNBOUNDED)])
def test_every_method_draws_the_same_truncated_samples(head):
    model = _model(head)
    options = {"temperature": 0.7} | ({"top_k": 2, "top_p": 0.9} if _discrete(head) else {})
    drawn = [
        model.sample(16, method=method, generator=torch.Generator().manual_seed(0), **options)
        for method in ("naive", "cached", "fixed-point")
    ]
    for samples in drawn[1:]:
        torch.testing.assert_close(samples, drawn[0])


def test_a_fixed_distribution_of_neutral_options_is_the_model_itself():
    model = _model("categorical:levels=3")
    drawn = [
        model.sample(16, generator=torch.Generator().manual_seed(0), **options)
        for options in ({}, {"temperature": 1.0, "top_k": None, "top_p": 1.0})
    ]
    assert torch.equal(*drawn)


def test_the_report_says_that_samples_are_not_the_models():
    model, info = _model("bernoulli"), SamplingInfo()
    model.sample(2, temperature=0.5, top_k=1, info=info)
    assert not info.exact
    assert str(info).endswith("temperature=0.5, top_k=1: not the model's distribution")
    model.sample(2, info=info)
    assert info.exact
    assert "not" not in str(info)


@pytest.mark.parametrize(
    "options", [{"temperature": 0.0}, {"temperature": math.nan}, {"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.1}]
)
def test_options_out_of_range(options):
    (name,) = options
    with pytest.raises(SpecError, match=name):
        Chooser(**options)


def test_rounding_does_not_lead_beyond_the_values_that_are_kept():
    choose = Chooser(top_k=2).bind(build((), "raster", "categorical:levels=5", "fvsbn").head)
    parameters = torch.tensor([0.3, 0.1, -1.0, -1.0, -1.0]).expand(1000, 5)
    noise = torch.full((1000, 1), 1 - torch.finfo(torch.float32).eps / 2)
    assert choose(parameters, noise, torch.tensor(0)).eq(1).all()


def test_a_low_temperature_does_not_overflow():
    masses = Masses(torch.arange(3.0), torch.tensor([-3.0, -1.0, -2.0]))
    assert truncated(masses, 1e-30, None, None).tolist() == [0, 1, 0]


@pytest.mark.parametrize("ordering", ["flips", "shuffled"])
def test_samples_begin_alike_also_in_different_orders(ordering):
    """An ensemble draws an order per sample, and masks that differ are completed in different orders."""
    model = randomize(build((2, 2), ordering, "bernoulli", "fvsbn"), 1, spread=0.5)
    x, mask = torch.ones(40, 2, 2), torch.rand(40, 2, 2, generator=torch.Generator().manual_seed(3)) < 0.4

    def draw(n, **options):
        generator = torch.Generator().manual_seed(7)
        samples = model.sample(n, generator=generator, **options)
        return samples, model.sample(evidence=Evidence(mask[:n], x[:n]), generator=generator, **options)

    for few, many, small_batches in zip(draw(5), draw(40), draw(40, memory=1), strict=True):
        torch.testing.assert_close(many[:5], few)
        torch.testing.assert_close(small_batches, many)


@pytest.mark.parametrize("head", head_specs())
def test_samples_of_one_seed_begin_alike_whatever_their_number(head):
    model = _model(head, shape=(2, 2))
    few, many = (model.sample(n, generator=torch.Generator().manual_seed(7)) for n in (3, 40))
    torch.testing.assert_close(many[:3], few, rtol=1e-9, atol=1e-12)
    small_batches = model.sample(40, generator=torch.Generator().manual_seed(7), memory=1)
    torch.testing.assert_close(small_batches, many)
