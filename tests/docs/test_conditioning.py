"""docs/conditioning.md: its example runs, and its options exist."""

import inspect
import re
from pathlib import Path
from typing import get_args

import pytest

import tensorar
from tensorar.conditioning import Conditioning
from tensorar.conditioning.ways import MAX_COMPLETIONS

PAGE = (Path(__file__).parents[2] / "docs" / "conditioning.md").read_text()


def test_the_example_runs(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(code.replace("28", "4"), {})
    assert capsys.readouterr().out.startswith("conditioning ")


@pytest.mark.parametrize("way", get_args(Conditioning))
def test_every_way_is_described(way):
    assert f"| `{way}`" in PAGE
    assert f"{MAX_COMPLETIONS} completions" in PAGE


@pytest.mark.parametrize("function", ["sample", "log_marginal", "log_conditional"])
def test_functions_take_the_options(function):
    options = inspect.signature(getattr(tensorar.AutoregressiveModel, function)).parameters
    assert {"conditioning", "particles", "proposal"} <= options.keys()
