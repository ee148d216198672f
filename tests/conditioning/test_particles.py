"""Sequential Monte Carlo: unbiased evidence, completions near the posterior, independence, proposals, the report."""

from __future__ import annotations

import math

import pytest
import torch

from tensorar import Evidence, SamplingInfo, ShapeError, SpecError, SupportError, build
from tensorar.conditioning.estimate import Estimate
from tensorar.conditioning.particles import ParticleFilter, _Walk
from tensorar.conditioning.proposal import check_proposal
from tensorar.conditioning.weights import Weights, systematic
from tensorar.generation import Chooser
from tensorar.testing import joint, p_value, randomize
from tensorar.testing.simulated_device import simulated_device
from tests.part_specs import backbone_specs

SHAPE = (2, 2)
MASK = torch.tensor([[False, True], [False, True]])
X = torch.tensor([[0.0, 1.0], [0.0, 1.0]]).double()


def model_of(backbone, head="bernoulli", ordering="raster", seed=3):
    return randomize(build(SHAPE, ordering, head, backbone), seed, spread=0.4).eval()


def evidence(n):
    return Evidence(MASK.expand(n, *SHAPE), X.expand(n, *SHAPE))


def posterior(model):
    values, probability = joint(model)
    agrees = ((values == X) | ~MASK).flatten(1).all(1)
    return values[agrees], probability[agrees]


@pytest.mark.parametrize("particles", [3, 16])
@pytest.mark.parametrize(
    ("backbone", "head"),
    [
        *((backbone, "bernoulli") for backbone in backbone_specs()),
        ("made:hidden=8", "categorical:levels=3"),
        ("mlp:hidden=8", "categorical:levels=3,one_hot=true"),
    ],
)
def test_the_probability_of_the_evidence_is_unbiased(backbone, head, particles):
    model = model_of(backbone, head)
    runs = 100 if backbone.startswith("convnet") else 400
    with torch.no_grad():
        found = ParticleFilter(model, model.order, particles, Chooser())(evidence(runs), None, complete=False)
    got, expected = found.log_evidence.exp(), posterior(model)[1].sum()
    assert (got - expected).mean().abs() < 4 * got.std() / math.sqrt(runs) + 1e-12
    assert (found.effective_sample_size <= particles + 1e-9).all() and (found.ancestors <= particles).all()


@pytest.mark.parametrize("backbone", ["made:hidden=8", "pixelcnn:blocks=2,channels=8", "rnn:hidden=8,embedding=8"])
def test_completions_follow_the_posterior(backbone):
    model, info = model_of(backbone), SamplingInfo()
    generator = torch.Generator().manual_seed(0)
    drawn = model.sample(
        1500, Evidence(MASK[None], X[None]), conditioning="smc", particles=100, info=info, generator=generator
    )
    values, probability = posterior(model)
    counts = torch.stack([(drawn == value).flatten(1).all(1).sum() for value in values])
    assert counts.sum() == 1500
    assert p_value(counts, probability / probability.sum()) > 1e-4
    report = info.conditioning
    assert (report.way, report.particles) == ("smc", 100) and report.log_evidence.shape == (1500,)
    estimate = report.log_evidence.exp()
    assert (estimate.mean() - probability.sum()).abs() < 4 * estimate.std() / math.sqrt(1500)


def test_a_larger_event_needs_particles_and_agrees_with_enumeration():
    """Resampling happens, and log_marginal is within its own standard error."""
    model = randomize(build((9,), "raster", "bernoulli", "made:hidden=16"), 1, spread=1.5).eval()
    mask = torch.tensor([False, False, True, False, True, False, True, False, True])
    x = torch.tensor([0.0, 0, 1, 0, 0, 0, 1, 0, 1]).double()
    given = Evidence(mask[None], x[None])
    exact = model.log_marginal(given)
    assert exact.exact.all()
    generator = torch.Generator().manual_seed(0)
    for particles in (20, 200):
        got = model.log_marginal(given, conditioning="smc", particles=particles, runs=50, generator=generator)
        assert not got.exact.any() and 0 < float(got.standard_error[0]) < 0.5
        assert (got.value - exact.value).abs() < 4 * got.standard_error
    rest = model.log_conditional(x[None], mask, conditioning="smc", particles=200, generator=generator)
    expected = model.log_conditional(x[None], mask)
    assert (rest.value - expected.value).abs() < 4 * rest.standard_error


