"""The README holds: its Python example runs, its names exist, its commands parse, its pictures are there."""

import importlib
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tensorar import Registry, default_registry
from tensorar.parts.plugins import Plugins
from tensorar_cli.app import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def block(after):
    """The code block that follows a marker."""
    return re.search(rf"<!-- {after} -->\n```\w*\n(.*?)```", README, flags=re.DOTALL).group(1)


def test_the_python_example_runs_and_learns(capsys):
    exec(block("example"), {})
    learned, best = (float(line.split(":")[1]) for line in capsys.readouterr().out.splitlines()[:2])
    assert best < learned < 30, "it starts at 16 log 32 = 55 nats"


def test_the_example_is_short():
    assert len([line for line in block("example").splitlines() if line.strip()]) <= 15


@pytest.mark.parametrize("kind", ["ordering", "head", "backbone", "dataset"])
def test_the_table_names_every_part(kind):
    row = next(line for line in README.splitlines() if line.startswith(f"| {kind}s |"))
    parts = default_registry().parts(kind)
    assert set(re.findall(r"`(\w+)`", row)) == {name for name in parts if parts[name].source.plugin == "builtin"}


def test_every_command_shown_is_one_with_these_options():
    from typer.main import get_command

    shown = re.findall(r"^tensorar (.*?)(?:\s+#.*)?$", README, flags=re.MULTILINE)
    assert len(shown) >= 8
    for line in shown:
        words = shlex.split(line)
        command = get_command(app)
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= options, line


def test_the_plugin_shown_is_one(tmp_path):
    (tmp_path / "backwards.py").write_text(block("plugin"))
    plugins = Plugins()
    plugins.load_file(tmp_path / "backwards.py")
    order = Registry(plugins).create("ordering", "backwards").order((4, 4))
    assert order.visits.tolist() == list(range(15, -1, -1))


def test_links_and_pictures_are_there():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("benchmark", ["reproduce", "bench_sampling"])
def test_the_figures_are_those_recorded(benchmark, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tests" / "benchmarks")
    assert importlib.import_module(benchmark).table() in README


def not_part_of_a_clone(folder, names):
    """What git ignores: anywhere, and at the top (``tensorar/runs`` is a package of ours)."""
    anywhere = shutil.ignore_patterns(".venv", ".git", "__pycache__", ".*_cache")(folder, names)
    return anywhere | ({"runs", "dist", "build"} if Path(folder) == ROOT else set())


@pytest.mark.slow
def test_the_commands_as_printed_on_a_fresh_machine(tmp_path):
    """Clone, then the demo command to the letter; the test command is what CI runs, to the letter too."""
    clone = tmp_path / "clone"
    shutil.copytree(ROOT, clone, ignore=not_part_of_a_clone)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block("demo command")], cwd=clone, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    pictures = re.search(r"pictures: (.*)", done.stdout).group(1).split(", ")
    assert len(pictures) == 3
    assert all((clone / picture).stat().st_size > 10_000 for picture in pictures)
