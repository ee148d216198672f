"""Workflows on a dataset with missing values, end to end."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from tensorar import Evidence, SupportError, evaluate
from tensorar import workflows as wf

SETTINGS = {"batch_size": 16, "device": "cpu", "settings": {"valid_events": 20}}


def holes(path, levels=3):
    """Events of 2 x 3 levels, stored as floats, of which a third is missing; one has no observed value."""
    generator = np.random.default_rng(0)
    x = generator.integers(0, levels, (120, 2, 3)).astype(np.float32)
    x[generator.random(x.shape) < 1 / 3] = np.nan
    x[7] = np.nan
    np.save(path, x)
    return f"npy:path={path},missing=true"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("missing")
    return wf.train(holes(folder / "x.npy"), backbone="mlp:hidden=8", steps=6, out=folder / "run", **SETTINGS).run


def test_levels_stay_levels_and_the_order_varies(run):
    assert str(run.recipe.head) == "categorical:levels=3"
    assert str(run.recipe.ordering) == "shuffled"


def test_nats_are_those_of_what_was_observed(run):
    likelihood = wf.evaluate(run, "valid", device="cpu").likelihood
    evidence = Evidence.observed(run.dataset.valid)
    nats = -run.model.eval().log_prob(evidence).double()
    assert likelihood.nats == pytest.approx(nats.mean().item(), abs=1e-5)
    assert likelihood.observed == pytest.approx(evidence.counts.double().mean().item())
    bits = nats.sum() / evidence.counts.sum() / math.log(2)
    assert likelihood.bits_per_dim == pytest.approx(bits.item(), abs=1e-5)
    (row,) = run.metrics()
    assert row["valid_observed"] == likelihood.observed
    assert json.loads(json.dumps(likelihood.as_dict()))["observed"] == likelihood.observed


def test_estimates_have_the_exact_mean(run):
    evidence = Evidence.observed(run.dataset.test)
    exact = evaluate(run.model, evidence, exact=True).nats
    assert evaluate(run.model, evidence, exact=False, samples_per_event=600).nats == pytest.approx(exact, abs=0.05)


def test_complete_events_report_no_number_of_observed_ones(run):
    assert evaluate(run.model, torch.zeros(3, 2, 3)).observed is None


def test_events_of_which_nothing_was_observed_have_no_bits_per_dimension(run):
    likelihood = evaluate(run.model, Evidence.none(3, (2, 3)))
    assert (likelihood.nats, likelihood.observed) == (0, 0)
    assert math.isnan(likelihood.bits_per_dim)
    assert likelihood.as_dict()["perplexity"] is None


def test_what_is_missing_is_unknown_to_inpainting(run):
    completed = wf.inpaint(run, "top half", events=12, completions=2, device="cpu")
    known = completed.evidence.mask
    assert not known[:, 1].any()
    assert torch.equal(known[:, 0], ~completed.originals[:, 0].isnan())
    for k in range(2):
        assert torch.equal(completed.completions[:, k][known], completed.originals[known])
    assert completed.completions.isfinite().all()
    completed.figure()


def test_the_posterior_ends_at_the_first_missing_value(run):
    example = int(run.dataset.test.isnan().flatten(1).sum(1).argmax())
    steps = wf.posterior(run, example, device="cpu").steps
    observed = int((~run.dataset.test[example].isnan()).sum())
    assert max(int(step.mask.sum()) for step in steps) <= observed
    assert steps[-1].truth is None


def test_the_rest_is_scored_as_far_as_it_was_observed(run):
    """The nats of the region and of the rest given it add up to those of all that was observed, in one order."""
    found = wf.evaluate_given(run, "top half", "valid", device="cpu")
    model, observed = run.model.eval(), Evidence.observed(run.dataset.valid)
    top = torch.zeros(2, 3, dtype=torch.bool)
    top[0] = True
    order = model.order.observed_first(top)
    part = Evidence(observed.mask & top, observed.value)
    with torch.no_grad():
        nats = model.log_prob(part, order=order) - model.log_prob(observed, order=order)
    assert found.exact and found.nats == pytest.approx(float(nats.mean()), abs=1e-5)
    counts = (float(each.counts.double().mean()) for each in (part, observed))
    assert (found.known, found.known + found.unknown) == pytest.approx(tuple(counts))


@pytest.mark.parametrize("ordering", ["raster", "flips", "annealed"])
def test_a_causal_network_of_few_orders_is_refused_before_training(run, tmp_path, ordering):
    with pytest.raises(SupportError, match="what is missing to come last in the order"):
        wf.train(
            run.recipe.dataset, backbone="made:hidden=4", ordering=ordering, out=tmp_path / "run", steps=1, **SETTINGS
        )
    assert not (tmp_path / "run").exists()


def test_an_order_that_is_trained_only_at_first_is_checked_before_training(tmp_path):
    """What is missing comes last in raster order, the final one, but not in all orders of the beginning."""
    x = np.random.default_rng(0).integers(0, 2, (60, 4)).astype(float)
    x[::2, 3] = np.nan
    np.save(tmp_path / "x.npy", x)
    data = f"npy:path={tmp_path / 'x.npy'},missing=true"
    options = {"backbone": "made:hidden=4", "out": tmp_path / "run", "steps": 1, **SETTINGS}
    with pytest.raises(SupportError, match="what is missing to come last in the order"):
        wf.train(data, ordering="annealed:from=flips", **options)
    assert not (tmp_path / "run").exists()
    wf.train(data, ordering="annealed", **options)


def test_missing_last_values_suit_a_causal_network_of_a_fixed_order(tmp_path):
    x = np.random.default_rng(0).integers(0, 2, (60, 4)).astype(float)
    x[::2, 2:] = np.nan
    x[::3, 3] = np.nan
    np.save(tmp_path / "x.npy", x)
    data = f"npy:path={tmp_path / 'x.npy'},missing=true"
    result = wf.train(data, ordering="raster", backbone="fvsbn", out=tmp_path / "run", steps=3, **SETTINGS)
    assert str(result.run.recipe.head) == "bernoulli"
    assert 2 < wf.evaluate(result.run, device="cpu").likelihood.observed < 4


def test_many_patterns_are_noted_for_causal_networks_only(tmp_path):
    data = holes(tmp_path / "x.npy")
    options = {"steps": 1, **SETTINGS}
    causal = wf.train(data, backbone="made:hidden=4", out=tmp_path / "causal", **options)
    evidence = wf.train(data, backbone="mlp:hidden=4", out=tmp_path / "evidence", **options)
    assert any("a pass for each pattern of missing values" in note for note in causal.notes)
    assert not any("pattern" in note for note in evidence.notes)


def test_patterns_of_missing_last_values_cost_one_pass_and_are_not_noted(tmp_path):
    x = np.random.default_rng(0).integers(0, 2, (60, 5)).astype(float)
    x[np.arange(5) > np.arange(60)[:, None] % 5] = np.nan
    np.save(tmp_path / "x.npy", x)
    data, options = f"npy:path={tmp_path / 'x.npy'},missing=true", {"backbone": "made:hidden=4", "steps": 1, **SETTINGS}
    fixed = wf.train(data, ordering="raster", out=tmp_path / "fixed", **options)
    varying = wf.train(data, ordering="annealed", out=tmp_path / "varying", **options)
    assert not any("pattern" in note for note in fixed.notes)
    assert any("pattern" in note for note in varying.notes)
