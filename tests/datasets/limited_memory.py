"""Load datasets in a process whose memory is limited: python -m tests.datasets.limited_memory, cases as JSON on stdin.

A case is a spec and how many bytes loading it may take; the answer is the number of events, or the error.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

from tensorar import DataError, load_dataset


def outcome(spec, limit):
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
    try:
        splits = load_dataset(spec).load()
        return sum(map(len, (splits.train, splits.valid, splits.test)))
    except DataError as error:
        return str(error)
    except Exception as error:
        return repr(error)


if __name__ == "__main__":
    json.dump([outcome(*case) for case in json.load(sys.stdin)], sys.stdout)
