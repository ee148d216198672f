"""The Python of docs/how-to/serve.md: a question over HTTP has the model's answer."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
import torch

from tensorar import Evidence, Run
from tensorar.workflows.explore import Shelf
from tensorar_web.server import PageServer

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "serve.md").read_text()


def test_the_function_on_the_page_asks(runs):
    names = {}
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(code, names)
    server = PageServer(Shelf(runs / "bits", "cpu"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        found = names["ask"](server.url, "predict", values=[None] * 16, coefficient=0)
    finally:
        server.stop()
        thread.join(10)
    first = Run.open(runs / "bits").model.conditional(Evidence.none(1, (4, 4)))
    assert found["values"] == [0, 1]
    assert found["log_prob"] == pytest.approx(first.log_prob(torch.tensor([[0.0], [1.0]])).flatten().tolist(), abs=1e-3)
