"""Everything that a GPU should do as a CPU does; skipped on a machine without one."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from typer.testing import CliRunner

from tensorar import AutoregressiveModel, Evidence, build, default_registry
from tensorar.testing import checks, randomize
from tensorar_cli.app import app
from tests.part_specs import backbone_class, backbone_specs, head_specs

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
CUDA, SHAPE, DRAWS = "cuda", (2, 3), 20000
EVIDENCE = ("mlp", "convnet", "unet")


def _model(backbone: str, head: str = "bernoulli", ordering: str = "raster") -> AutoregressiveModel:
    return randomize(build(SHAPE, ordering, head, backbone), 0).eval()


def _all_events() -> torch.Tensor:
    return torch.tensor(list(itertools.product((0.0, 1.0), repeat=math.prod(SHAPE)))).reshape(-1, *SHAPE)


@pytest.mark.parametrize("kind", ["backbone", "head"])
def test_the_kit_passes_on_the_device(kind):
    for part in default_registry().parts(kind).values():
        (any_device,) = [check for check in checks(part.part) if check.name == "any_device"]
        assert any_device.run().status == "passed", part


@pytest.mark.parametrize("spec", backbone_specs())
def test_likelihoods_are_those_of_the_cpu(spec):
    model, x = _model(spec), _all_events().double()
    expected = model.log_prob(x)
    with torch.no_grad():
        torch.testing.assert_close(model.to(CUDA).log_prob(x.to(CUDA)).cpu(), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("memory", [None, 50_000])
@pytest.mark.parametrize("spec", backbone_specs())
def test_samples_follow_the_likelihood(spec, memory):
    model = _model(spec).float().to(CUDA)
    with torch.no_grad():
        probability = model.log_prob(_all_events().to(CUDA)).exp().cpu()
    samples = model.sample(DRAWS if memory is None else 2000, generator=torch.Generator().manual_seed(0), memory=memory)
    _require_frequencies(samples, probability)


@pytest.mark.parametrize("spec", backbone_specs())
def test_completions_keep_what_is_observed(spec):
    model = _model(spec).float().to(CUDA)
    mask = torch.zeros(64, *SHAPE, dtype=torch.bool)
    mask[:, 0] = True
    evidence = Evidence(mask, torch.ones(64, *SHAPE))
    assert (model.sample(evidence=evidence)[mask.to(CUDA)] == 1).all()


@pytest.mark.parametrize("spec", [spec for spec in backbone_specs() if backbone_class(spec).name not in EVIDENCE])
def test_a_replayed_graph_draws_what_the_loop_draws(spec, monkeypatch):
    model = _model(spec).float().to(CUDA)
    options = {"memory": 20_000, "method": "cached"}
    graph = model.sample(500, generator=torch.Generator().manual_seed(1), **options)
    monkeypatch.setattr("tensorar.generation.ancestral.capturable", lambda *_: False)
    loop = model.sample(500, generator=torch.Generator().manual_seed(1), **options)
    assert (graph != loop).float().mean() < 1e-3  # a draw may fall within rounding of a threshold


@pytest.mark.parametrize("spec", head_specs())
def test_heads_draw_and_score_there(spec):
    model = randomize(build(SHAPE, "raster", spec, "fvsbn"), 0).eval()
    x = model.sample(50, generator=torch.Generator().manual_seed(0))
    expected = model.log_prob(x)
    model = model.to(CUDA)
    torch.testing.assert_close(model.log_prob(x.to(CUDA)).cpu(), expected, rtol=1e-6, atol=1e-6)
    drawn = model.sample(50)
    assert drawn.device.type == CUDA and model.log_prob(drawn).isfinite().all()


def test_units_are_applied_in_float64_there():
    times = 1.7e9 + 1000 * torch.rand(500, 2, dtype=torch.float64)
    model = build((2,), "raster", "gaussian_mixture", "fvsbn", data=times)
    expected = model.log_prob(times)
    on_device = model.to(CUDA).log_prob(times.to(CUDA))
    assert on_device.dtype == torch.float64
    torch.testing.assert_close(on_device.cpu(), expected, rtol=1e-4, atol=1e-4)


def test_the_command_line_works_there(tmp_path):
    run, there = str(tmp_path / "run"), ["--device", CUDA]
    for command in (
        ["train", "toy", "--out", run, "--steps", "30", *there],
        ["train", "--resume", run, *there],
        ["evaluate", run, "--events", "50", *there],
        ["sample", run, "-n", "8", *there],
        ["inpaint", run, "--events", "2", "--completions", "2", *there],
        ["posterior", run, *there],
        ["evaluate", run, "--events", "50", "--device", "cpu"],
    ):
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, (command, result.output)


def _require_frequencies(samples: torch.Tensor, probability: torch.Tensor) -> None:
    n = len(samples)
    powers = 2 ** torch.arange(math.prod(SHAPE) - 1, -1, -1, device=samples.device)
    counts = torch.bincount((samples.flatten(1) @ powers.to(samples)).round().long(), minlength=len(probability)).cpu()
    deviation = (probability * (1 - probability) / n).sqrt() + 1 / n
    assert ((counts / n - probability).abs() < 5 * deviation).all()
