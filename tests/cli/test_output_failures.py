"""Output that cannot be printed: everything is computed and written, and the end is explained."""

import errno
import io
import os
import subprocess
import sys

import pytest

from tensorar_cli.streams import SPELLED, LastingStream, visible

from .commands import environment

ORDER = ["order", "show", "raster", "--shape", "2,3"]
EXPLAINED = "note: standard output failed ({reason}); the command itself was completed\n"


def shell(redirection, cwd, *arguments, **changed):
    """Run a command with its output redirected by a shell."""
    line = f'"$0" -W error -m tensorar_cli "$@" {redirection}'
    command = ["bash", "-o", "pipefail", "-c", line, sys.executable, *(arguments or ORDER)]
    env = environment(**changed)
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, errors="replace", timeout=120)


@pytest.mark.parametrize(
    ("redirection", "reason"),
    [(">&-", "it is closed"), (">/dev/full", os.strerror(errno.ENOSPC)), ("| true", os.strerror(errno.EPIPE))],
)
def test_output_that_fails(redirection, reason, tmp_path):
    result = shell(redirection, tmp_path)
    assert (result.returncode, result.stderr) == (1, EXPLAINED.format(reason=reason))
    assert (tmp_path / "order-raster-2x3.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["--version"]])
def test_output_of_the_application_itself_that_fails_in_ascii(arguments, tmp_path):
    result = shell("| true", tmp_path, *arguments, PYTHONIOENCODING="ascii")
    assert (result.returncode, result.stderr) == (1, EXPLAINED.format(reason=os.strerror(errno.EPIPE)))


def test_a_result_that_fails(tmp_path):
    result = shell(">/dev/full", tmp_path, *ORDER, "--json")
    assert result.returncode == 1
    assert result.stderr.endswith(EXPLAINED.format(reason=os.strerror(errno.ENOSPC)))


def test_all_streams_closed(tmp_path):
    result = shell("<&- >&- 2>&-", tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (1, "", "")
    assert (tmp_path / "order-raster-2x3.png").read_bytes().startswith(b"\x89PNG")


def test_errors_with_closed_streams(tmp_path):
    assert shell(">&-", tmp_path, "order", "show", "no", "--shape", "2").stderr.startswith("error: expected the name")
    assert shell("2>&-", tmp_path, "train", "").returncode == 2


def test_training_goes_on_when_its_reader_leaves(tmp_path):
    train = ["train", "toy:length=8,fixed=40", "--backbone", "mlp:hidden=8", "--device", "cpu", "--steps", "30"]
    train += ["--set", "valid_events=20", "--set", "evaluate_every=10", "--out", "run"]
    result = shell("| head -1", tmp_path, *train)
    assert result.returncode == 1
    assert result.stderr == EXPLAINED.format(reason=os.strerror(errno.EPIPE))
    assert (tmp_path / "run" / "training.png").is_file()
    assert (tmp_path / "run" / "metrics.jsonl").read_text().count("\n") == 3


def test_output_in_ascii(tmp_path):
    (tmp_path / "ünï\u202e.py").write_text("import tensorar\nbroken\n", encoding="utf-8")
    result = shell("", tmp_path, "plugins", "list", "--plugin", "ünï\u202e.py", PYTHONIOENCODING="ascii")
    assert result.returncode == 2
    assert r"\xfcn\xef\u202e.py to be an importable plugin, got NameError" in result.stderr
    assert "Usage" in shell("", tmp_path, "--help", PYTHONIOENCODING="ascii").stdout


def test_characters_that_an_encoding_lacks_are_spelled():
    raw = io.BytesIO()
    stream = LastingStream(io.TextIOWrapper(raw, encoding="ascii"))
    assert stream.write("1 ± 2 é \ud800") == 9
    stream.flush()
    assert raw.getvalue() == rb"1 +- 2 \xe9 \ud800"
    assert "é".encode("ascii", SPELLED) == rb"\xe9"


class _Failing(io.StringIO):
    def write(self, text):
        raise OSError(errno.EIO, "gone")


def test_a_stream_that_fails_once_is_left_alone():
    stream = LastingStream(_Failing())
    for _ in range(2):
        assert stream.write("text") == 4
        stream.flush()
    assert stream.error.errno == errno.EIO
    closed = io.StringIO()
    closed.close()
    assert LastingStream(closed).write("x") == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é ± ∑", "plain é ± ∑"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("a\u202eb\u2066c", r"a\u202eb\u2066c"),
        ("two\nlines\r\x85\u2028", r"two\nlines\r\x85\u2028"),
        ("\udcff\x9b1m\x7f", r"\udcff\x9b1m\x7f"),
    ],
)
def test_what_a_terminal_would_interpret_is_written_out(text, shown):
    assert visible(text) == shown
    assert visible(shown) == shown
