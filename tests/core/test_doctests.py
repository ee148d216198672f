"""Every example in a docstring runs. Found in the source, since the shape checks wrap what modules hold."""

from __future__ import annotations

import ast
import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {ROOT: ["tensorar"], ROOT / "plugins": ["tensorar_plugins"], ROOT / "cli": ["tensorar_cli"]}
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)


def _examples():
    for top, packages in FOLDERS.items():
        for path in sorted(p for package in packages for p in (top / package).rglob("*.py")):
            module = ".".join(path.relative_to(top).with_suffix("").parts).removesuffix(".__init__")
            source = path.read_text()
            for node in ast.walk(ast.parse(source)) if ">>>" in source else ():
                docstring = ast.get_docstring(node) if isinstance(node, DOCUMENTED) else None
                if docstring and ">>>" in docstring:
                    yield pytest.param(module, docstring, id=f"{module}.{getattr(node, 'name', '')}".rstrip("."))


@pytest.mark.parametrize(("module", "docstring"), list(_examples()))
def test_the_example_runs(module, docstring, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = dict(vars(importlib.import_module(module)))
    test = doctest.DocTestParser().get_doctest(docstring, names, module, None, None)
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(test, out=said.append)
    assert runner.failures == 0, "".join(said)


def test_there_are_examples_to_run():
    assert len(list(_examples())) > 20
