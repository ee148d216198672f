"""Networks that are told which order of an ensemble they are in."""

from __future__ import annotations

import pytest
import torch

from tensorar import Order, Run, ShapeError, SpecError, build, train
from tensorar.testing import joint, randomize
from tests.training.helpers import new_run

SHAPE = (2, 3)
BACKBONES = [
    *("fvsbn", "made:hidden=8", "rnn:hidden=4", "transformer:channels=8,heads=2,layers=1"),
    *(
        "pixelcnn:channels=4,blocks=1",
        "gated_pixelcnn:channels=4",
        "pixelsnail:channels=4,blocks=1,layers=1",
        "row_lstm:channels=4,layers=1",
    ),
]


def _model(backbone, *, embedding=True, ordering="flips", context=0):
    spec = f"{ordering}:embedding={str(embedding).lower()}"
    return randomize(build(SHAPE, spec, "bernoulli", backbone, context_features=context), 0)


@pytest.mark.parametrize(("backbone", "context"), [*((b, 0) for b in BACKBONES), (BACKBONES[1], 2), (BACKBONES[5], 2)])
@torch.no_grad()
def test_it_is_a_distribution_and_its_samples_are_the_same_by_every_method(backbone, context):
    model = _model(backbone, context=context)
    given = torch.randn(1, context).double() if context else None
    values, probability = joint(model, given)
    assert len(values) == 64
    assert float(probability.sum()) == pytest.approx(1, abs=1e-9)
    contexts = None if given is None else given.expand(7, -1)

    def drawn(method):
        generator = torch.Generator().manual_seed(0)
        return model.sample(7, context=contexts, method=method, generator=generator)

    cached = drawn("auto")
    for method in ("fixed-point", "naive"):
        torch.testing.assert_close(drawn(method), cached, rtol=0, atol=0)


@pytest.mark.parametrize("backbone", BACKBONES)
@torch.no_grad()
def test_each_order_has_an_embedding_of_its_own(backbone):
    """The network gives other parameters in the same order if it is told another one."""
    model = _model(backbone)
    network, order = model.backbone, model.orders[1]
    assert network.network.signature.context_features == len(model.orders) == 4
    features = torch.randn(2, *SHAPE, 1).double()
    before = network(features, order)
    network.members = {**network.members, order: 3}
    assert (network(features, order) - before).abs().mean() > 1e-2


@pytest.mark.parametrize("embedding", [True, False])
def test_orders_that_the_ensemble_does_not_have(embedding):
    model, other = _model("made:hidden=8", embedding=embedding), Order(torch.tensor([2, 0, 1, 5, 4, 3]), SHAPE)
    x = torch.zeros(1, *SHAPE)
    if not embedding:
        assert model.log_prob(x, order=other).isfinite().all()
        return
    for call in (lambda: model.log_prob(x, order=other), lambda: model.generation(2, other)):
        with pytest.raises(ShapeError, match="one of the 4 orders of 'flips', which are embedded"):
            call()


def test_networks_that_take_any_evidence_are_refused():
    with pytest.raises(SpecError, match="a causal backbone for the ordering 'flips' with embedding=true, got 'mlp'"):
        _model("mlp:hidden=4")


def test_a_run_with_an_embedding_is_trained_and_restored(tmp_path):
    run = new_run(tmp_path / "run", ordering="flips:embedding=true", backbone="made:hidden=8")
    train(run, device="cpu")
    opened = Run.open(tmp_path / "run", registry=run.registry)
    x = run.dataset.test[:5]
    torch.testing.assert_close(opened.model.log_prob(x), run.model.log_prob(x), rtol=0, atol=0)
    assert opened.model.backbone.network.signature.context_features == 2
