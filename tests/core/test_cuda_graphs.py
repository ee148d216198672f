"""A captured run, with a capture that needs no GPU: it records every operation that torch carries out."""

from __future__ import annotations

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from tensorar import CausalBackbone, Evidence, build, default_registry
from tensorar.generation import Chooser, Generation, sample
from tensorar.generation.ancestral import Ancestral, run_loop
from tensorar.generation.state import SamplingState
from tensorar.generation.visits import Visits
from tensorar.testing import randomize
from tensorar.testing.simulated_device import simulated_device
from tensorar.utils.operation_mode import OperationMode
from tests.part_specs import backbone_class, backbone_specs, head_specs

# many passes; other tests of the same functions check the shapes
pytestmark = pytest.mark.usefixtures("without_shape_checks")

causal = [spec for spec in backbone_specs() if issubclass(backbone_class(spec), CausalBackbone)]

PRODUCTS = {f"aten::{name}.out" for name in ("mm", "bmm", "addmm", "baddbmm")}


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


class OnlyCapturable(OperationMode):
    """Refuses what a CUDA graph cannot capture, and outputs of products that cuBLAS refuses.

    Copies between devices and values read by Python cannot be captured; an output must have rows that do not overlap.
    """

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        devices = {t.device for t in tree_leaves((args, kwargs, result)) if isinstance(t, torch.Tensor)}
        assert len(devices) < 2, f"{operation} copies between {devices}"
        assert operation.name() not in ("aten::_local_scalar_dense", "aten::nonzero", "aten::equal"), operation
        out = (kwargs or {}).get("out")
        if operation.name() in PRODUCTS and out is not None:
            assert out.stride(-1) > 1 or out.stride(-2) >= out.shape[-1], f"{operation} into rows that overlap"
        return result


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
    assert tape.replays == 2
    assert len({tuple(x.flatten().tolist()) for x in expected}) > 1


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(
    ("backbone", "head"),
    [*((backbone, "bernoulli") for backbone in causal), *(("fvsbn", head) for head in head_specs())],
)
def test_a_run_is_capturable(backbone, head, batch):
    if not default_registry().create("head", head).draws_in_fixed_operations:
        pytest.skip("the head is not captured")
    model = randomize(build((3, 2), "raster", head, backbone), 0, spread=0.4)
    noise = torch.rand(batch, 6, model.head.noise_size, dtype=model.dtype)
    with simulated_device() as device, torch.no_grad():
        model, value = model.to(device), torch.zeros(batch, 6, dtype=model.dtype, device=device)
        visits = Visits([model.order])
        state = SamplingState(model, visits, value, None, None, noise.to(device), Chooser(), lambda steps: None)
        generation, by_step = Generation(model, batch, visits), state.noise_by_step()
        with OnlyCapturable():
            run_loop(state, generation, by_step)


def test_the_first_batch_warms_up(tapes, monkeypatch):
    """A GPU loads its libraries at their first use, which it cannot do during a capture."""
    model = build((4,), "raster", "bernoulli", "fvsbn")
    monkeypatch.setattr(sample, "max_batch_size", lambda *_: 3)
    _draw(model, 3)
    assert tapes == []
    _draw(model, 6)
    assert [tape.replays for tape in tapes] == [0]


def test_a_batch_of_another_size_or_with_evidence_is_not_a_replay(tapes, monkeypatch):
    model = randomize(build((4,), "raster", "bernoulli", "fvsbn"), 0)
    monkeypatch.setattr(sample, "max_batch_size", lambda *_: 3)
    drawn = _draw(model, 10)
    assert [tape.replays for tape in tapes] == [1]
    tapes.clear()
    known = Evidence(torch.tensor([True, False, False, False]).expand(6, 4), torch.ones(6, 4).double())
    completed = _draw(model, 6, evidence=known)
    assert (completed[:, 0] == 1).all()
    assert tapes == []
    assert drawn.shape == (10, 4)


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
