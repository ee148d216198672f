"""Output on a terminal, in a pipe and in a file: progress bar, lines, colors."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tensorar_cli import output

from .commands import ESCAPE, environment, process

SCRIPT = Path(sys.executable).with_name("tensorar")
TRAIN = ["train", "toy:length=8,fixed=40", "--backbone", "mlp:hidden=8", "--device", "cpu", "--steps", "400"]
TRAIN += ["--set", "valid_events=20", "--set", "evaluate_every=150"]


def on_a_terminal(arguments, cwd, *, stdout_too=True, **changed):
    """Run a command with standard error (and output) on a terminal; return exit code, terminal text and output."""
    master, slave = pty.openpty()
    out = slave if stdout_too else subprocess.PIPE
    env = environment(COLUMNS="200", **changed)
    running = subprocess.Popen([SCRIPT, *arguments], cwd=cwd, env=env, stdin=slave, stdout=out, stderr=slave)
    os.close(slave)
    shown = b""
    try:
        while chunk := os.read(master, 65536):
            shown += chunk
    except OSError:
        pass  # Linux says so when the last one has closed the terminal
    os.close(master)
    printed = b"" if stdout_too else running.stdout.read()
    if not stdout_too:
        running.stdout.close()
    return running.wait(timeout=60), shown.decode(), printed.decode()


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    return on_a_terminal(TRAIN, tmp_path_factory.mktemp("terminal"))


def test_a_terminal_shows_a_bar_with_nats_and_the_time_left(seen):
    code, shown, _ = seen
    assert code == 0, shown
    bar = re.search(
        r"training .*?%.*? step \d+  [\d.]+ nats  [\d.]+ bits/dim  perplexity [\d.]+  \d+ examples/s", shown
    )
    assert bar, shown[-2000:]
    assert re.search(r"examples/s.*?\d:\d\d:\d\d.*?left.*?(\d:\d\d:\d\d|-:--:--)", shown)


def test_lines_are_printed_above_the_bar(seen):
    _, shown, _ = seen
    lines = re.findall(rf"(?:^|\n|\r|{ESCAPE}\[2K)step +(\d+) +\d+ s  train [^\r\n]*\r\n", shown)
    assert lines == ["150", "300", "400"], "each from the beginning of a line to its end"


def test_lines_reach_a_file_while_the_bar_is_on_a_terminal(tmp_path):
    code, shown, printed = on_a_terminal(TRAIN, tmp_path, stdout_too=False, NO_COLOR="1")
    assert code == 0, shown
    assert re.findall(r"^step +(\d+) ", printed, flags=re.MULTILINE) == ["150", "300", "400"]
    assert "examples/s" in shown
    assert "examples/s" not in printed
    assert ESCAPE not in printed


def test_no_terminal_no_bar_and_no_escape_codes(tmp_path):
    result = process(*TRAIN, "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert [row["step"] for row in json.loads(result.stdout)["metrics"]] == [150, 300, 400]
    assert "step    150" in result.stderr
    assert "examples/s" not in result.stderr
    assert ESCAPE not in result.stdout + result.stderr


def test_the_time_left_of_what_is_resumed_follows_from_the_rest(monkeypatch, capsys):
    """Two fifths were done before; 20 of a hundred in 40 s leave 40 for 80 s."""
    clock = iter([0.0, 2.0, 42.0])
    monkeypatch.setattr(output.time, "monotonic", lambda: next(clock))
    update = output._ProgressLines("training").update
    update(40, 100, "")
    update(60, 100, "")
    assert capsys.readouterr().err.strip() == "training: 60 % in 42 s, 1.3 min left"


@pytest.mark.parametrize("no_color", ["", "1"])
def test_errors_are_red_on_a_terminal_unless_colors_are_disabled(tmp_path, no_color):
    code, shown, _ = on_a_terminal(["train", "--steps", "x"], tmp_path, NO_COLOR=no_color)
    assert code == 2
    assert "error: expected --steps to be a valid integer" in shown
    assert (f"{ESCAPE}[31m" in shown) == (not no_color)


def test_help_has_no_colors_if_they_are_disabled(tmp_path):
    color = re.compile(rf"{ESCAPE}\[(\d+;)*(3[0-7]|9[0-7])m")
    plain, colored = (on_a_terminal(["--help"], tmp_path, NO_COLOR=value)[1] for value in ("1", ""))
    assert "Exact autoregressive models" in plain
    assert color.search(colored)
    assert not color.search(plain)


@pytest.mark.parametrize("json", [[], ["--json"]], ids=str)
def test_a_closed_pipe_is_not_an_error(tmp_path, json):
    command = [SCRIPT, "order", "show", "raster", "--shape", "2,2", *json]
    running = subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    running.stdout.close()
    assert "rror" not in running.stderr.read()
    running.stderr.close()
    assert running.wait(timeout=60) == 1
