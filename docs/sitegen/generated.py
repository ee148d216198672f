"""The generated pages of the reference: parts from the registry, commands from the application, public names."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import typer
from typer.cli import get_docs_for_click
from typer.main import get_command

from tensorar import default_registry
from tensorar.parts.spec import KINDS
from tensorar_cli.app import app
from tensorar_cli.part_details import part_details

EXAMPLES = Path(__file__).parents[2] / "examples"
# the modules whose public names are documented: what users and plugins import
MODULES = (
    "tensorar",
    "tensorar.workflows",
    "tensorar.plotting",
    "tensorar.conditioning",
    "tensorar.coding",
    "tensorar.testing",
)
# inherited members are documented too, but not those of the classes of other projects
OTHERS = "Module, BaseException, ABC, dict, tuple, Protocol"
COLUMNS = ("name", "type", "default", "meaning")


def write_pages(folder: Path) -> None:
    """Write all generated pages; those that have not changed keep their time, so that Sphinx reads them once."""
    pages = {"commands.md": commands_page()} | {f"{kind}s.md": parts_page(kind) for kind in KINDS}
    pages |= {f"{module}.rst": module_page(module) for module in MODULES}
    pages |= {f"examples/{path.name}": path.read_text() for path in EXAMPLES.glob("*.ipynb")}
    for path in [path for path in folder.rglob("*.*") if str(path.relative_to(folder)) not in pages]:
        path.unlink()
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def page_names() -> list[str]:
    """The pages of the reference, in the order of the table of contents."""
    return ["commands", *(f"{kind}s" for kind in KINDS), *MODULES]


# --- commands -------------------------------------------------------------------------------------------------------


def commands_page() -> str:
    """All commands with their arguments and options, as ``--help`` prints them."""
    command = get_command(app)
    for short in command.commands.values():
        # by default, lists of commands cut their descriptions to 45 characters
        short.short_help = short.help.partition("\n")[0]
    text = get_docs_for_click(obj=command, ctx=typer.Context(command, info_name="tensorar"), name="tensorar")
    return text.replace("# `tensorar`", "# Commands", 1)


# --- parts ----------------------------------------------------------------------------------------------------------


def parts_page(kind: str) -> str:
    """Every part of a kind with its options: what ``tensorar plugins show`` prints."""
    parts = [part_details(kind, found) for found in default_registry().parts(kind).values()]
    return "\n\n".join([f"# All {kind}s", *(_part(part) for part in parts)]) + "\n"


def _part(part: dict[str, Any]) -> str:
    title, text = f"## `{part['name']}`", part["documentation"]
    if part["kind"] == "recipe":
        description, _, toml = text.partition("\n\n")
        return f"{title}\n\n{description}\n\n```toml\n{toml}```"
    rows = [tuple(option.values()) for option in part["options"]]
    used = ", ".join(f"{name} `{value}`" for name, value in part.get("defaults", {}).items())
    table = _table(COLUMNS, rows) if rows else "No options."
    return "\n\n".join([title, _markdown(text), table, *([f"By default: {used}."] if used else [])])


def _markdown(docstring: str) -> str:
    """A docstring in which examples are code."""
    lines = [f"```python\n{block}\n```" if block.startswith(">>>") else block for block in docstring.split("\n\n")]
    return "\n\n".join(lines)


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [columns, ("---",) * len(columns), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


# --- public names ---------------------------------------------------------------------------------------------------


def module_page(name: str) -> str:
    """The docstring of a module, a table of its public names, and each of them."""
    module = importlib.import_module(name)
    summary = "\n".join(f"   {public}" for public in module.__all__)
    return (
        f"{name}\n{'=' * len(name)}\n\n.. automodule:: {name}\n\n.. currentmodule:: {name}\n\n"
        f".. autosummary::\n   :nosignatures:\n\n{summary}\n\n"
        + "\n".join(_documented(public, getattr(module, public)) for public in module.__all__)
    )


def _documented(name: str, value: Any) -> str:
    if not inspect.isclass(value):
        return f".. {'autofunction' if callable(value) else 'autodata'}:: {name}\n"
    kind = "autoexception" if issubclass(value, BaseException) else "autoclass"
    return f".. {kind}:: {name}\n   :members:\n   :inherited-members: {OTHERS}\n   :show-inheritance:\n"
