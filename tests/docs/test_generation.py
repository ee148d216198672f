"""docs/generation.md: its examples run and find what brute force finds, its members and options exist."""

import inspect
import re
from pathlib import Path

import pytest
import torch

import tensorar
from tensorar.testing import joint

PAGE = (Path(__file__).parents[2] / "docs" / "generation.md").read_text()
LOOP, BEAM_SEARCH, TYPICAL = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


# a stepper, queries of evidence, a network behind the raster adapter
MODELS = [("snake", "fvsbn"), ("snake", "mlp:hidden=8"), ("raster:flip=0", "row_lstm:channels=4,layers=1")]


@pytest.fixture(scope="module", params=MODELS, ids=lambda parts: parts[1])
def model(request):
    torch.manual_seed(0)
    ordering, backbone = request.param
    return tensorar.build((2, 3), ordering, "categorical:levels=3", backbone).eval()


def functions(code):
    namespace = {}
    exec(code, namespace)
    return namespace


def test_the_loop_draws_samples(model):
    namespace = {"model": model}
    exec(LOOP, namespace)
    assert namespace["events"].shape == (16, 2, 3)
    model.head.check(namespace["events"])


def test_beam_search_with_enough_beams_finds_the_most_likely_completion(model):
    values, probability = joint(model)
    mask = torch.tensor([[[True, False, True], [False, False, False]]])
    evidence = tensorar.Evidence(mask, torch.tensor([[[2.0, 0.0, 1.0], [0.0, 0.0, 0.0]]]))
    agrees = (values == evidence.value)[:, evidence.mask[0]].all(1)
    best = (probability * agrees).argmax()
    found, log_prob = functions(BEAM_SEARCH)["beam_search"](model, evidence, beams=81)
    assert torch.equal(found, values[best])
    assert log_prob.item() == pytest.approx(probability[best].log().item(), abs=1e-4)


def test_one_beam_is_greedy(model):
    evidence = tensorar.Evidence(torch.zeros(1, 2, 3, dtype=torch.bool), torch.zeros(1, 2, 3))
    found, _ = functions(BEAM_SEARCH)["beam_search"](model, evidence, beams=1)
    assert torch.equal(found, model.sample(evidence=evidence, top_k=1)[0])


def test_typical_samples_of_all_the_mass_are_samples_of_the_model(model):
    torch.manual_seed(1)
    samples = functions(TYPICAL)["typical_samples"](model, 20_000, mass=1.1)
    expected = model.sample(20_000)
    torch.testing.assert_close(samples.mean(0), expected.mean(0), rtol=0, atol=0.04)


def test_typical_samples_of_little_mass_are_deterministic(model):
    samples = functions(TYPICAL)["typical_samples"](model, 5, mass=1e-6)
    assert (samples == samples[:1]).all()


def test_the_examples_are_short():
    for code in (BEAM_SEARCH, TYPICAL):
        assert len([line for line in code.splitlines() if line.strip()]) <= 20


def test_the_signature_and_the_members_exist(model):
    parameters = inspect.signature(model.generation).parameters.values()
    written = ", ".join(p.name if p.default is p.empty else f"{p.name}={p.default}" for p in parameters)
    assert f"`model.generation({written})`" in PAGE
    generation = model.generation(2)
    for member in re.findall(r"`generation\.(\w+)", PAGE):
        assert hasattr(generation, member), member
