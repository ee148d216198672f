"""The layers: no import cycles, and arrows that run one way."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

import tensorar

ROOT = Path(__file__).parents[2]
SOURCES = {
    "tensorar": ROOT / "tensorar",
    "tensorar_plugins": ROOT / "plugins/tensorar_plugins",
    "tensorar_cli": ROOT / "cli/tensorar_cli",
    "tensorar_web": ROOT / "web/tensorar_web",
}
# what a plugin may import besides the names that tensorar itself exports
PUBLIC = {
    "tensorar.errors",
    "tensorar.generation",
    "tensorar.marginal_mixtures",
    "tensorar.mixed",
    "tensorar.noise",
    "tensorar.normal_scores",
    "tensorar.outliers",
    "tensorar.parts.hookspecs",
    "tensorar.series",
    "tensorar.tables",
    "tensorar.testing",
    "tensorar.transforms",
    "tensorar.units",
    "tensorar.utils.memory",
    "tensorar.utils.permutation",
    "tensorar.utils.precision",
    "tensorar.utils.reading",
    "tensorar.utils.npy_format",
    "tensorar.utils.npz_archive",
    "tensorar.utils.words",
    "tensorar.value_checks",
}
IMPORTS = """
import a
if a:
    import b
elif b:
    from c import x
else:
    import d
for x in a:
    while x:
        with a:
            import e
    else:
        import f
try:
    import g
except* ValueError:
    import h
else:
    import i
finally:
    import j
match a:
    case 1:
        import k
class A:
    async def f(self):
        import l
"""
FACES = ("tensorar_cli", "tensorar_web", "typer", "rich", "starlette", "uvicorn")


def _modules() -> dict[str, Path]:
    """Every module by its dotted name; a package is its ``__init__``."""
    found = {}
    for package, folder in SOURCES.items():
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            found[".".join([package, *(p for p in parts if p != "__init__")])] = path
    return found


MODULES = _modules()


def _statements(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All statements, those in functions, classes and branches too. Expressions, which hold none, are skipped."""
    for node in body:
        yield node
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            yield from _statements(getattr(node, part, ()))


@cache
def _imports(path: Path) -> tuple[tuple[str, str], ...]:
    """Every ``(module, name)`` that a file imports, wherever it does; name is empty for ``import module``."""
    found: list[tuple[str, str]] = []
    for node in _statements(ast.parse(path.read_text()).body):
        if isinstance(node, ast.Import):
            found += ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{path} imports relatively"
            found += ((node.module, alias.name) for alias in node.names)
    return tuple(found)


@cache
def _imported_modules(name: str) -> set[str]:
    """The other modules of the project that a module imports, those under ``TYPE_CHECKING`` and in functions too."""
    imports = _imports(MODULES[name])
    named = {f"{module}.{what}" if f"{module}.{what}" in MODULES else module for module, what in imports}
    return (named & MODULES.keys()) - {name}


def _cycle(graph: dict[str, set[str]]) -> list[str]:
    """A path that leads back to where it began, or nothing."""
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name not in done:
            for other in sorted(graph[name]):
                if found := visit(other, [*path, name]):
                    return found
            done.add(name)
        return []

    return next((found for name in sorted(graph) if (found := visit(name, []))), [])


def _within(*packages: str) -> list[str]:
    return [name for name in MODULES if any(name == p or name.startswith(f"{p}.") for p in packages)]


def test_a_cycle_is_found():
    assert _cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert _cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_imports_are_found_wherever_they_are(tmp_path):
    (tmp_path / "x.py").write_text(IMPORTS)
    assert sorted(name for name, _ in _imports(tmp_path / "x.py")) == list("abcdefghijkl")


def test_no_import_cycles_including_those_for_types():
    assert _cycle({name: _imported_modules(name) for name in MODULES}) == []


@pytest.mark.parametrize("name", _within("tensorar"))
def test_the_core_imports_neither_plugins_nor_the_command_line(name):
    imported = [module for module, _ in _imports(MODULES[name]) if module.split(".")[0] in ("tensorar_plugins", *FACES)]
    assert imported == []


@pytest.mark.parametrize("name", [name for name in _within("tensorar") if not name.startswith("tensorar.workflows")])
def test_only_workflows_import_workflows(name):
    assert [module for module in _imported_modules(name) if module.startswith("tensorar.workflows")] == []


@pytest.mark.parametrize("path", sorted((ROOT / "plugins").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_plugins_use_public_names_only(path):
    for module, name in _imports(path):
        package = module.split(".")[0]
        assert package not in FACES
        if package == "tensorar":
            assert module == "tensorar" or module in PUBLIC, f"{module} is no public module"
            public = name in ("", *tensorar.__all__, "testing") if module == "tensorar" else not name.startswith("_")
            assert public, f"{module}.{name} is no public name"


@pytest.mark.parametrize("name", _within("tensorar_cli"))
def test_the_command_line_knows_no_plugin(name):
    assert [module for module, _ in _imports(MODULES[name]) if module.split(".")[0] == "tensorar_plugins"] == []


@pytest.mark.parametrize("name", _within("tensorar_web"))
def test_the_page_knows_no_plugin_and_no_other_face(name):
    packages = {module.split(".")[0] for module, _ in _imports(MODULES[name])}
    assert packages & {"tensorar_plugins", "tensorar_cli", "typer", "rich"} == set()


@pytest.mark.parametrize("name", _within("tensorar_cli"))
def test_only_the_command_that_starts_the_server_imports_the_page(name):
    others = [module for module, _ in _imports(MODULES[name]) if module.split(".")[0] == "tensorar_web"]
    assert others == (["tensorar_web.server"] if name == "tensorar_cli.commands.serve" else [])


@pytest.mark.parametrize("name", _within("tensorar_cli.commands"))
def test_commands_do_not_import_each_other(name):
    others = [module for module in _imported_modules(name) if module.startswith("tensorar_cli.commands.")]
    # a group of commands registers those in files of their own
    registers = name in ("tensorar_cli.commands", "tensorar_cli.commands.plugins")
    assert others == [] or registers


def test_the_folder_of_backbones_stays_small():
    entries = [p.name for p in SOURCES["tensorar_plugins"].joinpath("backbones").iterdir() if p.name != "__pycache__"]
    assert len(entries) <= 20


def test_everything_exported_is_there_and_documented():
    for name in tensorar.__all__:
        assert getattr(tensorar, name).__doc__, f"{name} has no docstring"
    assert sorted(tensorar.__all__) == tensorar.__all__
    for module in PUBLIC - {"tensorar.testing"}:
        assert importlib.import_module(module).__doc__
