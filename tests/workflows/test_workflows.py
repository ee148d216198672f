"""Workflows: the commands as functions that return dataclasses and print nothing."""

import subprocess
import sys

import pytest
import torch

from tensorar import Run, RunError, TensorarError, default_registry, evaluate
from tensorar import workflows as wf
from tensorar.testing import Check
from tensorar.testing.results import Result
from tensorar.workflows.recipes import choose_parts

SETTINGS = {"batch_size": 8, "device": "cpu", "settings": {"valid_events": 20}}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "toy"
    return wf.train("toy:length=8,fixed=40", backbone="mlp:hidden=8", steps=3, out=out, **SETTINGS).run


def test_two_lines_train_a_model(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    result = wf.train("toy:length=8,fixed=40", steps=2, **SETTINGS)
    assert result.run.folder == (tmp_path / "runs" / "toy-mlp").relative_to(tmp_path)
    assert {kind: str(spec) for kind, spec in result.chosen.items()} == {
        "ordering": "shuffled",
        "head": "categorical:levels=16,one_hot=true",
        "backbone": "mlp",
    }
    assert result.interrupted is None
    assert result.best_nats == min(row["valid_nats"] for row in result.metrics)
    assert result.exact_nats < result.best_nats
    assert (result.run.folder / "training.png").is_file()
    assert capsys.readouterr() == ("", "")


def test_callbacks_report_the_start_and_every_step(tmp_path):
    events = []
    result = wf.train(
        "toy:length=8,fixed=40",
        steps=2,
        out=tmp_path / "run",
        on_start=lambda started: events.append(started.run.folder),
        on_update=lambda update: events.append((update.state.step, update.row is not None)),
        **SETTINGS,
    )
    assert events == [result.run.folder, (1, False), (2, False), (2, True)]


def test_a_finished_run_resumes_to_the_same_result(run):
    before = run.metrics()
    assert wf.resume(run.folder, device="cpu").metrics == before


@pytest.mark.parametrize("arguments", [{}, {"data": "toy", "recipe": "toy-convnet"}])
def test_training_takes_a_dataset_or_a_recipe(arguments):
    with pytest.raises(TensorarError, match="either `data` or `recipe`"):
        wf.train(**arguments)


def test_errors_name_arguments_and_not_options(run):
    with pytest.raises(RunError, match="resume it with resume=True"):
        wf.train("toy", out=run.folder)
    with pytest.raises(TensorarError, match='use device="auto"'):
        wf.sample(run, device="warp")


def test_an_evaluation_is_that_of_the_library(run):
    found = wf.evaluate(run, "valid", device="cpu")
    assert (found.split, str(found.data)) == ("valid", "toy:length=8,fixed=40")
    assert found.likelihood == evaluate(run.model, run.dataset.valid, dataset=run.dataset)
    few = wf.evaluate(run.folder, events=5, exact=False, samples_per_event=2, device="cpu").likelihood
    assert (few.events, few.exact) == (5, False)


def test_samples_are_those_of_the_model(run):
    found = wf.sample(run.folder, 5, seed=3, means=True, device="cpu")
    expected = run.model.sample(5, generator=torch.Generator().manual_seed(3))
    assert found.samples.equal(expected)
    assert found.means.equal(run.model.conditional_means(expected))
    assert found.info.exact and found.info.method
    assert found.figure().axes


@pytest.mark.parametrize(
    ("function", "counts"),
    [
        (wf.evaluate, {"events": 0}),
        (wf.evaluate, {"events": -1}),
        (wf.evaluate, {"samples_per_event": 0}),
        (wf.sample, {"n": -1}),
        (wf.inpaint, {"events": 0}),
        (wf.inpaint, {"completions": 0}),
    ],
)
def test_invalid_counts_are_reported_by_name(run, function, counts):
    (name,) = counts
    with pytest.raises(TensorarError, match=f"expected `{name}` >= [01], got {counts[name]}; use at least [01]$"):
        function(run, device="cpu", **counts)


def test_no_samples(run):
    found = wf.sample(run, 0, means=True, device="cpu")
    assert found.samples.shape == found.means.shape == (0, 8)


def test_truncated_samples_are_not_those_of_the_model(run):
    for options in ({"temperature": 0.5}, {"top_k": 1}, {"top_p": 0.5}):
        assert not wf.sample(run, 2, device="cpu", **options).info.exact
        assert not wf.inpaint(run, events=1, completions=1, device="cpu", **options).info.exact


def test_completions_keep_what_is_known(run):
    mask = torch.tensor([True, False] * 4)
    found = wf.inpaint(run, mask=mask, events=3, completions=2, device="cpu")
    assert found.completions.shape == (3, 2, 8)
    assert (found.completions == found.originals.unsqueeze(1))[:, :, mask].all()
    assert found.figure().axes


def test_the_posterior_at_steps(run):
    found = wf.posterior(run, 4, [0, 7], split="valid", device="cpu")
    assert [int(step.mask.sum()) for step in found.steps] == [0, 7]
    assert found.figure().axes
    with pytest.raises(TensorarError, match="`steps` from 0 to 7"):
        wf.posterior(run, steps=[8])
    with pytest.raises(TensorarError, match="`example` below"):
        wf.posterior(run, -1)


def test_a_part_is_checked():
    seen = []
    report = wf.check_part("raster", shapes=[(2,)], progress=lambda done, total, name: seen.append((done, total)))
    assert report.failed == ()
    assert seen == [(k, len(report.results)) for k in range(len(report.results))]
    assert {result.kind for result in report.results} == {"ordering"}


# --- helpers ---------------------------------------------------------------------------------------------------------


def test_given_parts_are_not_replaced(run):
    given = {"head": run.recipe.head}
    parts = choose_parts(run.dataset, given, default_registry())
    assert parts.specs["head"] is run.recipe.head
    assert list(parts.defaults) == ["ordering", "backbone"]


def test_workflows_do_not_import_the_command_line():
    code = (
        "import sys, tensorar.workflows\n"
        "print([m for m in ('typer', 'rich', 'tensorar_cli', 'hypothesis', 'matplotlib') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_a_run_opens_by_its_folder_or_is_taken_as_it_is(run):
    assert wf.sample(run, 1, device="cpu").run is run
    assert isinstance(wf.sample(run.folder, 1, device="cpu").run, Run)


def test_a_check_without_anything_to_test_is_skipped(monkeypatch):
    monkeypatch.setattr(Check, "_outcome", lambda self: Result("skipped", "nothing to test"))
    report = wf.check_part("raster", shapes=[(2,)])
    assert {(result.status, result.reason) for result in report.results} == {("skipped", "nothing to test")}
    assert report.failed == ()
