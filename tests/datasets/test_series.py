"""Series: windows are cut after the split in time, times are found and continued, defects are one-line errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from tensorar import SpecError
from tensorar_plugins.datasets.series import Series
from tests.datasets.data_errors import check_error


def write(folder, table, **options):
    table.to_csv(folder / "x.csv", index=False, **options)
    return folder / "x.csv"


def daily(count=50, **columns):
    columns = columns or {"t": np.arange(count) + 0.5}
    return pd.DataFrame({"day": pd.date_range("2020-01-30", periods=count).strftime("%Y-%m-%d"), **columns})


def test_windows_of_a_split_hold_its_steps_only(tmp_path):
    data = Series(path=write(tmp_path, daily()), window=3, valid_fraction=0.2, test_fraction=0.2)
    steps = [set((part.flatten() - 0.5).int().tolist()) for part in (data.train, data.valid, data.test)]
    assert steps == [set(range(30)), set(range(30, 40)), set(range(40, 50))]
    assert torch.equal(data.train[4] - 0.5, torch.tensor([4.0, 5, 6], dtype=torch.float64))
    assert data.axes == ("time",)


def test_windows_begin_at_multiples_of_the_stride_in_all_splits(tmp_path):
    data = Series(path=write(tmp_path, daily(60)), window=8, stride=4, valid_fraction=0.25, test_fraction=0.25)
    firsts = torch.cat([part[:, 0] for part in (data.train, data.valid, data.test)]) - 0.5
    assert (firsts % 4 == 0).all() and len(firsts) == 7 + 2 + 3


def test_several_columns_are_the_second_axis(tmp_path):
    path = write(tmp_path, daily(a=np.arange(50) % 2, b=np.arange(50), name=["x"] * 50))
    data = Series(path=path, window=4, columns="b, a")
    assert data.event_shape == (4, 2) and data.axes == ("time", "variable")
    assert data.series().variables == ("b", "a")
    assert data.train[3].tolist() == [[3, 1], [4, 0], [5, 1], [6, 0]]
    check_error(lambda: Series(path=path, window=4).train, "numbers in the column name", "x in row 1", "columns=")
    check_error(lambda: Series(path=path, window=4, columns="c").train, "a column c in", "day, a, b, name")


def test_arrays_keep_their_dtype_and_frames(tmp_path):
    roll = np.random.default_rng(0).integers(0, 2, (50, 8), dtype=np.uint8)
    np.save(tmp_path / "roll.npy", roll)
    data = Series(path=tmp_path / "roll.npy", window=4)
    assert data.train.dtype == torch.uint8 and data.event_shape == (4, 8)
    assert np.array_equal(data.train[1], roll[1:5])
    assert data.suggested_head is None
    check_error(lambda: Series(path=tmp_path / "roll.npy", columns="a").train, "no columns for the array")


def test_the_place_in_a_period_is_the_context(tmp_path):
    """A day of 24 hours: windows that begin at the same hour have the same context, those twelve hours later its
    opposite; windows that are left out have none."""
    hours = pd.date_range("2024-02-20 06:00", periods=300, freq="h")
    table = pd.DataFrame({"hour": hours, "x": np.arange(300)}).drop(index=100)
    data = Series(path=write(tmp_path, table), window=5, period=24)
    train = data.contexts.train
    assert train.shape == (len(data.train), 2) and data.contexts.test.shape[0] == len(data.test)
    assert torch.allclose(train[0], torch.tensor([1.0, 0]))
    assert torch.allclose(train[24], train[0], atol=1e-6) and torch.allclose(train[12], -train[0], atol=1e-6)
    for event, context in zip(data.test, data.contexts.test, strict=True):
        assert torch.allclose(context, data.context_at(int(event[0])), atol=1e-5)
    for event, context in zip(data.train, train, strict=True):
        assert torch.allclose(context, data.context_at(int(event[0])), atol=1e-5)


@pytest.mark.parametrize(("first", "start"), [("2020-02-09", 10), ("2020-01-20", -10)])
def test_another_file_begins_so_many_steps_later(tmp_path, first, start):
    data = Series(path=write(tmp_path, daily()), window=3)
    dates = pd.date_range(first, periods=5).strftime("%Y-%m-%d")
    pd.DataFrame({"day": dates, "t": 0.5}).to_csv(tmp_path / "other.csv", index=False)
    assert data.series(tmp_path / "other.csv").start == start
    pd.DataFrame({"t": np.arange(5)}).to_csv(tmp_path / "other.csv", index=False)
    assert data.series(tmp_path / "other.csv").start is None
    assert data.series().start == 0


# --- times -----------------------------------------------------------------------------------------------------------

DATES = {
    "days": (pd.date_range("2020-02-27", periods=40), "%Y-%m-%d", "a step of 1 day", "2020-04-07"),
    "day first": (pd.date_range("2020-02-01", periods=40), "%d/%m/%Y", "a step of 1 day", "12/03/2020"),
    "month first": (pd.date_range("2020-02-01", periods=40), "%m/%d/%Y", "a step of 1 day", "03/12/2020"),
    "hours": (pd.date_range("2020-02-28 05:00", periods=40, freq="h"), "%Y-%m-%d %H:%M", "1 hour", "2020-02-29 21:00"),
    "months": (pd.date_range("2020-01", periods=40, freq="MS"), "%Y-%m", "1 month", "2023-05"),
    "quarters": (pd.date_range("2020-01", periods=40, freq="QS").to_period("Q"), "%YQ%q", "1 quarter", "2030Q1"),
    "ends": (pd.date_range("2020-01", periods=40, freq="ME"), "%Y-%m-%d", "1 month", "2023-05-31"),
    "work": (pd.date_range("2020-02-03", periods=40, freq="B"), "%d.%m.%Y", "1 working day", "30.03.2020"),
    "weeks": (pd.date_range("2020-02-05", periods=40, freq="7D"), "%Y/%m/%d", "7 days", "2020/11/11"),
    "zone": (pd.date_range("2020-02-27", periods=40, freq="15min", tz="UTC"), "%Y-%m-%dT%H:%M:%S%z", "15 minutes", ""),
}


@pytest.mark.parametrize("case", DATES)
def test_dates_are_found_and_continued_as_they_are_written(tmp_path, case):
    dates, written_as, step, following = DATES[case]
    path = write(tmp_path, pd.DataFrame({"when": dates.strftime(written_as), "x": np.arange(40) / 3}))
    series = Series(path=path, window=3).series()
    assert series.variables == ("x",) and len(series) == 40
    assert step in str(series.times)
    assert series.times.written(series.times.at(0, 40)) == list(dates.strftime(written_as))
    (after,) = series.times.written(series.times.at(40, 1))
    assert after == (following or "2020-02-27T10:00:00+0000")


def test_offsets_of_zones_are_written_as_in_the_file(tmp_path):
    hours = pd.date_range("2024-01-30", periods=12, freq="h", tz="Europe/Berlin")
    pd.DataFrame({"x": 0.5}, index=hours.rename("hour")).to_csv(tmp_path / "x.csv")
    times = Series(path=tmp_path / "x.csv", window=3).series().times
    assert times.written(times.at(12, 1)) == ["2024-01-30 12:00:00+01:00"]


def test_local_hours_go_through_the_change_of_the_clock(tmp_path):
    hours = pd.date_range("2024-03-30", periods=60, freq="h", tz="Europe/Berlin")
    path = write(tmp_path, pd.DataFrame({"hour": [hour.isoformat() for hour in hours], "x": 0.5}))
    series = Series(path=path, window=3).series()
    assert len(series) == 60 and "1 hour" in str(series.times)
    (after,) = series.times.written(series.times.at(60, 1))
    assert pd.Timestamp(after) == hours[-1] + pd.Timedelta(hours=1)


@pytest.mark.parametrize(("name", "numbers", "after"), [
    ("year", np.arange(1950, 1990), "1990"),
    ("t", 0.1 * np.arange(40), "4"),
    ("Unnamed: 0", np.arange(40), "40"),
    ("minute", 5 * np.arange(40), "200"),
])  # fmt: skip
def test_columns_that_count_are_times(tmp_path, name, numbers, after):
    series = Series(path=write(tmp_path, pd.DataFrame({name: numbers, "x": np.arange(40) % 7})), window=3).series()
    assert series.variables == ("x",) and series.times.name == name
    assert series.times.written(series.times.at(40, 1)) == [after]


def test_rows_without_times_are_counted(tmp_path):
    series = Series(path=write(tmp_path, pd.DataFrame({"x": np.arange(40), "y": 0.0})), window=3, columns="x").series()
    assert series.times.name == "step" and series.times.written(series.times.at(40, 2)) == ["40", "41"]


def test_numbers_of_four_digits_are_no_years_unless_they_are_regular(tmp_path):
    pressures = [1013, 1009, 1013, 1021, 1017] * 10
    pd.DataFrame({"pressure": pressures, "day": daily()["day"]}).to_csv(tmp_path / "a.csv", index=False)
    series = Series(path=tmp_path / "a.csv", window=4).series()
    assert series.values.tolist() == pressures and series.times.name == "day"


def test_rows_are_put_in_the_order_of_their_times(tmp_path):
    data = Series(path=write(tmp_path, daily()[::-1]), window=3)
    assert data.series().values.tolist() == (np.arange(50) + 0.5).tolist()


def test_no_window_crosses_an_absent_step_unless_it_is_missing(tmp_path):
    path = write(tmp_path, daily().drop(index=10))
    data = Series(path=path, window=3)
    assert len(data.train) == 40 - 2 - 3 and not data.train.isnan().any()
    assert "1 of 50 steps, so that no window crosses them" in data.notes[1]
    data = Series(path=path, window=3, missing=True)
    assert len(data.train) == 40 - 2 and data.train.isnan().sum() == 3
    assert "1 of 50 steps, taken as missing values" in data.notes[1]


def test_tables_of_other_programs(tmp_path):
    """A spreadsheet in Europe, Excel and Parquet give the same series, dates in the form of each."""
    dates, values = pd.date_range("2024-03-01", periods=40), np.arange(40) / 4
    pd.DataFrame({"Tag": dates.strftime("%d.%m.%Y"), "x": values}).to_csv(
        tmp_path / "x.csv", sep=";", decimal=",", index=False
    )
    table = pd.DataFrame({"Tag": dates, "x": values})
    table.to_excel(tmp_path / "x.xlsx", index=False)
    table.to_parquet(tmp_path / "x.parquet")
    for name, following in (("x.csv", "10.04.2024"), ("x.xlsx", "2024-04-10"), ("x.parquet", "2024-04-10")):
        series = Series(path=tmp_path / name, window=3).series()
        assert series.values.tolist() == values.tolist()
        assert series.times.written(series.times.at(40, 1)) == [following]
    assert series.form.suffix == ".parquet"


@pytest.mark.parametrize("missing", [False, True])
def test_empty_rows_are_steps_only_within_a_series_without_times(tmp_path, missing):
    table = daily()
    text = table.to_csv(index=False).splitlines()
    (tmp_path / "x.csv").write_text("\n".join([*text[:9], ",", *text[9:], ",", ","]) + "\n")
    timed = Series(path=tmp_path / "x.csv", window=3, missing=missing)
    assert timed.series().values.tolist() == table["t"].tolist()
    assert "3 empty rows left out" in timed.notes
    rows = pd.DataFrame({"a": table["t"] ** 2, "b": -table["t"]}).to_csv(index=False).splitlines()
    (tmp_path / "y.csv").write_text("\n".join([*rows[:9], ",", *rows[9:], ",", ","]) + "\n")
    counted = Series(path=tmp_path / "y.csv", window=3, missing=missing)
    if not missing:
        check_error(lambda: counted.train, "a missing value at step 8")
        return
    values = counted.series().values
    assert len(values) == len(table) + 1 and values[8].isnan().all() and values.isnan().sum() == 2
    assert "2 empty rows left out" in counted.notes


# --- errors ----------------------------------------------------------------------------------------------------------


def blank(table):
    table = table.astype({"t": object})
    table.loc[7, "t"] = None
    return table


@pytest.mark.parametrize(("table", "options", "words"), [
    (blank(daily()), {}, ["a number at every step", "a missing value at day 2020-02-06", "missing=true"]),
    (daily().drop(index=range(5, 30)), {}, ["regularly spaced times in the column day", "26 days", "resample"]),
    (pd.concat([daily(), daily()]), {}, ["regularly spaced", "2020-01-30", "twice"]),
    (daily(), {"window": 6}, ["at least 6 steps, a window, in each split", "40, 5 and 5 steps", "smaller window"]),
    (daily()[:1], {}, ["regularly spaced times in the column day", "2020-01-30 00:00:00 only"]),
    (daily(year=2000, t=range(50))[["year", "t"]], {}, ["regularly spaced times in the column year", "twice"]),
    (daily()[:0], {}, ["rows in", "none"]),
    (daily()[["day"]], {}, ["a column of numbers", "day"]),
    (daily(t=["x"] * 50), {}, ["numbers in the column t", "x in row 1"]),
])  # fmt: skip
def test_tables_that_are_no_series(tmp_path, table, options, words):
    path = write(tmp_path, table)
    check_error(lambda: Series(path=path, **{"window": 3, **options}).train, *words)


def test_options_are_checked_before_the_file_is_read():
    for options in ({"window": 2, "stride": 3}, {"stride": 0}, {"period": 1}, {"valid_fraction": 1.0}):
        check_error(lambda options=options: Series(path="no", **options), "series", kind=SpecError)
    check_error(lambda: Series(path="no.csv").train, "no.csv to be a table")
