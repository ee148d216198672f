"""``tensorar plugins check``: the result of every check, counterexamples in words, exit code 1 if one fails."""

import json
import re

import pytest

from .commands import ESCAPE, PLUGIN, call, done, process, refused, report

BROKEN = """
from tests.testing.broken.{module} import {part}
import tensorar


@tensorar.hookimpl
def tensorar_{kind}s():
    return [{part}]
"""


def broken(tmp_path, kind, module, part):
    (tmp_path / "broken.py").write_text(BROKEN.format(kind=kind, module=module, part=part))
    return tmp_path / "broken.py"


def test_a_correct_part_passes_every_check():
    result = report("plugins", "check", "raster:flip=0", "--shape", "2,3")
    assert {row["part"] for row in result["checks"]} == {"raster"}
    assert {row["kind"] for row in result["checks"]} == {"ordering"}
    assert all(row["status"] in ("passed", "skipped") and row["seconds"] >= 0 for row in result["checks"])
    assert "permutation" in {row["check"] for row in result["checks"]}


def test_all_parts_of_a_file_are_checked():
    shown = done("plugins", "check", PLUGIN).stdout.splitlines()
    assert shown[0].split() == ["part", "check", "result", "seconds", "reason"]
    parts = {tuple(line.split()[:2]) for line in shown[1:-1]}
    assert parts == {("ordering", "backwards"), ("head", "coin"), ("dataset", "stripes")}
    assert re.fullmatch(rf"{len(shown) - 2} checks: \d+ passed, 0 failed, \d+ skipped", shown[-1])


def test_a_failure_is_reported_in_words_with_exit_code_1(tmp_path):
    result = call("plugins", "check", broken(tmp_path, "backbone", "masks", "TransposedMask"), "--shape", "2")
    assert result.exit_code == 1
    assert result.stderr == ""
    (line,) = [line for line in result.stdout.splitlines() if " no_leak_by_value " in line]
    assert line.split()[:4] == ["backbone", "lines", "no_leak_by_value", "failed"]
    assert line.rstrip().endswith(
        "the conditional of coefficient (0,), visited at step 0, changed when coefficient (1,), visited at step 1,"
        " changed (shape (2,), ordering 0 1, head coin)"
    )
    assert " 0 failed" not in result.stdout.splitlines()[-1]


def test_json_has_one_object_for_each_check(tmp_path):
    result = call(
        "plugins", "check", broken(tmp_path, "ordering", "orderings", "RepeatsAnIndex"), "--shape", "3", "--json"
    )
    assert result.exit_code == 1
    rows = json.loads(result.stdout)["checks"]
    assert all(set(row) == {"part", "kind", "check", "status", "reason", "seconds"} for row in rows)
    assert {(row["kind"], row["part"]) for row in rows} == {("ordering", "backwards")}
    assert all((row["status"] == "passed") == (row["reason"] is None) for row in rows)
    message = {row["check"]: row["reason"] for row in rows}
    assert "visited 0 times" in message["permutation"]


EXPECTED = "uniform_as_declared=its shuffle is a quick one"


def test_an_expected_failure_has_its_own_status_and_exit_code_0(tmp_path):
    file = broken(tmp_path, "ordering", "orderings", "NotUniform")
    arguments = ("plugins", "check", file)
    shown = done(*arguments, "--expect", EXPECTED).stdout.splitlines()
    (line,) = [line for line in shown if " uniform_as_declared " in line]
    assert "expected failure" in line and line.rstrip().endswith("its shuffle is a quick one")
    assert re.fullmatch(r"\d+ checks: \d+ passed, 0 failed, 1 expected failure", shown[-1])
    result = report(*arguments, "--expect", EXPECTED)
    assert result["counts"]["expected_failure"] == 1
    assert sum(result["counts"].values()) == len(result["checks"])
    (row,) = [row for row in result["checks"] if row["check"] == "uniform_as_declared"]
    assert (row["status"], row["reason"]) == ("expected_failure", "its shuffle is a quick one")


def test_an_expected_failure_that_passes_has_exit_code_1():
    result = call("plugins", "check", "raster", "--shape", "2,3", "--expect", "permutation=it visits nothing")
    assert result.exit_code == 1
    (line,) = [line for line in result.stdout.splitlines() if " permutation " in line]
    assert line.split()[3] == "failed"
    assert "permutation passed although expected to fail: it visits nothing" in line


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        (["permutation="], "NAME=REASON"),
        (["permutation= "], "NAME=REASON"),
        (["permutation"], "NAME=REASON"),
        (["=a reason"], "NAME=REASON"),
        (["permutation=one", "permutation=two"], "once for a check"),
        (["permutations=a reason"], "did you mean 'permutation'"),
    ],
)
def test_invalid_expectations_are_refused(expect, message):
    options = [word for text in expect for word in ("--expect", text)]
    assert message in refused(call("plugins", "check", "raster", *options))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no_such"], "'no_such'"),
        (["einops"], "pattern"),
        (["categorical:levels=1"], "levels"),
        (["categorical:level=3"], "did you mean 'levels'"),
        (["toy-fvsbn"], "the recipe 'toy-fvsbn'"),
        (["missing.py"], "missing.py"),
        (["empty.py"], "empty.py"),
        (["fails.py"], "NameError"),
        (["raster", "--shape", "2,y"], "--shape"),
    ],
)
def test_invalid_parts_are_reported_in_one_line(arguments, message, tmp_path):
    (tmp_path / "empty.py").write_text("import tensorar\n\n@tensorar.hookimpl\ndef tensorar_heads():\n    return []\n")
    (tmp_path / "fails.py").write_text("no_such_name\n")
    assert message in refused(call("plugins", "check", *arguments))


def test_as_a_process_it_writes_no_files_and_no_colors_to_a_pipe(tmp_path):
    result = process("plugins", "check", "bernoulli", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert list(tmp_path.iterdir()) == []
    assert ESCAPE not in result.stdout + result.stderr


def test_without_hypothesis_the_error_says_how_to_install_it(tmp_path):
    (tmp_path / "hypothesis.py").write_text("raise ImportError('none here')")
    message = refused(process("plugins", "check", "bernoulli", cwd=tmp_path, PYTHONPATH=str(tmp_path)))
    assert "pip install 'tensorar[test]'" in message
