"""Damaged metrics: refused in one line, and read in little memory."""

import json
import tracemalloc

import pytest

from tensorar import RunError
from tensorar.runs.metrics import MAX_LINE_BYTES

from .helpers import metrics_row, opened, resume

ROWS = {
    "no JSON": (b"{\n", "a JSON object in line 2 of .*, got "),
    "a number": (b"3\n", "a JSON object in line 2 of .*, got 3"),
    "deep": (b"[" * 2000 + b"\n", "line 2 of"),
    "not a step": (metrics_row(-1), "step in line 2 of .* to be an integer from 1"),
    "a boolean step": (metrics_row(True), "step in line 2 of .* got True"),
    "the same step": (metrics_row(2), "a step after 2 in line 2 of .*, got 2"),
    "NaN": (
        metrics_row(3, valid_nats=float("nan")),
        "valid_nats in line 2 of .* to be a finite number or null, got nan",
    ),
    "text": (metrics_row(3, train_nats="1"), "train_nats in line 2 of"),
    "a number for exact": (metrics_row(3, valid_exact=1), "valid_exact in line 2 of .* to be true or false, got 1"),
    "an unknown field": (metrics_row(3, loss=1.0), "a field of line 2 of .*, got 'loss'"),
    "long": (b"\0" * 100_000, "a JSON object in line 2 of"),
}


@pytest.mark.parametrize("case", ROWS)
def test_damaged_metrics(interrupted, case):
    row, message = ROWS[case]
    line = row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n"
    whole = json.dumps(metrics_row(2)).encode() + b"\n" + line + json.dumps(metrics_row(4)).encode() + b"\n"
    (interrupted / "metrics.jsonl").write_bytes(whole)
    with pytest.raises(RunError, match=message) as error:
        _ = opened(interrupted).metrics()
    assert len(str(error.value)) < 700
    with pytest.raises(RunError, match=message):
        resume(interrupted)
    assert (interrupted / "metrics.jsonl").read_bytes() == whole


def test_metrics_without_end_take_little_memory(interrupted):
    with (interrupted / "metrics.jsonl").open("wb") as file:
        file.truncate(10**9)
    tracemalloc.start()
    with pytest.raises(RunError, match="a JSON object in line 1 of"):
        opened(interrupted).metrics()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100 * MAX_LINE_BYTES