def test_effective_sample_sizes_of_large_events_are_computed_rarely(monkeypatch):
    """After a few known coefficients, and without a bias."""
    model = randomize(build((768,), "raster", "bernoulli", "fvsbn"), 0, spread=0.05).eval()
    mask = torch.ones(1, 768, dtype=torch.bool)
    # 1024 completions; each unknown coefficient followed by two known ones
    mask[0, :30:3] = False
    given, looks = Evidence(mask, (torch.rand(1, 768) < 0.5).double()), []
    look = Weights.resample_where_few
    monkeypatch.setattr(Weights, "resample_where_few", lambda *of: looks.append(of) or look(*of))
    found = model.log_marginal(given, conditioning="smc", particles=100, runs=10)
    assert len(looks) == 4  # not 9, one for each unknown coefficient after known ones
    exact = model.log_marginal(given)
    assert exact.exact.all() and not found.exact.any()
    assert (found.value - exact.value).abs() < 4 * found.standard_error < 0.4


def test_a_linear_gaussian_model_agrees_with_its_closed_form():
    model, mean, covariance = linear_gaussian(4)
    mask = torch.tensor([False, True, False, True])
    x = torch.tensor([0.0, 1.2, 0.0, -0.7]).double()
    known, unknown = mask.nonzero()[:, 0], (~mask).nonzero()[:, 0]
    block = covariance[known][:, known]
    marginal = torch.distributions.MultivariateNormal(mean[known], block).log_prob(x[known])
    gain = covariance[unknown][:, known] @ block.inverse()
    conditional_mean = mean[unknown] + gain @ (x[known] - mean[known])
    conditional_covariance = covariance[unknown][:, unknown] - gain @ covariance[known][:, unknown]
    given, generator = Evidence(mask[None], x[None]), torch.Generator().manual_seed(0)
    estimate = model.log_marginal(given, particles=200, runs=50, generator=generator)
    assert not estimate.exact.any()
    assert (estimate.value[0] - marginal).abs() < 4 * estimate.standard_error[0]
    drawn = model.sample(2000, given, particles=200, generator=generator)[:, unknown]
    error = conditional_covariance.diagonal().sqrt() / math.sqrt(2000)
    assert ((drawn.mean(0) - conditional_mean).abs() < 4.5 * error + 0.01).all()
    assert (drawn.T.cov() - conditional_covariance).abs().max() < 0.1


def linear_gaussian(n):
    """A model whose conditionals are linear with a constant variance, with the mean and covariance of its events."""
    model = randomize(build((n,), "raster", "gaussian", "fvsbn"), 0, spread=0.5).eval()
    with torch.no_grad():
        # the scale must not depend on what is known
        model.backbone.weight[:, 1] = 0
        base = model.conditionals(torch.zeros(1, n, dtype=torch.float64))
        linear = (model.conditionals(torch.eye(n, dtype=torch.float64)).mean - base.mean).T
    scale = base.stddev[0]
    inverse = (torch.eye(n) - linear.tril(-1)).inverse()
    return model, inverse @ base.mean[0], inverse @ torch.diag(scale**2) @ inverse.T


def test_a_later_known_value_changes_what_is_drawn_before_it():
    model, _, covariance = linear_gaussian(2)
    assert covariance[0, 1].abs() > 0.05
    mask, generator = torch.tensor([[False, True]]), torch.Generator().manual_seed(0)
    low, high = (
        model.sample(500, Evidence(mask, torch.tensor([[0.0, v]]).double()), generator=generator)[:, 0].mean()
        for v in (-2.0, 2.0)
    )
    assert (high - low).abs() > 0.1


