"""A large batch passed in parts gives the gradients of the whole, in less memory."""

import pytest
import torch

from tensorar import Recipe, Run, TrainingSettings, build, load_dataset
from tensorar.parts.spec import PartSpec
from tensorar.training import batch_parts
from tensorar.training.batch_parts import part_size
from tensorar.training.device import make_accelerator
from tensorar.training.optimization import Optimization
from tensorar.training.trainer import Trainer
from tensorar.utils.shapes import split_batch

SHAPE, BATCH = (6, 6), 10


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build(SHAPE, "raster", "bernoulli", "pixelcnn:channels=4,blocks=1").double()


def test_parts_cover_the_batch_in_order():
    events, contexts = torch.arange(7)[:, None], torch.arange(7.0)[:, None]
    parts = list(split_batch(events, contexts, 3))
    assert [part.flatten().tolist() for part, _ in parts] == [[0, 1, 2], [3, 4, 5], [6]]
    assert all(torch.equal(part.double(), context.double()) for part, context in parts)
    assert all(context is None for _, context in split_batch(events, None, 3))


def test_the_size_follows_what_is_kept_for_the_gradients(model, monkeypatch):
    events = torch.zeros(BATCH, *SHAPE)
    assert part_size(model, events, None) == BATCH, "it all fits"
    one, two = (batch_parts._kept_bytes(model, events[:n], None) for n in (1, 2))
    assert two - one > 36 * 4 * 8, "at least the output of one layer, in float64"
    for parts, size in ((3, 4), (5, 2), (1000, 1)):
        monkeypatch.setattr(batch_parts, "MAX_BYTES_OF_PART", -(-BATCH * (two - one) // parts))
        assert part_size(model, events, None) == size
    assert part_size(model, events[:1], None) == 1


def test_networks_for_any_evidence_take_a_batch_at_once(monkeypatch):
    monkeypatch.setattr(batch_parts, "MAX_BYTES_OF_PART", 1)
    assert part_size(build((4,), "shuffled", "bernoulli", "mlp:hidden=4"), torch.zeros(5, 4), None) == 5


def test_looking_at_the_size_draws_nothing(model):
    before = torch.get_rng_state()
    part_size(model, torch.zeros(BATCH, *SHAPE), None)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("size", [1, 3, BATCH])
def test_gradients_of_parts_are_those_of_the_batch(model, size, monkeypatch):
    events = torch.randint(0, 2, (BATCH, *SHAPE))
    loss = model.loss(events)
    loss.backward()
    expected = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    monkeypatch.setattr("tensorar.training.optimization.part_size", lambda *batch: size)
    optimization = Optimization(model, TrainingSettings(clip=1e9), make_accelerator("cpu", "float32"))
    nats = optimization.gradients(events, None, batch_size=BATCH, factor=1.0, number=0, progress=0.0)
    assert nats == pytest.approx(float(loss.detach()), rel=1e-12)
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-10, atol=1e-12)


def test_a_resumed_training_has_the_same_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(batch_parts, "MAX_BYTES_OF_PART", 20_000)
    states = []
    for name, pauses in (("whole", ()), ("resumed", (2,))):
        parts = {"dataset": "toy:length=6", "ordering": "raster", "head": "categorical:levels=64"}
        parts["backbone"] = "rnn:hidden=8"
        settings = TrainingSettings(steps=4, batch_size=30, valid_events=10, evaluate_every=2)
        recipe = Recipe(**{kind: PartSpec.parse(spec) for kind, spec in parts.items()}, training=settings)
        run = Run.create(tmp_path / name, recipe, load_dataset(parts["dataset"]))
        trainer = Trainer(run, device="cpu")
        trainer.start()
        for _ in range(4):
            if trainer.state.step in pauses:
                trainer._save()
                trainer = Trainer(run, device="cpu")
                trainer.resume()
            trainer._step()
        assert trainer.optimization._part_size < 30
        states.append(trainer.optimization.model.state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
