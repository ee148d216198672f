"""Arrows run one way: the command line and the plugins use the core, the core knows neither."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import tensorar

ROOT = Path(__file__).parents[2]
# what a plugin may import beside the names that tensorar itself exports
PUBLIC = {"tensorar.errors", "tensorar.noise", "tensorar.parts.hookspecs", "tensorar.testing"}


def _files(folder: str):
    return [pytest.param(p, id=str(p.relative_to(ROOT))) for p in sorted((ROOT / folder).rglob("*.py"))]


def _imports(path: Path):
    """Every ``(module, name)`` that a file imports, wherever it does; name is empty for ``import module``."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from ((node.module, alias.name) for alias in node.names)


@pytest.mark.parametrize("path", _files("tensorar"))
def test_the_core_imports_no_plugin_and_no_command_line(path):
    assert [m for m, _ in _imports(path) if m.split(".")[0] in ("tensorar_plugins", "tensorar_cli", "typer")] == []


@pytest.mark.parametrize("path", _files("plugins"))
def test_plugins_use_public_names_only(path):
    for module, name in _imports(path):
        package = module.split(".")[0]
        assert package != "tensorar_cli"
        if package == "tensorar":
            assert module == "tensorar" or module in PUBLIC, f"{module} is no public module"
            public = name in ("", *tensorar.__all__, "testing") if module == "tensorar" else not name.startswith("_")
            assert public, f"{module}.{name} is no public name"


@pytest.mark.parametrize("path", _files("cli"))
def test_the_command_line_knows_no_plugin_by_name(path):
    assert [m for m, _ in _imports(path) if m.split(".")[0] == "tensorar_plugins"] == []


def test_everything_exported_is_there_and_documented():
    for name in tensorar.__all__:
        assert getattr(tensorar, name).__doc__, f"{name} has no docstring"
    assert sorted(tensorar.__all__) == tensorar.__all__
    for module in PUBLIC - {"tensorar.testing"}:
        assert importlib.import_module(module).__doc__
