"""The regression backbone: it starts at the conditionals of a Gaussian."""

import pytest
import torch
from torch.distributions import MultivariateNormal

from tensorar import Evidence, build, receptive_field_coverage
from tensorar_plugins.backbones.layers.covariance import fit_gaussian
from tensorar_plugins.backbones.layers.linear_prediction import LinearPrediction

GENERATOR = torch.Generator().manual_seed(0)


def gaussian_events(n=4000):
    mixing = torch.tensor([[1.0, 0.0, 0.0], [2.0, 0.5, 0.0], [-1.0, 0.3, 0.1]], dtype=torch.float64)
    return torch.randn(n, 3, generator=GENERATOR, dtype=torch.float64) @ mixing.T + torch.tensor([1.0, -2.0, 5.0])


def started(head, events, **options):
    model = build((3,), "shuffled", head, "regression", data=events, **options).eval()
    model.init_from_marginals(events)
    return model.requires_grad_(False)


@pytest.mark.parametrize("head", ["gaussian", "gaussian:units=none", "gaussian_mixture:components=5"])
def test_the_start_is_a_gaussian_in_every_order(head):
    events, others = gaussian_events(), gaussian_events(200)
    joint = MultivariateNormal(events.mean(0), events.T.cov())
    model = started(head, events)
    for order in model.draw_orders(3):
        found = model.log_prob(others, order=order).double()
        # a mixture of Gaussians is one but for its tails
        assert torch.allclose(found, joint.log_prob(others), atol=1.0 if "mixture" in head else 0.1)
        assert found.mean() == pytest.approx(float(joint.log_prob(others).mean()), abs=0.01)


def test_what_is_missing_in_training_events_is_no_obstacle():
    events = gaussian_events()
    holes = torch.where(torch.rand(events.shape, generator=GENERATOR) < 0.4, torch.nan, events)
    mean, covariance = fit_gaussian(holes.nan_to_num(), ~holes.isnan())
    assert torch.allclose(mean, events.mean(0), atol=0.15)
    assert torch.allclose(covariance, events.T.cov(), rtol=0.1, atol=0.1)


def test_the_completion_of_any_evidence_is_the_regression_on_it():
    events = gaussian_events()
    model = started("gaussian", events).requires_grad_(False)
    mask = torch.tensor([[True, False, True]])
    known = events[:1]
    distribution = model.conditional(Evidence(mask, torch.where(mask, known, 0.0)))
    covariance, place = events.T.cov(), [0, 2]
    weights = torch.linalg.solve(covariance[place][:, place], covariance[place, 1])
    mean = events.mean(0)[1] + (known[0, place] - events.mean(0)[place]) @ weights
    assert float(distribution.mean) == pytest.approx(float(mean), abs=0.02)


def test_mixed_columns_start_at_their_marginals_and_learn():
    events = torch.cat([gaussian_events(400), (gaussian_events(400)[:, :1] > 1).double()], 1)
    head = 'columns:heads="gaussian; gaussian; gaussian; bernoulli"'
    model = build((4,), "shuffled", head, "regression:hidden=8", data=events)
    model.init_from_marginals(events)
    # one feature of each column: those of other kinds are left out
    assert len(model.backbone.used) == 4
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    first = -float(model.eval().log_prob(events).mean().detach())
    for _ in range(30):
        optimizer.zero_grad()
        model.train().loss(events).backward()
        optimizer.step()
    assert -float(model.eval().log_prob(events).mean().detach()) < first


def test_new_rows_are_predicted_as_widely_as_few_rows_allow():
    """Errors in their standard deviations have the variance of Student's t with n - k - 1 degrees of freedom."""
    generator, prediction = torch.Generator().manual_seed(1), LinearPrediction(8).double()
    known = torch.arange(8).lt(7).expand(50, -1)
    squares = {True: [], False: []}
    for _ in range(200):
        rows = torch.randn(90, 8, generator=generator, dtype=torch.float64)
        old, new = rows[:40], rows[40:]
        prediction.location, prediction.covariance = old.mean(0), old.T.cov(correction=0)
        prediction.per_row = torch.tensor(1 / 40)
        for training, found in squares.items():
            made = prediction.train(training)(torch.where(known, new, 0.0), known)
            found.append(((new[:, 7] - made.mean[:, 7]) / made.deviation[:, 7]).square().mean())
    freedom = 40 - 7 - 1
    assert torch.stack(squares[False]).mean() == pytest.approx(freedom / (freedom - 2), abs=0.06)
    assert torch.stack(squares[True]).mean() > 1.5


@pytest.mark.parametrize("training", [True, False])
def test_prefixes_agree_with_masks(training):
    rows = gaussian_events(50)
    prediction = LinearPrediction(3).double().train(training)
    prediction.fit(rows, torch.ones(50, 3, dtype=torch.bool))
    order = torch.tensor([2, 0, 1])
    by_step = prediction.by_prefix(rows, order, torch.arange(3))
    for step in range(3):
        known = torch.zeros(3, dtype=torch.bool).index_fill(0, order[:step], True).expand(50, -1)
        for together, alone in zip(by_step, prediction(torch.where(known, rows, 0.0), known), strict=True):
            assert torch.allclose(together[:, step], alone, atol=1e-8)


def test_likelihoods_have_gradients_with_respect_to_events():
    events = gaussian_events(60)
    model = started("gaussian", events).double()
    x = events[:4].clone().requires_grad_()
    assert torch.autograd.gradcheck(model.log_prob, x)
    assert receptive_field_coverage(model) == 1
