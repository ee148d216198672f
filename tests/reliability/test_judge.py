"""The judge of trials finds what it is for, and nothing else."""

import pytest

from .fuzzing.judge import MEGABYTE, judge
from .fuzzing.processes import Outcome

LINE = "error: expected a shape, got 'x'; write 1,2\n"


def outcome(**changed):
    values = {"arguments": ["sample", "run"], "code": 0, "out": "done\n", "err": "", "seconds": 0.1, "peak": MEGABYTE}
    return Outcome(**values | changed)


REFUSED = {"code": 2, "out": "", "err": LINE}
SERVED = {"arguments": ["serve", "run"], "code": 0, "out": "1 run at http://127.0.0.1:80/x/\nstopped\n", "stopped": 15}
FAULTS = {
    "exit code 1": {"code": 1},
    "exit code -11": {"code": -11},
    "traceback": REFUSED | {"err": "Traceback (most recent call last):\n" + LINE},
    "more than one line": REFUSED | {"err": "note\n" + LINE},
    "internal error": REFUSED | {"err": "error: internal error, expected x, got y; z\n"},
    "no line: expected, got, remedy": REFUSED | {"err": "error: no\n"},
    "control characters": REFUSED | {"err": LINE.replace("'x'", "\x1b[31m")},
    "a line of more than 2000 characters": REFUSED | {"err": LINE.replace("'x'", "x" * 3000)},
    "output beside the error": REFUSED | {"out": "done\n"},
    "late refusal": REFUSED | {"seconds": 30},
    "files after a refusal": REFUSED | {"changes": {"new": ["x"]}},
    "hidden files": {"changes": {"new": ["run/.model.safetensors.x"]}},
    "a run is changed": {"changes": {"changed": ["run/model.safetensors"]}},
    "files are gone": {"changes": {"gone": ["x"]}},
    "warning": {"err": "x.py:3: UserWarning: no\n"},
    "a result that is not finite": {"out": "nats per event  nan ± inf\n"},
    "no single JSON object": {"arguments": ["sample", "--json"], "out": "NaN\n"},
    "an error line beside exit code 0": {"err": LINE},
    "does not end": {"code": -15, "stopped": 15},
    "does not stop": {"code": -9, "stopped": 9},
    "exit code 143 after SIGTERM": SERVED | {"code": 143},
    "more than 1500 MB of memory": {"peak": 1600 * MEGABYTE},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault):
    assert fault in judge(outcome(**FAULTS[fault])).faults


RIGHT = {
    "worked": {"out": "infinite x_nan file-inf.npy\n"},
    "refused": REFUSED,
    "stopped": {"code": 143, "stopped": 15, "out": "training mlp on toy in runs/toy\n"},
}


def test_a_page_is_served_until_it_is_stopped():
    assert judge(outcome(**SERVED)).kind == "stopped"
    assert "does not end" in judge(outcome(**SERVED | {"arguments": ["show", "run"]})).faults


@pytest.mark.parametrize("kind", RIGHT)
def test_a_right_end_is_not_a_fault(kind):
    assert judge(outcome(**RIGHT[kind])).kind == kind


def test_a_training_that_began_may_leave_its_run_and_its_output():
    began = REFUSED | {"out": "training mlp on toy in runs/toy\n", "changes": {"new": ["runs/toy"]}, "seconds": 100}
    assert judge(outcome(**began)).kind == "refused"
