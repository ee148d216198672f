"""Draws of several coefficients by one pass: the values of the loop with the same noise, in fewer passes."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from tensorar import Evidence, build
from tensorar.generation import look_ahead
from tensorar.testing import randomize

HEADS = ("bernoulli", "categorical:levels=4", "logistic_mixture:levels=16,components=2")
NETWORK = "pixelcnn:channels=6,blocks=2,kernel=3,first_kernel=3"


def _model(head="bernoulli", shape=(7, 6), ordering="raster", spread=0.5, **options):
    return randomize(build(shape, ordering, head, NETWORK, **options), 0, spread=spread)


def _seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def _one_by_one(monkeypatch, draw):
    """What is drawn without looking ahead."""
    with monkeypatch.context() as patch:
        patch.setattr(look_ahead, "_worth_while", lambda _: False)
        return draw()


@pytest.fixture
def calls(monkeypatch):
    """The number of steps of every pass."""
    made = []
    one, several = look_ahead.Draws._one, look_ahead.Draws._several
    monkeypatch.setattr(look_ahead.Draws, "_one", lambda self: (made.append(1), one(self))[1])
    monkeypatch.setattr(
        look_ahead.Draws, "_several", lambda self, guesses: (made.append(guesses.shape[1]), several(self, guesses))[1]
    )
    return made


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize(
    ("shape", "ordering"), [((5, 4), "raster"), ((3, 3, 3), "raster"), ((5, 4), "random"), ((13,), "snake")]
)
def test_the_values_are_those_of_single_steps(monkeypatch, calls, head, shape, ordering):
    for spread, seed in ((0.05, 0), (0.5, 1)):
        draw = partial(_model(head, shape, ordering, spread, context_features=2).sample, 1, context=torch.ones(1, 2))
        expected = _one_by_one(monkeypatch, lambda: draw(generator=_seeded(seed)))  # noqa: B023 (called at once)
        calls.clear()
        assert torch.equal(draw(generator=_seeded(seed)), expected)
        if head == "bernoulli" and spread == 0.05:
            assert len(calls) < 0.7 * expected.numel()


def test_what_is_known_first_is_completed_alike(monkeypatch, calls):
    model = _model(spread=0.2)
    mask = model.order.mask_before(20)
    evidence = Evidence(mask[None], torch.ones(1, 7, 6))

    def draw():
        return model.sample(evidence=evidence, generator=_seeded())

    expected = _one_by_one(monkeypatch, draw)
    calls.clear()
    assert torch.equal(draw(), expected)
    assert max(calls) > 1
    assert len(calls) < 22


def test_after_wrong_guesses_steps_are_single(monkeypatch, calls):
    model = _model("categorical:levels=4")
    expected = model.sample(1, generator=_seeded())
    calls.clear()
    monkeypatch.setattr(look_ahead.Draws, "_guesses", lambda self, size: torch.full((1, size), -1.0).double())
    assert torch.equal(model.sample(1, generator=_seeded()), expected)
    assert calls == [1, look_ahead.MAX_STEPS, *[1] * 40]


def test_after_right_guesses_passes_take_several_steps_again(monkeypatch, calls):
    model = _model("categorical:levels=4")
    expected = model.sample(1, generator=_seeded())
    calls.clear()
    guesses = expected.reshape(1, -1).double().clone()
    guesses[:, :9] = -1.0

    def known(draws, size):
        return guesses[:, draws.generation.position :][:, :size]

    monkeypatch.setattr(look_ahead.Draws, "_guesses", known)
    assert torch.equal(model.sample(1, generator=_seeded()), expected)
    # two right guesses, and one pass for all that is left
    assert calls == [1, look_ahead.MAX_STEPS, *[1] * 9, 31]


@pytest.mark.parametrize("options", [{"n": 2}, {"n": 1, "method": "naive"}])
def test_several_examples_and_whole_passes_take_one_step_after_the_other(calls, options):
    model = _model()
    model.sample(generator=_seeded(), **options)
    assert calls == [1] * 42


def test_temperatures_look_ahead_too(monkeypatch, calls):
    model = _model("categorical:levels=4")

    def draw():
        return model.sample(1, temperature=0.3, generator=_seeded())

    expected = _one_by_one(monkeypatch, draw)
    calls.clear()
    assert torch.equal(draw(), expected)
    assert max(calls) > 1


def test_real_numbers_are_not_guessed(calls):
    _model("gaussian").sample(1, generator=_seeded())
    assert calls == [1] * 42
