"""Loading plugins by entry point or path; a broken plugin does not affect the others."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest
import torch

from tensorar import PluginError, Registry, build
from tensorar.parts import plugins as loading
from tensorar.parts.plugins import Plugins

SPIRAL = '''
"""An ordering as a single-file plugin."""

from dataclasses import dataclass

import torch

from tensorar import Ordering, hookimpl


@dataclass(frozen=True, kw_only=True)
class Inwards(Ordering):
    """Visit a vector from its ends to its middle."""

    name = "inwards"
    left_first: bool = True

    def visits(self, event_shape):
        n = torch.Size(event_shape).numel()
        ends = torch.stack([torch.arange(n), torch.arange(n).flip(0)], dim=1)
        return (ends if self.left_first else ends.flip(1)).flatten()[:n]


@hookimpl
def tensorar_orderings():
    return [Inwards]
'''

POISSON = '''
"""A head as a single-file plugin."""

from dataclasses import dataclass

import torch
from torch.distributions import constraints

from tensorar import Head, hookimpl


@dataclass(frozen=True, kw_only=True)
class Poisson(Head):
    """Counts: a Poisson rate per coefficient."""

    name = "rates"
    parameter_count = 1
    feature_count = 1
    support = constraints.nonnegative_integer

    def encode(self, value, coefficients=None):
        return value.log1p().unsqueeze(-1)

    def distribution(self, parameters, coefficients=None):
        return torch.distributions.Poisson(parameters[..., 0].exp())


@hookimpl
def tensorar_heads():
    return [Poisson]
'''


def _write(folder, name, text):
    path = folder / f"{name}.py"
    path.write_text(text)
    return path


def _installed(monkeypatch, folder, **modules):
    """Write modules, register them as entry points, and load them as plugins."""
    monkeypatch.syspath_prepend(folder)
    entries = []
    for name, text in modules.items():
        _write(folder, f"installed_{name}", text)
        entries.append(EntryPoint(name, f"installed_{name}", "tensorar"))
    monkeypatch.setattr(loading, "entry_points", lambda group: entries)
    plugins = Plugins()
    plugins.load_installed()
    return plugins


@pytest.fixture
def files(tmp_path):
    """A registry with the built-in parts and two single-file plugins."""
    plugins = Plugins()
    plugins.load_installed()
    registry = Registry(plugins)
    registry.load_file(_write(tmp_path, "my_ordering", SPIRAL))
    registry.load_file(_write(tmp_path, "my_head", POISSON))
    return registry


@pytest.mark.parametrize("backbone", ["fvsbn", "mlp:hidden=8", "convnet:channels=2,hidden=4"])
@pytest.mark.parametrize("ordering", ["inwards", "inwards:left_first=false"])
def test_a_model_of_single_file_parts(files, ordering, backbone):
    model = build((4,), ordering, "rates", backbone, registry=files).double()
    assert model.order.visits.tolist() == ([0, 3, 1, 2] if ordering == "inwards" else [3, 0, 2, 1])
    # few parameters are large at first, so that hardly any mass lies beyond 20 counts
    counts = torch.arange(30.0).double()
    total = model.conditionals(torch.zeros(1, 4)).log_prob(counts[:, None]).exp().sum(0)
    torch.testing.assert_close(total, torch.ones(4).double(), atol=1e-9, rtol=0)
    samples = model.sample(5)
    assert model.log_prob(samples).isfinite().all()
    model.loss(samples).backward()


def test_the_source_of_a_file_is_its_path(files, tmp_path):
    source = files.find("head", "rates").source
    assert source.plugin == "my_head"
    assert str(source) == f"my_head ({(tmp_path / 'my_head.py').resolve()})"


def test_a_file_loaded_twice_is_loaded_once(files, tmp_path, monkeypatch):
    files.load_file(tmp_path / "my_head.py")
    monkeypatch.chdir(tmp_path)
    files.load_file("my_head.py")
    assert "rates" in files.parts("head")


def test_two_files_of_one_name_are_both_named(files, tmp_path):
    (tmp_path / "other").mkdir()
    for name in ("my_head", "builtin"):
        with pytest.raises(PluginError, match=f"one plugin named '{name}', got two") as error:
            files.load_file(_write(tmp_path / "other", name, SPIRAL))
        assert str(tmp_path / "other") in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(:", "SyntaxError"),
        ("import no_such_module", "no_such_module"),
        ("raise RuntimeError('two\\nlines')", "two lines"),
        ("from tensorar import hookimpl\n@hookimpl\ndef tensorar_haeds():\n    return []", "tensorar_haeds"),
        ("from tensorar import hookimpl\n@hookimpl\ndef tensorar_heads(x):\n    return []", "tensorar_heads"),
        ("def tensorar_heads():\n    return []", "it has no hooks"),
        ("", "it has no hooks"),
        ("\x00", "null bytes"),
    ],
)
def test_a_broken_file_is_reported_in_one_line(tmp_path, text, message):
    plugins = Plugins()
    with pytest.raises(PluginError, match=message) as error:
        plugins.load_file(_write(tmp_path, "broken", text))
    assert "\n" not in str(error.value)
    assert "broken.py" in str(error.value)
    assert Registry(plugins).parts("head") == {}
    assert plugins.failures == {}


@pytest.mark.parametrize("path", ["missing.py", "."])
def test_a_missing_file(tmp_path, path):
    with pytest.raises(PluginError, match="a Python file"):
        Plugins().load_file(tmp_path / path)


def test_an_installed_plugin_that_fails_leaves_the_others_alone(tmp_path, monkeypatch):
    plugins = _installed(
        monkeypatch,
        tmp_path,
        broken="raise ImportError('no\\nsuch library')",
        misspelt="from tensorar import hookimpl\n@hookimpl\ndef tensorar_haeds():\n    return []",
        good=SPIRAL,
        zebra=POISSON,
    )
    registry = Registry(plugins)
    assert list(registry.parts("ordering")) == ["inwards"]
    assert list(registry.parts("head")) == ["rates"]
    assert sorted(plugins.failures) == ["broken", "misspelt"]
    assert plugins.failures["broken"] == "ImportError: no such library"
    assert "tensorar_haeds" in plugins.failures["misspelt"]
    assert "\n" not in plugins.failures["misspelt"]


def test_the_built_in_plugin_is_listed_before_all_others(tmp_path, monkeypatch):
    plugins = _installed(monkeypatch, tmp_path, another=SPIRAL, builtin=SPIRAL.replace('"inwards"', '"usual"'))
    assert list(Registry(plugins).parts("ordering")) == ["usual", "inwards"]