@pytest.mark.parametrize("conditioning", ["auto", "smc"])
@pytest.mark.parametrize("ordering", ["raster", "flips"])
def test_completions_of_one_event_are_independent_of_the_others(ordering, conditioning):
    """The same seed gives the same first completions for every number of them."""
    model = model_of("made:hidden=8", ordering=ordering)
    # no order visits it first, and something is left to draw after it
    known = Evidence(torch.tensor([[[False, True], [ordering == "flips", False]]]), X[None])
    few, many = (
        model.sample(n, known, conditioning=conditioning, generator=torch.Generator().manual_seed(5)) for n in (4, 9)
    )
    assert torch.equal(few, many[:4])


@pytest.mark.parametrize("conditioning", ["auto", "exact", "smc", "clamp"])
def test_completions_of_an_ensemble_have_the_likelihood_that_is_reported(conditioning):
    """In every way those of its orders are mixed that visit what is known first, by the likelihood of that."""
    model = randomize(build(SHAPE, "flips", "bernoulli", "fvsbn"), 3, spread=1.5).eval()
    mask = torch.tensor([[True, True], [False, False]])
    values = joint(model)[0]
    values = values[((values == X) | ~mask).flatten(1).all(1)]
    generator = torch.Generator().manual_seed(0)
    options = {"conditioning": conditioning, "particles": 100, "generator": generator}
    probability = model.log_conditional(values, mask, **options).value.exp()
    drawn = model.sample(4000, Evidence(mask[None], X[None]), **options)
    counts = (drawn[:, None] == values).flatten(2).all(2).sum(0)
    assert float(probability.sum()) == pytest.approx(1, abs=1e-9)
    assert p_value(counts, probability) > 1e-4


@pytest.mark.parametrize("method", ["cached", "naive"])
def test_batches_and_methods_change_nothing(method):
    model, given = model_of("made:hidden=8"), evidence(7)
    options = {"conditioning": "smc", "particles": 10}
    expected = model.sample(evidence=given, generator=torch.Generator().manual_seed(5), **options)
    got = model.sample(evidence=given, generator=torch.Generator().manual_seed(5), method=method, memory=100, **options)
    assert torch.equal(got, expected)


@pytest.mark.parametrize("proposal", [None, "made:hidden=8"])
@pytest.mark.parametrize("backbone", ["made:hidden=8", "rnn:hidden=8,embedding=8"])
def test_the_particles_of_a_batch_keep_the_budget(backbone, proposal, monkeypatch):
    """What a walk holds, noise and caches counted twice as while they are reordered, is at most ``memory``."""
    model, held = model_of(backbone), []
    other = None if proposal is None else model_of(proposal, ordering="shuffled")
    run = _Walk.run

    def measured(walk, complete):
        value = run(walk, complete=False)
        generations = [walk.generation, *([] if walk.proposal is None else [walk.proposal.generation])]
        states = [tensor for generation in generations for tensor in generation.stepper.state().values()]
        tensors = [*walk.noise, *states]
        held.append((walk.examples, 2 * sum(map(size_of, tensors)) + size_of(walk.value) + size_of(walk.known)))
        return value

    monkeypatch.setattr(_Walk, "run", measured)
    for memory in (10**5, 10**4):
        held.clear()
        model.sample(evidence=evidence(40), conditioning="smc", particles=8, proposal=other, memory=memory)
        assert sum(examples for examples, _ in held) == 40
        assert max(size for _, size in held) <= memory < 5 * max(size for _, size in held)
    assert len(held) > 1


def size_of(tensor):
    return tensor.numel() * tensor.element_size()


# --- proposals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backbone", ["mlp:hidden=8", "made:hidden=8"])
def test_a_proposal_changes_the_weights_and_not_the_answer(backbone):
    model, proposal = model_of("made:hidden=8"), model_of(backbone, ordering="shuffled", seed=9)
    generator = torch.Generator().manual_seed(0)
    options = {"conditioning": "smc", "particles": 100, "proposal": proposal, "generator": generator}
    drawn = model.sample(1000, Evidence(MASK[None], X[None]), **options)
    values, probability = posterior(model)
    counts = torch.stack([(drawn == value).flatten(1).all(1).sum() for value in values])
    assert p_value(counts, probability / probability.sum()) > 1e-4
    estimate = model.log_marginal(Evidence(MASK[None], X[None]), runs=100, **options)
    assert (estimate.value - probability.sum().log()).abs() < 4 * estimate.standard_error


