"""The page on plugins holds: its code runs and makes models, its hooks are the hooks."""

import inspect
import math
import re
from pathlib import Path

import pytest
import torch

import tensorar
from tensorar.parts import hookspecs
from tensorar.parts.plugins import Plugins

PAGE = (Path(__file__).parents[2] / "docs" / "writing-plugins.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


def parts_of(code):
    namespace = {"__name__": "page"}
    exec(code, namespace)
    return [value for value in namespace.values() if inspect.isclass(value) and value.__module__ == "page"]


def test_the_hooks_are_on_the_page_with_their_signatures():
    for name in dir(hookspecs):
        if name.startswith("tensorar_"):
            returns = inspect.signature(getattr(hookspecs, name)).return_annotation
            assert f"| `{name}() -> {returns}` |" in PAGE


def test_the_single_file_plugin_loads_and_models_counts(tmp_path):
    (tmp_path / "binomial.py").write_text(BLOCKS[0])
    plugins = Plugins()
    plugins.load_installed()
    registry = tensorar.Registry(plugins)
    registry.load_file(tmp_path / "binomial.py")
    model = tensorar.build((2,), "raster", "binomial:trials=4", "fvsbn", registry=registry).double()
    counts = torch.cartesian_prod(torch.arange(5.0), torch.arange(5.0))
    assert model.log_prob(counts).exp().sum().item() == pytest.approx(1, abs=1e-9)


def test_the_ordering_on_the_page():
    (ordering,) = parts_of(BLOCKS[1])
    assert ordering().order((2, 3)).visits.tolist() == [5, 4, 3, 2, 1, 0]


def test_the_backbone_on_the_page_sees_only_what_it_may():
    (backbone,) = parts_of(BLOCKS[2])
    order = tensorar.Order(torch.tensor([2, 0, 1]), (3,))
    network = backbone(tensorar.Signature((3,), 2, 4), scale=1.0).double()
    features = torch.randn(1, 3, 2, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda f: network(f, order), features).abs().sum((0, 2, 3, 5))
    assert torch.equal(jacobian > 0, order.sees())
    assert math.prod(network(features, order).shape) == 12


def test_every_block_is_run_by_a_test():
    assert len(BLOCKS) == 3
