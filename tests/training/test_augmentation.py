"""Augmentation: what is drawn, what the token says, and that likelihoods are those of events as they are."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
import torch

from tensorar import Evidence, Recipe, Run, ShapeError, SpecError, TrainingSettings, build, default_registry
from tensorar.augmentation import Augmentation
from tensorar.runs.stages import check_changes
from tensorar.testing import randomize
from tensorar.training.batches import Batches
from tensorar.training.train import train
from tests.training.helpers import recipe

AXES = ("channel", "height", "width")
PLUGIN = Path(__file__).parent / "image_dataset.py"


def _registry():
    found = default_registry()
    found.load_file(PLUGIN)
    return found


def _recipe(**options) -> Recipe:
    return recipe(**{"dataset": "strokes", "backbone": "made:hidden=8", "augment": "shift=1,flip=both"} | options)


def _run(folder, **options) -> Run:
    return Run.create(folder, _recipe(**options), registry=_registry())


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("text", ["shift=2", "flip=horizontal", "flip=vertical", "shift=1,flip=both,probability=0.9"])
def test_the_token_says_which_permutation_an_event_has_undergone(text):
    augmentation = Augmentation.parse(text)
    event = torch.arange(2 * 5 * 6).reshape(2, 5, 6)
    events, tokens = augmentation(event.expand(400, 2, 5, 6), AXES, _generator())
    assert tokens.shape == (400, augmentation.features)
    by_token = {}
    for found, token in zip(events, tokens.int().tolist(), strict=True):
        by_token.setdefault(tuple(token), []).append(found)
    assert all(torch.equal(found, same[0]) for same in by_token.values() for found in same)
    assert torch.equal(by_token[(0,) * augmentation.features][0], event)
    transformed = {tuple(same[0].flatten().tolist()) for same in by_token.values()}
    assert len(transformed) == len(by_token)
    flips = [
        f
        for f in product((False, True), repeat=2)
        if {"height", "width"} - {*augmentation.flip_axes}
        <= {name for name, flipped in zip(("height", "width"), f, strict=True) if not flipped}
    ]
    distances = range(-augmentation.shift, augmentation.shift + 1)
    possible = {
        tuple(event.flip([d + 1 for d in (0, 1) if flip[d]]).roll((dy, dx), (1, 2)).flatten().tolist())
        for flip in flips
        for dy, dx in product(distances, distances)
    }
    assert transformed <= possible
    assert len(transformed) > 0.9 * len(possible)


def test_half_of_the_events_stay_as_they_are():
    events = torch.arange(4 * 9).reshape(1, 4, 9).expand(4000, 4, 9)
    found, tokens = Augmentation.parse("shift=3")(events, ("height", "width"), _generator())
    same = (found == events).flatten(1).all(1)
    assert torch.equal(same, tokens.sum(1) == 0)
    # the others move by none of 49 distances in one case
    assert same.float().mean().item() == pytest.approx(0.5 + 0.5 / 49, abs=0.03)


def test_missing_values_move_with_the_others():
    value = torch.arange(1.0, 13).reshape(1, 3, 4).expand(50, 3, 4)
    evidence = Evidence(value % 5 != 0, value)
    found, _ = Augmentation.parse("shift=1,flip=both,probability=1")(evidence, ("height", "width"), _generator())
    assert torch.equal(found.mask, found.value != 0)
    assert torch.equal(found.value.flatten(1).sum(1), evidence.value.flatten(1).sum(1))


@pytest.mark.parametrize("labels", ["false", "true"])
def test_batches_end_contexts_with_tokens_and_are_the_same_again(labels):
    dataset = _registry().create("dataset", f"strokes:labels={labels}")
    augmentation = Augmentation.parse("shift=1")
    plain, augmented, again = (Batches(dataset, 16, 3, augmentation=a) for a in (None, augmentation, augmentation))
    (events, contexts), (moved, tokens) = plain[7], augmented[7]
    assert all(torch.equal(a, b) for a, b in zip(again[7], (moved, tokens), strict=True))
    own = 0 if contexts is None else contexts.shape[1]
    assert tokens.shape == (16, own + augmentation.features)
    assert contexts is None or torch.equal(tokens[:, :own], contexts)
    still = tokens[:, own:].sum(1) == 0
    assert torch.equal(moved[still], events[still])
    assert not torch.equal(moved, events)
    assert not torch.equal(augmented[8][1][:, own:], tokens[:, own:])


@pytest.mark.parametrize("context_features", [0, 2])
@pytest.mark.parametrize(
    ("ordering", "backbone"),
    [
        ("raster", "mlp:hidden=6"),
        ("raster", "gated_pixelcnn:channels=4,layers=2"),
        ("flips:embedding=true", "made:hidden=6"),
        ("flips:embedding=true", "pixelsnail:channels=4,blocks=1,layers=1"),
    ],
)
def test_without_a_token_it_is_the_event_as_it_is(backbone, context_features, ordering):
    model = build((2, 2), ordering, "bernoulli", backbone, context_features=context_features, augmentation_features=3)
    randomize(model, 0)
    every = torch.tensor(list(product((0.0, 1.0), repeat=4))).reshape(16, 2, 2)
    context = torch.randn(context_features, generator=_generator()).expand(16, -1) if context_features else None
    log_prob = model.log_prob(every, context)
    assert log_prob.exp().sum().item() == pytest.approx(1)
    null, other = torch.zeros(16, 3), torch.eye(3)[[1]].expand(16, 3)
    given = [token if context is None else torch.cat([context, token], 1) for token in (null, other)]
    assert torch.equal(model.log_prob(every, given[0]), log_prob)
    # given a transformation, too, it is a distribution, and another one
    assert model.log_prob(every, given[1]).exp().sum().item() == pytest.approx(1)
    assert not torch.allclose(model.log_prob(every, given[1]), log_prob)
    state = model.generation(16, context=context)
    total = torch.zeros(16, dtype=log_prob.dtype)
    while not state.done:
        value = every.flatten(1)[:, state.coefficient]
        total += state.distribution().log_prob(value.to(total))
        state.observe(value.to(total))
    first = model.log_prob(every, context, order=model.order)
    torch.testing.assert_close(total, first)
    assert model.sample(3, context=None if context is None else context[:3]).shape == (3, 2, 2)


@pytest.mark.parametrize("dataset", ["strokes", "strokes:labels=true", "strokes:missing=true"])
def test_a_resumed_run_arrives_at_the_same_weights(tmp_path, dataset):
    backbone = "mlp:hidden=8" if "missing" in dataset else "made:hidden=8"
    ordering = "shuffled" if "missing" in dataset else "raster"
    options = {"dataset": dataset, "backbone": backbone, "ordering": ordering}
    whole, stopped = (_run(tmp_path / name, **options) for name in ("whole", "stopped"))
    train(whole)

    def stop(update):
        if update.state.step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(stopped, on_update=stop)
    train(Run.open(stopped.folder, registry=_registry()), resume=True)
    found, expected = (Run.open(run.folder, registry=_registry()) for run in (stopped, whole))
    assert found.recipe.training.augment == "shift=1,flip=both"
    states = (run.last_model.state_dict() for run in (found, expected))
    assert all(torch.equal(*pair) for pair in zip(*(state.values() for state in states), strict=True))
    assert found.metrics()[-1]["valid_nats"] == expected.metrics()[-1]["valid_nats"]


def test_validation_is_that_of_events_as_they_are(tmp_path):
    run = _run(tmp_path / "run", valid_events=10)
    train(run)
    opened = Run.open(run.folder, registry=_registry())
    nats = -opened.model.log_prob(opened.dataset.valid).mean().item()
    best = min(row["valid_nats"] for row in opened.metrics())
    assert nats == pytest.approx(best, rel=1e-6)


def test_events_without_height_and_width_are_refused(tmp_path):
    registry = _registry()
    with pytest.raises(ShapeError, match="expected events with height and width longer than 1, to augment them, got p"):
        Run.create(tmp_path / "run", _recipe(dataset="toy:length=8"), registry=registry)
    with pytest.raises(ShapeError, match=r"longer than 5, to augment them, got height 4, width 5; leave out"):
        Run.create(tmp_path / "run", _recipe(augment="shift=5"), registry=registry)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("shift=0", "a shift of at least 1 or a flip"),
        ("shift=2,probability=0", "a probability above 0"),
        ("flip=sideways", "augment's flip to be none | horizontal | vertical | both"),
        ("zoom=2", "did you mean"),
        ("shift", "a part spec"),
    ],
)
def test_settings_that_make_no_augmentation_are_refused(text, message):
    with pytest.raises(SpecError) as caught:
        TrainingSettings(augment=text)
    assert message in str(caught.value) or "the valid ones are" in str(caught.value)


def test_a_run_that_is_trained_on_keeps_its_tokens():
    with pytest.raises(SpecError, match="no other `augment` for a run that is trained already, got shift=1"):
        check_changes({"augment": "shift=1", "steps": 5})
