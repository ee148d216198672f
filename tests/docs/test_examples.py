"""Every example runs and prints what it should."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.slow
def test_examples_run_as_scripts(example, tmp_path):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example)], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "nats" in done.stdout or "likelihood" in done.stdout


def test_the_inpainting_example_in_a_few_steps(tmp_path, capsys):
    namespace = _load("inpainting")
    namespace["main"](tmp_path, steps=3)
    assert (tmp_path / "crosses.png").stat().st_size > 1000
    assert "4.16 nats" in capsys.readouterr().out


def test_the_table_example_in_a_few_steps(capsys):
    _load("table")["main"](steps=3)
    assert "anomalous rows" in capsys.readouterr().out


def _load(name):
    namespace = {"__name__": name}
    exec((ROOT / "examples" / f"{name}.py").read_text(), namespace)
    return namespace
