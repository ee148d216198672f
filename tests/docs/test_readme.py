"""The README: its Python example runs, its part names exist, its commands parse."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tensorar import default_registry
from tensorar_cli.app import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def block(after):
    """The code block that follows a marker."""
    return re.search(rf"<!-- {after} -->\n```\w*\n(.*?)```", README, flags=re.DOTALL).group(1)


def test_the_python_example_runs_and_learns(capsys):
    exec(block("example"), {})
    learned, possible = (float(line.split(":")[1]) for line in capsys.readouterr().out.splitlines()[:2])
    assert possible < learned < 30, "it starts at 16 log 32 = 55 nats"


def test_the_example_and_the_page_are_short():
    assert len([line for line in block("example").splitlines() if line.strip()]) <= 15
    assert len(README.splitlines()) < 120


@pytest.mark.parametrize("command", ["demo command", "test command"])
def test_each_command_does_all_the_set_up_in_one_line(command):
    (line,) = block(command).splitlines()
    assert line.startswith("python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e ")


@pytest.mark.parametrize("kind", ["ordering", "head", "backbone", "dataset"])
def test_the_table_names_every_part(kind):
    row = next(line for line in README.splitlines() if line.startswith(f"| {kind}s |"))
    parts = default_registry().parts(kind)
    assert set(re.findall(r"`(\w+)`", row)) == {name for name in parts if parts[name].source.plugin == "builtin"}


def test_every_command_exists_with_these_options():
    from typer.main import get_command

    lines = re.findall(r"^tensorar (.*?)(?:\s+#.*)?$", README, flags=re.MULTILINE)
    assert len(lines) >= 8
    for line in lines:
        words = shlex.split(line)
        command = get_command(app)
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= options, line


def not_part_of_a_clone(folder, names):
    """Paths that git ignores: anywhere, or only at the top (``tensorar/runs`` is a package)."""
    anywhere = shutil.ignore_patterns(".venv", ".git", "__pycache__", ".*_cache")(folder, names)
    return anywhere | ({"runs", "dist", "build"} if Path(folder) == ROOT else set())


@pytest.mark.slow
def test_the_commands_as_printed_on_a_fresh_machine(tmp_path):
    """Run the demo command verbatim in a clone; CI runs the test command verbatim."""
    clone = tmp_path / "clone"
    shutil.copytree(ROOT, clone, ignore=not_part_of_a_clone)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block("demo command")], cwd=clone, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    pictures = re.search(r"pictures: (.*)", done.stdout).group(1).split(", ")
    assert len(pictures) == 3
    assert all((clone / picture).stat().st_size > 10_000 for picture in pictures)
