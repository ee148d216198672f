"""Ways of conditioning: what is refused, what is reported, nothing or everything known."""

from __future__ import annotations

import pytest
import torch

from tensorar import Evidence, SamplingInfo, ShapeError, SpecError, SupportError, build
from tensorar.testing import joint, p_value, randomize
from tests.conditioning.evidence_after import MASK, SHAPE, X, evidence, model_of


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
    masks[2] = True
    model.sample(evidence=Evidence(masks, X.expand(masks.shape)), conditioning="smc", method="naive", info=info)
    assert info.passes == 4  # of the first example; the last one needs none


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


@pytest.mark.parametrize("conditioning", ["auto", "smc", "clamp"])
@pytest.mark.parametrize("ordering", ["raster", "flips", "shuffled"])
def test_no_events(ordering, conditioning):
    model, none = model_of("made:hidden=8", ordering=ordering), evidence(0)
    assert model.sample(evidence=none, conditioning=conditioning).shape == (0, *SHAPE)
    assert model.log_conditional(none.value, MASK, conditioning=conditioning).value.shape == (0,)


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
