"""Proposals of particle filters: the same answer, other weights; which are refused."""

from __future__ import annotations

import pytest
import torch

from tensorar import Evidence, SpecError, build
from tensorar.conditioning.proposal import check_proposal
from tensorar.testing import p_value
from tests.conditioning.evidence_after import MASK, SHAPE, X, evidence, model_of, posterior


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
