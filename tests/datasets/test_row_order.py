"""A table that is a series is said to be one."""

import pandas
import pytest

from tensorar import load_dataset

TEMPERATURES = [12.5, 13.0, 11.25, 9.5, 10.0, 14.5, 15.25, 13.75, 12.0, 11.5, 8.5, 9.25] * 3
TIMES = {
    "days": (pandas.date_range("2020-01-01", periods=36, freq="D"), True),
    "months": (pandas.date_range("2020-01-01", periods=36, freq="MS"), True),
    "the latest first": (pandas.date_range("2020-01-01", periods=36, freq="D")[::-1], True),
    "in no order": (pandas.to_datetime([f"2020-{1 + 5 * i % 12:02}-{1 + i // 12:02}" for i in range(36)]), False),
    "at any times": (pandas.Timestamp("2020-01-01") + pandas.to_timedelta([i * i for i in range(36)], unit="D"), False),
}


@pytest.mark.parametrize("name", TIMES)
def test_a_table_of_regular_times_names_the_dataset_of_series(tmp_path, name):
    times, is_series = TIMES[name]
    path = tmp_path / "x.csv"
    pandas.DataFrame({"day": times, "t": TEMPERATURES}).to_csv(path, index=False)
    notes = [note for note in load_dataset(str(path)).notes if "series" in note]
    line = "the times of day are steps of a series, but rows are modelled one by one; for forecasts: series:path="
    assert notes == ([f"{line}{path}"] if is_series else [])


def test_the_named_dataset_reads_it(tmp_path):
    path = tmp_path / "x.csv"
    pandas.DataFrame({"day": pandas.date_range("2020-01-01", periods=700), "t": range(700)}).to_csv(path, index=False)
    note = next(note for note in load_dataset(str(path)).notes if "series" in note)
    assert len(load_dataset(note.rsplit(": ", 1)[1]).train) > 0
