"""Curricula: which orders batches are trained in, and what that loss estimates."""

from __future__ import annotations

import itertools

import pytest
import torch

from tensorar import Evidence, Order, Ordering, ShapeError, SpecError, build, default_registry, objective, train
from tensorar.testing import events_of, joint, randomize
from tensorar_plugins.orderings import Annealed, Mixed, Raster, Shuffled, Snake
from tests.training.helpers import new_run

SHAPE = (3,)
PERMUTATIONS = [Order(torch.tensor(visits), SHAPE) for visits in itertools.permutations(range(3))]
CLOSE = {"rtol": 1e-9, "atol": 1e-9}


def _make(spec):
    return default_registry().create("ordering", spec)


# --- specs -----------------------------------------------------------------------------------------------------------


def test_orderings_are_options():
    assert _make("annealed") == _make("annealed:from=shuffled,to=raster") == Annealed()
    assert _make('annealed:to="raster:axes=1 0,flip=1"') == Annealed(to=Raster(axes=(1, 0), flip=(1,)))
    assert _make("annealed:to=raster:flip=0,from=shuffled:seed=3") == Annealed(
        to=Raster(flip=(0,)), from_=Shuffled(seed=3)
    )
    assert _make("mixed:share=0.5,to=snake") == Mixed(share=0.5, to=Snake())
    pattern = _make("mixed:to=\"einops:pattern='h w -> (w h)'\"")
    assert pattern.visits((2, 3)).tolist() == [0, 3, 1, 4, 2, 5]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("annealed:to=shuffled", "annealed's option 'to' to be an ordering that is always the same, got 'shuffled'"),
        ("mixed:to=flips", "mixed's option 'to' to be an ordering that is always the same, got 'flips'"),
        ("annealed:to=rastr", "did you mean 'raster'"),
        ("annealed:to=raster:flop=1", "an option of raster, got 'flop'"),
        ("annealed:form=shuffled", "did you mean 'from'"),
        ("annealed:to=3", "the name of a known ordering|a part spec"),
        ("annealed:to=", "a part spec"),
        ('annealed:to=""', "a part spec"),
        ("mixed:share=1.5", "mixed's share to be from 0 to 1, got 1.5"),
        ("mixed:share=-0.1", "mixed's share to be from 0 to 1"),
        (
            "mixed:" + "from=mixed:" * 2000 + "share=0",
            "mixed's from to be a part of at most 50 parts in each other, got 2000",
        ),
    ],
)
def test_bad_specs_give_one_line(spec, message):
    with pytest.raises(SpecError, match=message) as error:
        _make(spec)
    assert "\n" not in str(error.value)


def test_both_orderings_must_take_the_shape():
    for spec in ("annealed:to=hilbert", "annealed:from=hilbert"):
        ordering = _make(spec)
        assert ordering.order((4, 4)) == ordering.to.order((4, 4))
        for method in (ordering.order, ordering.visits, ordering.draw):
            with pytest.raises(ShapeError, match="at most two axes"):
                method((2, 2, 2))


def test_a_network_for_raster_order_only_is_refused():
    with pytest.raises(ShapeError, match="annealed"):
        build((4, 4), "annealed", "bernoulli", "gated_pixelcnn")


# --- what is trained -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("progress", [0.0, 0.25, 0.9, 1.0])
@pytest.mark.parametrize(("spec", "share"), [("annealed", None), ("mixed:share=0.3", 0.3)])
def test_the_share_of_batches_in_the_reporting_order(spec, share, progress):
    ordering, generator, n = _make(spec), torch.Generator().manual_seed(0), 2000
    share = progress if share is None else share
    found = sum(ordering.for_batch(progress, generator) == ordering.to for _ in range(n)) / n
    assert abs(found - share) <= 5 * (share * (1 - share) / n) ** 0.5


def test_a_curriculum_within_a_curriculum():
    ordering, generator = _make("annealed:from='mixed:share=0.5,to=snake'"), torch.Generator().manual_seed(0)
    chosen = {ordering.for_batch(0.5, generator).name for _ in range(100)}
    assert chosen == {"raster", "snake", "shuffled"}


BACKBONES = [
    *("made:hidden=6", "nade:hidden=4", "rnn:hidden=4", "transformer:channels=8,heads=2,layers=1"),
    *("mlp:hidden=6", "unet:channels=2,levels=2,blocks=1", "convnet:channels=2,hidden=4"),
]


