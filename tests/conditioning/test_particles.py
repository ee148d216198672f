"""Sequential Monte Carlo: unbiased evidence, completions near the posterior, independence, memory."""

from __future__ import annotations

import math

import pytest
import torch

from tensorar import Evidence, SamplingInfo, build
from tensorar.conditioning.estimate import Estimate
from tensorar.conditioning.particles import ParticleFilter, _Walk
from tensorar.conditioning.weights import Weights, systematic
from tensorar.generation import Chooser
from tensorar.testing import p_value, randomize
from tensorar.testing.simulated_device import simulated_device
from tests.conditioning.evidence_after import MASK, X, evidence, model_of, posterior
from tests.part_specs import backbone_specs


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


@pytest.mark.parametrize("backbone", ["made:hidden=8", "pixelcnn:blocks=2,channels=8"])
def test_particles_stay_on_their_device(backbone):
    model, given = model_of(backbone), evidence(2)
    with simulated_device() as device, torch.no_grad():
        setup = ParticleFilter(model.to(device), model.order.to(device), 4, Chooser())
        # the filter itself runs in inference mode, which the simulated device does not know
        found = _Walk(setup, Evidence(given.mask.to(device), given.value.to(device)), None).run(complete=True)
        assert {tensor.device for tensor in found[:4]} == {device}


def test_one_run_has_no_standard_error():
    log_values = torch.tensor([[0.5], [0.25]]).double().log()
    found = Estimate.of_runs(log_values, torch.tensor([True, False]))
    assert torch.equal(found.value, log_values[:, 0])
    assert float(found.standard_error[0]) == 0 and found.standard_error[1].isnan()


def test_systematic_resampling_keeps_each_particle_within_one_of_its_share():
    weight = torch.rand(50, 20, dtype=torch.float64).softmax(1)
    counts = torch.stack([row.bincount(minlength=20) for row in systematic(weight, torch.rand(50).double())])
    assert ((counts - 20 * weight).abs() < 1 + 1e-9).all()
