"""Training, validation and evaluation of p(x | context) use each event's own context."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tensorar import DataError, Run, RunError, default_registry, evaluate, load_dataset, train
from tensorar.runs.provenance import provenance_of
from tests.training.helpers import recipe

PLUGIN = Path(__file__).parent / "dataset_with_contexts.py"
SETTINGS = {"steps": 60, "learning_rate": 0.2, "ema": 0.0, "evaluate_every": 60}


@pytest.fixture(scope="module")
def registry():
    found = default_registry()
    found.load_file(PLUGIN)
    return found


def _run(folder, registry, **options):
    return Run.create(folder, recipe(dataset="labelled", **SETTINGS, **options), registry=registry)


@pytest.mark.parametrize(("backbone", "ordering"), [("fvsbn", "raster"), ("mlp:hidden=16", "shuffled")])
def test_the_effect_of_the_context_is_learnt(tmp_path, registry, backbone, ordering):
    run = _run(tmp_path / "run", registry, backbone=backbone, ordering=ordering)
    train(run, device="cpu")
    data = run.dataset
    # without the context no model comes below log 2
    assert run.metrics()[-1]["valid_nats"] < 0.35
    for exact in (True, False):
        known = evaluate(run.model, data.test, data.contexts.test, dataset=data, exact=exact).nats
        misled = evaluate(run.model, data.test, data.contexts.test.flip(1), dataset=data, exact=exact).nats
        assert known < 0.35
        assert misled > 1
    drawn = run.model.sample(context=torch.eye(2).repeat_interleave(50, 0), generator=torch.Generator().manual_seed(0))
    assert drawn[:50].mean() > 0.9
    assert drawn[50:].mean() < 0.1


def test_a_run_remembers_the_length_of_its_contexts(tmp_path, registry):
    run = _run(tmp_path / "run", registry)
    train(run, device="cpu")
    opened = Run.open(run.folder, registry=registry)
    assert opened.context_features == 2
    assert torch.equal(opened.model.backbone.context.weight, run.model.backbone.context.weight)


def test_contexts_that_do_not_match_the_events_are_refused(registry):
    with pytest.raises(DataError, match="each of the 50 events of test") as error:
        _ = load_dataset("labelled:broken=true", registry=registry).contexts
    assert "\n" not in str(error.value)


def test_contexts_with_a_nan_are_refused(registry, monkeypatch):
    data = load_dataset("labelled", registry=registry)
    contexts = data.load_contexts()
    contexts.valid[3, 1] = torch.nan
    monkeypatch.setattr(type(data), "load_contexts", lambda self: contexts)
    with pytest.raises(DataError, match=r"finite numbers in the contexts of valid of 'labelled', got NaN or infinity"):
        _ = data.contexts


def test_a_dataset_with_other_contexts_is_refused(tmp_path, registry):
    provenance = provenance_of(recipe(dataset="labelled"), (4,), 3, registry)
    run = Run(tmp_path / "run", recipe(dataset="labelled"), provenance, registry)
    with pytest.raises(RunError, match="contexts of length 3"):
        _ = run.dataset


def test_a_context_is_parsed_as_numbers(registry):
    data = load_dataset("labelled", registry=registry)
    assert data.parse_context("0.5, -1").tolist() == [0.5, -1.0]
    with pytest.raises(DataError, match="commas"):
        data.parse_context("three")
