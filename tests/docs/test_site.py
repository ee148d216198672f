"""The documentation site: every page is in a table of contents, and the reference names everything there is."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
from typer.main import get_command

import tensorar
from docs.sitegen import generated, links, references
from tensorar import default_registry
from tensorar.parts.spec import KINDS
from tensorar_cli.app import app
from tensorar_cli.part_details import part_details

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {str(path.relative_to(DOCS).with_suffix("")) for path in DOCS.rglob("*.md") if "generated" not in path.parts}
NOTEBOOKS = {f"generated/examples/{path.stem}" for path in (DOCS.parent / "examples").glob("*.ipynb")}


def _sections(text):
    """The text under each heading."""
    parts = re.split(r"^#+ (.*)\n", text, flags=re.MULTILINE)[1:]
    return {title.strip("`"): part for title, part in zip(parts[::2], parts[1::2], strict=True)}


def _listed(page):
    contents = links.tables_of_contents((DOCS / f"{page}.md").read_text())
    folder = Path(page).parent
    return [str(folder / line) for line in contents.splitlines() if re.fullmatch(r"[\w./-]+", line)]


def test_every_page_and_notebook_is_in_one_table_of_contents():
    listed = [entry for page in links.CONTENTS for entry in _listed(page)]
    assert len(set(listed)) == len(listed)
    assert set(listed) - {f"generated/{page}" for page in generated.page_names()} == (PAGES - {"index"}) | NOTEBOOKS
    assert {f"generated/{page}" for page in generated.page_names()} <= set(listed)


def _commands(command, words=("tensorar",)):
    for name, sub in getattr(command, "commands", {}).items():
        yield from _commands(sub, (*words, name))
    yield " ".join(words), command


def test_every_command_and_option_is_in_the_reference():
    sections = dict(
        re.findall(r"^#+ `?(.*?)`?\n(.*?)(?=^#|\Z)", generated.commands_page(), flags=re.MULTILINE | re.DOTALL)
    )
    for name, command in _commands(get_command(app)):
        section = sections["Commands" if name == "tensorar" else name]
        for option in (option for parameter in command.params for option in parameter.opts if option.startswith("--")):
            assert option in section, f"{name} {option}"


@pytest.mark.parametrize("kind", KINDS)
def test_every_part_and_option_is_in_the_reference(kind):
    sections = dict(
        re.findall(r"^## `(.*?)`\n(.*?)(?=^## `|\Z)", generated.parts_page(kind), flags=re.MULTILINE | re.DOTALL)
    )
    parts = default_registry().parts(kind)
    assert list(sections) == list(parts)
    for name, registered in parts.items():
        for option in part_details(kind, registered)["options"]:
            assert f"| {option['name']} |" in sections[name]
            assert option["meaning"].replace("|", "\\|") in sections[name]


@pytest.mark.parametrize("module", generated.MODULES)
def test_every_public_name_is_in_the_reference(module):
    page = generated.module_page(module)
    for name in importlib.import_module(module).__all__:
        assert re.search(rf"^\.\. auto(class|function|exception|data):: {name}$", page, flags=re.MULTILINE), name


def test_references_to_definitions_become_public_names():
    names = references.public_names()
    assert names["tensorar.order.Order"] == "tensorar.Order"
    assert set(names.values()) >= {f"tensorar.{name}" for name in tensorar.__all__}


def test_links_out_of_the_site_become_paths():
    source = [
        "[figures](results), [tests](../tests/docs), [toy](../examples/toy.ipynb), [heads](heads.md#x), [zuko](https://x.y)"
    ]
    links.prepare(None, "benchmarks", source)
    assert source == [
        "figures (`docs/results`), tests (`tests/docs`), [toy](generated/examples/toy.ipynb), [heads](heads.md#x), "
        "[zuko](https://x.y)"
    ]


def test_pages_are_written_once(tmp_path, monkeypatch):
    monkeypatch.setattr(generated, "MODULES", ("tensorar",))
    monkeypatch.setattr(generated, "KINDS", ("head",))
    (tmp_path / "old.md").write_text("")
    generated.write_pages(tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}
    assert {"commands.md", "heads.md", "tensorar.rst", "toy.ipynb"} <= {path.name for path in times}
    assert not (tmp_path / "old.md").exists()
    generated.write_pages(tmp_path)
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}