def test_a_proposal_of_other_units():
    x = 100 + 5 * torch.randn(300, *SHAPE, dtype=torch.float64)
    model = build(SHAPE, "raster", "gaussian", "fvsbn", data=x).double().eval()
    proposal = build(SHAPE, "shuffled", "gaussian_mixture:components=2", "made:hidden=8", data=x).double().eval()
    given, generator = Evidence(MASK[None], x[:1]), torch.Generator().manual_seed(0)
    plain, proposed = (
        model.log_marginal(given, proposal=p, particles=200, runs=30, generator=generator) for p in (None, proposal)
    )
    error = (plain.standard_error**2 + proposed.standard_error**2).sqrt()
    assert (plain.value - proposed.value).abs() < 4 * error + 1e-6


@pytest.mark.parametrize(
    ("proposal", "message"),
    [
        (lambda: build((3,), "shuffled", "bernoulli", "made:hidden=8"), "events of shape"),
        (lambda: build(SHAPE, "raster", "bernoulli", "made:hidden=8"), "all orders"),
        (lambda: build(SHAPE, "shuffled", "gaussian", "made:hidden=8"), "0 or 1, got real numbers"),
        (lambda: build(SHAPE, "shuffled", "categorical:levels=3", "made:hidden=8"), "got integers from 0 to 2"),
        (lambda: build(SHAPE, "shuffled", "bernoulli", "made:hidden=8", context_features=2), "context"),
    ],
)
def test_other_proposals_are_refused(proposal, message):
    with pytest.raises(SpecError, match=message):
        model_of("made:hidden=8").sample(evidence=evidence(1), conditioning="smc", proposal=proposal())


@pytest.mark.parametrize(
    ("head", "other", "accepted"),
    [
        ("bernoulli", "categorical:levels=2", True),
        ("categorical:levels=3", "logistic_mixture:levels=3,components=2", True),
        ("poisson", "negative_binomial", True),
        ("poisson", "categorical:levels=3", False),
        ("log_normal", "gaussian", False),
        ("categorical:values='0 2'", "categorical:values='0 3'", False),
        ('columns:heads="bernoulli; gaussian"', 'columns:heads="categorical:levels=2; student_t"', True),
        ('columns:heads="bernoulli; gaussian"', 'columns:heads="categorical:levels=3; student_t"', False),
    ],
)
def test_a_proposal_has_the_values_of_the_model(head, other, accepted):
    model, proposal = build((2,), "raster", head, "fvsbn"), build((2,), "shuffled", other, "made:hidden=4")
    if accepted:
        check_proposal(model, proposal)
        return
    with pytest.raises(SpecError, match="the same values as the model of coefficient 0"):
        check_proposal(model, proposal)


# --- bad input, and the report ----------------------------------------------------------------------------------------


def test_impossible_evidence_is_one_line_that_names_the_example():
    model = build((2,), "raster", "categorical:levels=3", "fvsbn").double().eval()
    with torch.no_grad():
        model.backbone.bias[:, 2] = -torch.inf
    mask = torch.tensor([[False, True], [True, False], [False, True], [False, False]])
    values = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 2.0], [0.0, 0.0]]).double()
    for conditioning in ("auto", "smc"):
        with pytest.raises(SupportError, match="zero in example 2"):
            model.sample(evidence=Evidence(mask, values), conditioning=conditioning)
        estimate = model.log_marginal(Evidence(mask, values), conditioning=conditioning)
        assert estimate.value.isfinite().tolist() == [True, True, False, True]
        assert estimate.value[2] == -torch.inf
        with pytest.raises(SupportError, match="zero in example 2"):
            model.log_conditional(values, mask, conditioning=conditioning)


def test_examples_that_know_different_parts():
    """The log-probability of the evidence is reported for the examples whose way gives it."""
    model, info = model_of("made:hidden=8"), SamplingInfo()
    masks = torch.stack([MASK, torch.tensor([[True, True], [False, False]]), torch.zeros(SHAPE, dtype=torch.bool)])
    drawn = model.sample(evidence=Evidence(masks, X.expand(masks.shape)), info=info)
    assert torch.equal(drawn[masks], X.expand(masks.shape)[masks])
    assert info.conditioning.log_evidence.isnan().tolist() == [False, True, True]
    exact = model.log_marginal(Evidence(MASK[None], X[None])).value
    torch.testing.assert_close(info.conditioning.log_evidence[:1], exact, rtol=0, atol=1e-9)