def _mean_over_orders_and_steps(model, x, monkeypatch, progress):
    """The mean loss over every order that may be drawn, and every step that may be trained, once each."""
    upcoming = itertools.cycle(PERMUTATIONS)
    monkeypatch.setattr(Shuffled, "draw", lambda *_: next(upcoming))
    monkeypatch.setattr(Shuffled, "draw_ranks", Ordering.draw_ranks)
    losses = []
    for t in range(len(model.order)):
        monkeypatch.setattr(objective, "stratified_steps", lambda batch, *_, t=t: torch.full((batch,), t))
        losses += [model.loss(x, progress=progress) for _ in PERMUTATIONS]
    return torch.stack(losses).mean()


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("ordering", ["shuffled", "annealed", "mixed:share=0"])
def test_random_batches_train_on_the_mean_over_all_orders(backbone, ordering, monkeypatch):
    model = randomize(build(SHAPE, ordering, "categorical:levels=3", backbone), 1)
    x = events_of(model, 1, 0)
    expected = torch.stack([-model.log_prob(x, order=order).mean() for order in PERMUTATIONS]).mean()
    torch.testing.assert_close(_mean_over_orders_and_steps(model, x, monkeypatch, 0.0), expected, **CLOSE)


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("ordering", ["annealed:to=raster:flip=0", "mixed:share=1,to=raster:flip=0"])
def test_other_batches_train_on_the_reporting_order(backbone, ordering, monkeypatch):
    model = randomize(build(SHAPE, ordering, "categorical:levels=3", backbone), 1)
    x = events_of(model, 2, 0)
    assert model.order.visits.tolist() == [2, 1, 0]
    loss = _mean_over_orders_and_steps(model, x, monkeypatch, 1.0)
    torch.testing.assert_close(loss, -model.log_prob(x).mean(), **CLOSE)


@pytest.mark.parametrize("backbone", ["mlp:hidden=6", "unet:channels=2,levels=2,blocks=1"])
@pytest.mark.parametrize("ordering", ["shuffled", "annealed", "mixed:share=0", "mixed:share=1"])
def test_a_dense_network_trains_on_everything_unknown(backbone, ordering, monkeypatch):
    """Every unknown coefficient stands for the next one in batches of random orders, and in no others."""
    monkeypatch.setattr(objective, "stratified_steps", lambda batch, *_: torch.zeros(batch, dtype=torch.long))
    model = randomize(build((6,), ordering, "bernoulli", backbone), 1)
    x = events_of(model, 1, 0)
    nothing, everything = Evidence.none(1, (6,)), torch.arange(6)
    log_prob = model.distribution(model.query(nothing, everything[None], model.order), everything[None]).log_prob(x)
    expected = -6 * log_prob[0, 0] if ordering == "mixed:share=1" else -log_prob.sum()
    torch.testing.assert_close(model.loss(x), expected, **CLOSE)


@pytest.mark.parametrize("steps", [1, 12])
def test_training_tells_its_progress(tmp_path, monkeypatch, steps):
    told = []
    of_one = objective.loss_per_event

    def recording(*arguments):
        told.append(arguments[-1])
        return of_one(*arguments)

    monkeypatch.setattr(objective, "loss_per_event", recording)
    train(new_run(tmp_path / "run", ordering="annealed", backbone="made:hidden=4", steps=steps), device="cpu")
    # the first step is tried on a few events before it is taken
    assert told[-steps:] == [step / steps for step in range(steps)]


# --- what is known ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("spec", "first"), [("annealed", [0, 1, 2, 3]), ("mixed", [2, 0, 1, 3])])
def test_evidence_comes_first_only_where_all_orders_are_trained_to_the_end(spec, first):
    model = build((4,), spec, "bernoulli", "mlp:hidden=4").double().eval()
    mask = torch.tensor([[False, False, True, False]])
    ((_, order),) = model.orders_for_completion(mask)
    assert order.visits.tolist() == first
    assert model.order == Order.raster((4,))
    assert int(model.next_coefficient(Evidence(mask, torch.zeros(1, 4)))) == 0


@torch.no_grad()
def test_an_annealed_model_is_conditioned_in_its_final_order():
    """Its network has left the order that would visit the evidence first, so what is unknown is summed over."""
    model = randomize(build(SHAPE, "annealed", "bernoulli", "mlp:hidden=6"), 3, spread=1.0)
    mask, value = torch.tensor([[False, False, True]]), torch.tensor([[0.0, 0.0, 1.0]])
    values, probability = joint(model)
    expected = probability[values[:, 2] == 1].sum().log()
    last = torch.tensor([[2]])
    first = model.distribution(model.query(Evidence.none(1, SHAPE), last, model.order), last).log_prob(
        torch.tensor(1.0)
    )
    found = model.log_marginal(Evidence(mask, value)).value
    torch.testing.assert_close(found, expected[None].to(found), **CLOSE)
    assert abs(float(found) - float(first)) > 1e-3
