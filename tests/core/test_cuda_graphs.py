"""A captured run, with a capture that needs no GPU: it records every operation that torch carries out."""

from __future__ import annotations

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from tensorar import CausalBackbone, Evidence, build
from tensorar.generation import sample
from tensorar.generation.ancestral import Ancestral
from tensorar.testing import randomize
from tests.part_specs import backbone_class, backbone_specs

causal = [spec for spec in backbone_specs() if issubclass(backbone_class(spec), CausalBackbone)]


class Tape(TorchDispatchMode):
    """Records operations like a CUDA graph: on replay no Python of the loop runs, only the same operations again."""

    def __init__(self):
        super().__init__()
        self.operations, self.replays = [], 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        out = operation(*args, **(kwargs or {}))
        self.operations.append((operation, args, kwargs or {}, out))
        return out

    def record(self, work):
        with self:
            self.result = work()
        return self.result

    def replay(self):
        made = {}
        for operation, args, kwargs, out in self.operations:
            args, kwargs = tree_map_only(torch.Tensor, lambda t: made.get(id(t), t), (args, kwargs))
            again = operation(*args, **kwargs)
            for before, now in zip(_tensors(out), _tensors(again), strict=True):
                made[id(before)] = now
        self.result.copy_(made[id(self.result)])
        self.replays += 1


def _tensors(out):
    return [t for t in (out if isinstance(out, list | tuple) else [out]) if isinstance(t, torch.Tensor)]


@pytest.fixture
def tapes(monkeypatch):
    """Every sampler captures, on the tapes of this list, although it runs on a CPU."""
    made = []

    def tape():
        made.append(Tape())
        return made[-1]

    _capture_with(monkeypatch, tape)
    return made


def _capture_with(monkeypatch, capture):
    monkeypatch.setattr(sample, "Ancestral", lambda cached, **_: Ancestral(cached=cached, capture=capture))


def _draw(model, n, **options):
    generator = torch.Generator().manual_seed(3)
    return model.sample(n, method="cached", generator=generator, **options)


@pytest.mark.parametrize("head", ["bernoulli", "categorical:levels=3,one_hot=true"])
@pytest.mark.parametrize("backbone", causal)
def test_replays_draw_what_the_loop_would(backbone, head, monkeypatch):
    model = randomize(build((3, 2), "raster", head, backbone), 0, spread=0.4)
    expected = _draw(model, 8)
    tape = Tape()
    _capture_with(monkeypatch, lambda: tape)
    monkeypatch.setattr(sample, "max_batch_size", lambda *_: 2)
    assert torch.equal(_draw(model, 8), expected)
    assert tape.replays == 3
    assert len({tuple(x.flatten().tolist()) for x in expected}) > 1


def test_a_batch_of_another_size_or_with_evidence_is_not_a_replay(tapes, monkeypatch):
    model = randomize(build((4,), "raster", "bernoulli", "fvsbn"), 0)
    monkeypatch.setattr(sample, "max_batch_size", lambda *_: 3)
    drawn = _draw(model, 7)
    assert [tape.replays for tape in tapes] == [1, 0]
    tapes.clear()
    known = Evidence(torch.tensor([True, False, False, False]).expand(6, 4), torch.ones(6, 4).double())
    completed = _draw(model, 6, evidence=known)
    assert (completed[:, 0] == 1).all()
    assert tapes == []
    assert drawn.shape == (7, 4)


@pytest.mark.parametrize("head", ["beta", "poisson", "negative_binomial"])
def test_heads_that_draw_by_rejection_or_bisection_are_not_captured(head, tapes, monkeypatch):
    """They read numbers from the device to decide when to stop, which no graph can."""
    model = build((4,), "raster", head, "fvsbn")
    monkeypatch.setattr(sample, "max_batch_size", lambda *_: 2)
    assert _draw(model, 6).shape == (6, 4)
    assert tapes == []


def test_capturing_leaves_the_weights_alone(tapes, monkeypatch):
    model = randomize(build((4,), "raster", "bernoulli", "nade:hidden=5"), 0)
    before = {name: p.clone() for name, p in model.state_dict().items()}
    monkeypatch.setattr(sample, "max_batch_size", lambda *_: 2)
    _draw(model, 6)
    assert all(torch.equal(before[name], p) for name, p in model.state_dict().items())
