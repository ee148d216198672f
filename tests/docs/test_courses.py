"""docs/courses.md: its commands run, in the order of the page; the exact figures are those of the data."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tensorar import load_dataset
from tests.cli.commands import call

PAGE = (Path(__file__).parents[2] / "docs" / "courses.md").read_text()
BLOCKS = re.findall(r"```(bash|python)\n(.*?)```", PAGE, flags=re.DOTALL)
EXACT = re.findall(r"^\| [\w, ]+ \| `([\w:=]+)` \| ([\d.]+) nats(/dim)? \|$", PAGE, flags=re.MULTILINE)
# commands that draw many events, and all training, are made brief
FEWER = {
    r"--epochs \d+": "--steps 2 --batch-size 8 --set valid_events=8",
    r"--number \d+": "--number 2",
    r"(compare .*)": r"\1 --events 8 --no-baselines",
}
NEEDS_DATA = re.compile(r"reproduce (mnist|wine)")
SLOW = re.compile(r"reproduce (mnist-grey|cs294-shapes-pixelcnn)")


def _brief(line):
    for pattern, replacement in FEWER.items():
        line = re.sub(pattern, replacement, line)
    return re.sub(r"(reproduce \S+)", r"\1 --quick --device cpu", line)


def _sessions():
    """The commands of each block, with the Python after them."""
    sessions = []
    for language, code in BLOCKS:
        if language == "bash":
            sessions.append((code.splitlines(), []))
        else:
            sessions[-1][1].append(code)
    return sessions


def _marked(session):
    lines = " ".join(session[0])
    return pytest.param(session, marks=[pytest.mark.slow] if SLOW.search(lines) else [], id=session[0][0].split()[2])


@pytest.mark.parametrize("session", [_marked(session) for session in _sessions()])
def test_the_commands_run(session, tmp_path, monkeypatch, request):
    lines, programs = session
    if NEEDS_DATA.search(" ".join(lines)):
        request.getfixturevalue("data_folder")
    monkeypatch.chdir(tmp_path)
    for line in lines:
        result = call(*shlex.split(_brief(line))[1:])
        assert result.exit_code == 0, f"{line}\n{result.output}"
    for program in programs:
        exec(compile(program, "docs/courses.md", "exec"), {})
        assert (tmp_path / "density.png").exists()


@pytest.mark.parametrize(("spec", "figure", "per_dimension"), EXACT)
def test_the_exact_figures_are_those_of_the_data(spec, figure, per_dimension):
    test = load_dataset(spec).test
    nats = -load_dataset(spec).log_prob(test).mean().item()
    assert f"{nats / (test[0].numel() if per_dimension else 1):.4f}" == figure
    assert len(EXACT) == 4