@pytest.mark.parametrize("backbone", ["made:hidden=8", "pixelcnn:blocks=2,channels=8"])
def test_particles_stay_on_their_device(backbone):
    model, given = model_of(backbone), evidence(2)
    with simulated_device() as device, torch.no_grad():
        setup = ParticleFilter(model.to(device), model.order.to(device), 4, Chooser())
        # the filter itself runs in inference mode, which the simulated device does not know
        found = _Walk(setup, Evidence(given.mask.to(device), given.value.to(device)), None).run(complete=True)
        assert {tensor.device for tensor in found[:4]} == {device}


@pytest.mark.usefixtures("without_shape_checks")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"conditioning": "best"}, "conditioning"),
        ({"particles": 0}, "particles"),
        ({"conditioning": "smc", "method": "fixed-point"}, "fixed-point"),
        ({"conditioning": "smc", "particles": 10**12}, "1000000000000 particles .* use fewer `particles`"),
        ({"conditioning": "exact", "temperature": 0.5}, "no temperature.* got temperature=0.5"),
        ({"conditioning": "exact", "proposal": model_of("made:hidden=8", ordering="shuffled")}, "auto or smc"),
        ({"conditioning": "clamp", "proposal": model_of("made:hidden=8", ordering="shuffled")}, "auto or smc"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(SpecError, match=message):
        model_of("made:hidden=8").sample(evidence=evidence(1), **options)


def test_masks_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match=r"a mask of shape \(2, 2\)"):
        model_of("made:hidden=8").log_conditional(X[None], torch.ones(2, dtype=torch.bool))


def test_exact_is_refused_where_it_is_not():
    model = build((30,), "raster", "bernoulli", "made:hidden=8")
    mask = torch.zeros(1, 30, dtype=torch.bool)
    mask[0, -1] = True
    given = Evidence(mask, torch.zeros(1, 30))
    with pytest.raises(SpecError, match='conditioning="auto"'):
        model.sample(evidence=given, conditioning="exact")
    with pytest.raises(SpecError, match="clamp"):
        model.log_marginal(given, conditioning="clamp")
    info = SamplingInfo()
    model.sample(3, given, info=info, particles=8)
    assert info.conditioning.way == "smc" and "8 particles" in str(info)
    model.sample(3, given, info=info, conditioning="clamp")
    assert "biased" in str(info)


def test_one_run_has_no_standard_error():
    log_values = torch.tensor([[0.5], [0.25]]).double().log()
    found = Estimate.of_runs(log_values, torch.tensor([True, False]))
    assert torch.equal(found.value, log_values[:, 0])
    assert float(found.standard_error[0]) == 0 and found.standard_error[1].isnan()


@pytest.mark.parametrize("mask", [torch.zeros(SHAPE, dtype=torch.bool), torch.ones(SHAPE, dtype=torch.bool)])
@pytest.mark.parametrize("conditioning", ["auto", "exact", "smc", "clamp"])
def test_nothing_or_everything_known(mask, conditioning):
    model = model_of("made:hidden=8")
    drawn = model.sample(evidence=Evidence(mask[None], X[None]), conditioning=conditioning)
    assert drawn.shape == (1, *SHAPE) and torch.equal(drawn[mask[None]], X[None][mask[None]])
    if conditioning != "clamp":
        estimate = model.log_marginal(Evidence(mask[None], X[None]), conditioning=conditioning)
        expected = model.log_prob(X[None]).detach() if mask.all() else torch.zeros(1)
        torch.testing.assert_close(estimate.value, expected.double(), rtol=0, atol=1e-9)


def test_systematic_resampling_keeps_each_particle_within_one_of_its_share():
    weight = torch.rand(50, 20, dtype=torch.float64).softmax(1)
    counts = torch.stack([row.bincount(minlength=20) for row in systematic(weight, torch.rand(50).double())])
    assert ((counts - 20 * weight).abs() < 1 + 1e-9).all()
