"""docs/orderings.md: the table names every ordering, and the commands print what the page shows."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tensorar import default_registry
from tensorar_cli.app import app

PAGE = (Path(__file__).parents[2] / "docs" / "orderings.md").read_text()
SHOWN = re.findall(r"^\$ tensorar (order show .*)\n((?:[ \d]+\n)+)", PAGE, flags=re.MULTILINE)


def test_the_table_names_every_ordering():
    parts = default_registry().parts("ordering")
    built_in = {name for name, registered in parts.items() if registered.source.plugin == "builtin"}
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE)) == built_in


@pytest.mark.parametrize(("command", "ranks"), SHOWN)
def test_the_ranks_are_those_of_the_command(command, ranks, tmp_path):
    result = CliRunner().invoke(app, [*shlex.split(command), "--out", str(tmp_path / "order.png")])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(ranks)


def test_the_specs_on_the_page_are_valid():
    specs = re.findall(r"(?:`|--ordering )((?:annealed|mixed|known_first):[^`\s]*(?: 0,flip=1\")?)", PAGE)
    assert len(specs) >= 5
    for spec in specs:
        default_registry().check("ordering", spec)
