"""What opening a run's table of 100 MB takes, in processor seconds: parsing it, and reading the numbers that were kept.

Run: python tests/benchmarks/bench_parsed_table.py
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import pandas

from tensorar.runs.parsed import FILE, keep_parsed, with_parsed
from tensorar_plugins.datasets.table import Table

ROWS = 1_000_000


def write_table(path: Path) -> None:
    """A million rows of categories, numbers and dates."""
    chance = np.random.default_rng(0)
    rank = chance.integers(1, 4, ROWS)
    days = pandas.to_timedelta(chance.integers(0, 100, ROWS), unit="D")
    columns = {
        "sex": chance.choice(["female", "male"], ROWS),
        "class": rank,
        "age": (50 - 8 * rank + chance.normal(0, 5, ROWS)).round(1),
        "port": chance.choice(["Cherbourg", "Queenstown", "Southampton"], ROWS),
        "booked": pandas.Timestamp("1912-01-01") + days,
        **{f"x{i}": (rank + chance.normal(size=ROWS)).round(5) for i in range(8)},
    }
    pandas.DataFrame(columns).to_csv(path, index=False)


def main() -> None:
    """Write the table, measure, print."""
    with tempfile.TemporaryDirectory() as name:
        folder, path = Path(name), Path(name) / "table.csv"
        write_table(path)
        print(f"the table: {path.stat().st_size / 1e6:.0f} MB")
        started = time.process_time()
        dataset = Table(path=path)
        rows = len(dataset.train)
        print(f"parsed: {time.process_time() - started:.1f} s")
        keep_parsed(folder, dataset, dataset.schema_document)
        print(f"kept: {(folder / FILE).stat().st_size / 1e6:.0f} MB")
        started = time.process_time()
        assert len(with_parsed(folder, Table(path=path), dataset.schema_document).train) == rows
        print(f"opened: {time.process_time() - started:.1f} s")


if __name__ == "__main__":
    main()
