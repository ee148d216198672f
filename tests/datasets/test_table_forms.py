"""Tables come back in the form of their file: types, sheets, numbers as people write them, dates and times in zones."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from datetime import datetime

import numpy as np
import openpyxl
import pandas
import pytest
import torch

from tensorar import DataError
from tensorar.tables import (
    FileForm,
    Schema,
    Wishes,
    check_table_path,
    date_readings,
    decode,
    encode,
    infer,
    read_table,
    style_of,
    write_table,
)
from tensorar.tables.dates import date_format_of, days_of, write_days
from tensorar_plugins.datasets.table import Table
from tensorar_plugins.datasets.time_axis import parse_dates
from tests.datasets.text_files import text


def test_tables_and_series_read_dates_alike():
    cells = np.array(["01/02/1990", "02/02/1990", "03/02/1990"], object)
    readings = list(date_readings(cells))
    assert [form for _, form in readings] == ["%m/%d/%Y", "%d/%m/%Y"]
    assert [str(dates[1].date()) for dates, _ in readings] == ["1990-02-02", "1990-02-02"]
    assert date_format_of(cells) == "%m/%d/%Y"
    assert parse_dates(pandas.Series(cells))[1] == "%d/%m/%Y", "which is regular"
    german = np.array(["01.02.1990", "02.02.1990", "03.02.1990"], object)
    assert date_format_of(german) == parse_dates(pandas.Series(german))[1] == "%d.%m.%Y"
    fine = np.array(["1990-01-02 10:00:00.5", "1990-01-02 10:00:01"], object)
    assert date_format_of(fine) == parse_dates(pandas.Series(fine))[1] == "%Y-%m-%d %H:%M:%S.%f"
    assert list(date_readings(np.array(["x"], object))) == list(date_readings(np.array([], object))) == []


PERIODS = {
    "%Y-%m": ["1990-01", "2001-10"],
    "%YM%m": ["1990M01", "2001M10"],
    "%b %Y": ["Jan 1990", "Oct 2001"],
    "%B %Y": ["January 1990", "October 2001"],
    "%YQ%q": ["1990Q1", "2001Q4"],
    "Q%q %Y": ["Q1 1990", "Q4 2001"],
}


@pytest.mark.parametrize("form", PERIODS)
def test_months_and_quarters_are_dates(form):
    cells = np.array(PERIODS[form], object)
    assert date_format_of(cells) == form
    days = days_of(cells, form)
    assert days_of(np.array(["x"], object), form).tolist() != days.tolist()
    assert days.tolist() == [(datetime(*start, 1) - datetime(1970, 1, 1)).days for start in ((1990, 1), (2001, 10))]
    assert write_days(days - 10, form).tolist() == write_days(days + 10, form).tolist() == cells.tolist()
    assert write_days(np.array([np.nan]), form).tolist() == [""]


@pytest.mark.parametrize("cells", [["1234-05", "1234-06"], ["2019-20", "2020-21"], ["1990Q5", "1990Q1"], ["Q1", "Q2"]])
def test_codes_and_seasons_are_no_months(cells):
    assert date_format_of(np.array(cells, object)) is None


def test_periods_of_pandas_come_back(tmp_path):
    frame = pandas.DataFrame({"at": pandas.period_range("1990Q1", periods=12, freq="Q"), "x": np.arange(12) / 4})
    frame.to_parquet(tmp_path / "p.parquet")
    table = read_table(tmp_path / "p.parquet")
    write_table(tmp_path / "again.parquet", table.frame, table.form)
    pandas.testing.assert_frame_equal(pandas.read_parquet(tmp_path / "again.parquet"), frame)
    write_table(tmp_path / "again.xlsx", table.frame, FileForm())
    assert pandas.read_excel(tmp_path / "again.xlsx")["at"].tolist() == table.frame["at"].tolist()


def test_empty_rows_are_kept_on_request(tmp_path):
    path = text(tmp_path, "a,b\n1.5,x\n,\n2.5,y\n,\n")
    assert len(read_table(path).frame) == 2 and len(read_table(path, empty_rows=True).frame) == 4
    pandas.DataFrame({"a": [1.5, None, 2.5], "b": ["x", None, "y"]}).to_excel(tmp_path / "e.xlsx", index=False)
    kept = read_table(tmp_path / "e.xlsx", empty_rows=True)
    assert kept.frame["a"].tolist() == ["1.5", "", "2.5"] and kept.notes == []


def test_what_is_written_has_the_form_of_the_file(tmp_path):
    content = ",a,a,b\n0,1.5,2.5,é\n1,2.5,3.5,x\n"
    for encoding, sep in (("cp1252", ","), ("utf-16", "\t"), ("utf-8-sig", ";")):
        path = text(tmp_path, content.replace(",", sep), encoding=encoding)
        table = read_table(path)
        write_table(tmp_path / "again.csv", table.frame, table.form)
        assert (tmp_path / "again.csv").read_bytes() == path.read_bytes()
    table.frame.iloc[0, 3] = "\u2603"
    write_table(tmp_path / "again.csv", table.frame, replace(table.form, encoding="cp1252"))
    assert read_table(tmp_path / "again.csv").frame.iloc[0, 3] == "\u2603"


def typed_frame(n=12):
    at = pandas.date_range("2020-03-28 12:00", periods=n, freq="h", tz="UTC", name="at")
    values = {
        "day": at.tz_localize(None).normalize(),
        "sure": np.arange(n) % 2 == 0,
        "place": pandas.Categorical(["Köln", "Genève", None] * (n // 3)),
        "zip": ["0801", "8001", "1015"] * (n // 3),
        "few": pandas.array([1, None, 3] * (n // 3), "Int64"),
        "small": np.arange(n, dtype=np.uint16) * 9,
        "half": np.arange(n, dtype=np.float32) / 2,
    }
    return pandas.DataFrame(values, index=at)


def test_columns_of_parquet_keep_their_types_and_its_index_is_a_column(tmp_path):
    frame = typed_frame()
    frame.to_parquet(tmp_path / "p.parquet")
    table = read_table(tmp_path / "p.parquet")
    write_table(tmp_path / "again.parquet", table.frame, table.form)
    expected = frame.reset_index()
    pandas.testing.assert_frame_equal(pandas.read_parquet(tmp_path / "again.parquet"), expected)
    write_table(tmp_path / "again.xlsx", table.frame, table.form)
    again = pandas.read_excel(tmp_path / "again.xlsx", dtype={"zip": str})
    assert again["day"].tolist() == expected["day"].tolist()
    assert again["zip"].tolist() == expected["zip"].tolist()
    frame.reset_index(drop=True).iloc[::2].to_parquet(tmp_path / "q.parquet")
    assert list(read_table(tmp_path / "q.parquet").frame.columns) == list(frame.columns)


@pytest.mark.parametrize(("text", "moment"), [("+01:00", "2024-01-05 11:00"), ("+02:00", "2024-01-05 10:00")])
def test_times_in_zones_of_text_are_moments_in_parquet_and_text_in_excel(tmp_path, text, moment):
    cells = [f"2024-01-05 12:00:00{text}", "2024-06-05 12:00:00+02:00", ""]
    frame = pandas.DataFrame({"at": cells}, dtype=object)
    write_table(tmp_path / "a.parquet", frame, FileForm())
    assert pandas.read_parquet(tmp_path / "a.parquet")["at"][0] == pandas.Timestamp(moment, tz="UTC")
    write_table(tmp_path / "a.xlsx", frame, FileForm())
    assert pandas.read_excel(tmp_path / "a.xlsx")["at"][0] == cells[0]


def test_types_that_do_not_fit_give_way(tmp_path):
    form = FileForm(types={"n": "uint16", "sure": "bool", "day": "datetime64[us]"})
    frame = pandas.DataFrame({"n": ["-1", "2"], "sure": ["True", ""], "day": ["2020-01-05", "?"]}, dtype=object)
    write_table(tmp_path / "a.parquet", frame, form)
    again = pandas.read_parquet(tmp_path / "a.parquet")
    assert [str(again[name].dtype) for name in ("n", "sure")] == ["Int64", "boolean"]
    assert again["day"].tolist() == ["2020-01-05", "?"]


def test_sheets_as_people_fill_them(tmp_path):
    book = openpyxl.Workbook()
    first, second = datetime(2020, 1, 5), datetime(2020, 2, 5)
    for row in (["People"], [None], ["a", "a", None, "day"], [1.5, "x", 3, first], [None], [2, "y", None, second]):
        book.active.append(row)
    book.create_sheet("other").append(["z"])
    book.save(tmp_path / "b.xlsx")
    table = read_table(tmp_path / "b.xlsx")
    cells = {"a": ["1.5", "2"], "a.1": ["x", "y"], "column 3": ["3", ""], "day": ["2020-01-05", "2020-02-05"]}
    assert table.frame.to_dict("list") == cells
    title = "left out above the table: People"
    numbered = "columns of the same name were numbered: a.1"
    assert table.notes == ["the first of 2 sheets: Sheet", "2 empty rows left out", title, numbered]
    write_table(tmp_path / "again.xlsx", table.frame, table.form)
    head, row, _ = openpyxl.load_workbook(tmp_path / "again.xlsx").active.values
    assert head == ("a", "a", None, "day")
    assert row == (1.5, "x", 3, first)


@pytest.mark.parametrize(
    ("cells", "kind", "levels"),
    [
        (["0801", "8001", "1015"], "category", ("0801", "1015", "8001")),
        (["0", "-0", "0.0"], "constant", ()),
        (["0", "-0", "1.50"], "bit", ("0", "1.50")),
        (["1", "1.0", "2"], "bit", ("1", "2")),
    ],
)
def test_texts_of_one_number_and_digits_that_are_no_number(tmp_path, cells, kind, levels):
    data = Table(path=text(tmp_path, "x,y\n" + "".join(f"{cell},{i / 4}\n" for i, cell in enumerate(cells * 10))))
    found = data.schema.find("x")
    assert (found.kind, found.levels) == (kind, levels)


@pytest.mark.parametrize(
    ("cells", "delimiter", "values"),
    [
        (["1,234.50", "999.00", "12,345,678.25"], ",", [1234.5, 999, 12345678.25]),
        (["1.234,50", "999,00", "12.345.678,25"], ";", [1234.5, 999, 12345678.25]),
        (["1,234", "12,345", "1,999"], ",", [1234, 12345, 1999]),
        (["1,234", "0,345", "1,999"], ";", [1.234, 0.345, 1.999]),
        (["1'234.50", "9.00", "2.25"], ",", [1234.5, 9, 2.25]),
        (["1\u202f234,50 €", "9,00 €", "2,25 €"], ";", [1234.5, 9, 2.25]),
        (["$1,234.50", "$9.00", "$-2.25"], ",", [1234.5, 9, -2.25]),
        (["12.5%", "3.0%", "0.2%"], ",", [12.5, 3, 0.2]),
    ],
)
def test_numbers_as_people_write_them(tmp_path, cells, delimiter, values):
    frame = pandas.DataFrame({"x": cells * 4, "y": range(12)})
    frame.to_csv(tmp_path / "n.csv", index=False, sep=delimiter)
    data = Table(path=tmp_path / "n.csv", columns="x", types="x=real")
    assert encode(data.table, data.schema)[:3, 0].tolist() == values
    again = decode(encode(data.table, data.schema), Schema.from_dict(data.schema.as_dict(), "here"))
    assert again["x"].tolist() == frame["x"].tolist()
    assert infer(data.table, Wishes(columns=["x"])).columns[0].kind in ("real", "whole")


def test_points_are_between_groups_only_in_a_column_where_all_can_be():
    assert style_of(np.array(["1.234", "12.345"], object), ",").group == "."
    assert style_of(np.array(["1.234", "0.500"], object), ",").group == ""
    assert style_of(np.array(["u1", "u2"], object), ".").prefix == ""


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S+01:00", "%Y-%m-%dT%H:%M:%S.%f-0530", "%Y-%m-%d %H:%M:%S+00:00"])
def test_times_in_a_zone_are_dates_and_keep_their_offset(form):
    days = np.array([18000.25, 18001.5, 19000])
    cells = write_days(days, form)
    assert date_format_of(cells) == form
    assert np.allclose(days_of(cells, form), days, atol=1e-9)
    # another offset is the same moment
    assert np.allclose(days_of(np.array(["1970-01-01T05:30:00.0+0530"], object), "%Y-%m-%dT%H:%M:%S.%f+00:00"), 0)


def test_times_whose_offset_changes_are_in_utc():
    summer = np.array(["2024-03-31 01:00:00+01:00", "2024-03-31 03:00:00+02:00"], object)
    form = date_format_of(summer)
    assert write_days(days_of(summer, form), form).tolist() == [
        "2024-03-31 00:00:00+00:00",
        "2024-03-31 01:00:00+00:00",
    ]


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("2024-01-05 12:00:00", "2024-01-06 10:00:00"),
        ("2024-01-05 12:05:00", "2024-01-06 09:36:00"),
        ("2024-01-05 00:00:00", "2024-01-06 00:00:00"),
        ("2024-01-05 12:00:01", "2024-01-06 09:36:02"),
    ],
)
def test_drawn_times_are_rounded_as_those_of_the_file(tmp_path, cell, written):
    rows = "".join(f"{at},{i}\n" for i, at in enumerate([cell, "2024-02-01 00:00:00"] * 5))
    data = Table(path=text(tmp_path, "at,x\n" + rows), columns="at", types="at=date")
    drawn = torch.tensor([[19728 + (9 * 3600 + 36 * 60 + 2) / 86400]], dtype=torch.float64)
    assert decode(drawn, data.schema)["at"].tolist() == [written]


def test_a_cell_that_is_too_long_is_refused_in_one_line(tmp_path):
    with pytest.raises(DataError, match="field larger than field limit"):
        read_table(text(tmp_path, "a,b\n" + "x" * 200_000 + ",1\n"))


@pytest.mark.parametrize(
    ("name", "package", "extra"), [("t.xlsx", "openpyxl", "excel"), ("t.parquet", "pyarrow", "parquet")]
)
def test_a_missing_library_is_named_before_any_work(tmp_path, monkeypatch, name, package, extra):
    frame, path = pandas.DataFrame({"a": ["1.5", "x"]}, dtype=object), tmp_path / name
    write_table(path, frame, FileForm())
    read_table(path)
    monkeypatch.setitem(sys.modules, package, None)
    remedy = re.escape(f"not installed; install it: pip install tensorar[{extra}]")
    with pytest.raises(DataError, match=f"expected the package {package}, which reads {path}, got {remedy}"):
        read_table(path)
    for call in (lambda: check_table_path(path), lambda: write_table(path, frame, FileForm())):
        with pytest.raises(DataError, match=f"expected the package {package}, which writes {path}, got {remedy}"):
            call()


CLOCKS = {
    "%H:%M": ["08:30", "23:59", "00:00"],
    "%H:%M:%S": ["08:30:15", "23:59:59", "00:00:00"],
    "%I:%M %p": ["08:30 AM", "11:59 PM", "12:00 AM"],
}


@pytest.mark.parametrize("form", CLOCKS)
def test_times_of_a_day_are_numbers_and_come_back(form):
    cells = np.array(CLOCKS[form], object)
    assert date_format_of(cells) == form
    days = days_of(cells, form)
    assert (days[0] - days[2]) * 24 == pytest.approx(8.5, abs=0.01)
    assert write_days(days, form, 1).tolist() == cells.tolist()
    assert write_days(days + 1, form, 1).tolist() == cells.tolist(), "a draw beyond midnight is a time, too"


@pytest.mark.parametrize(("count", "kind"), [(40, "date"), (4, "category")])
def test_times_that_occur_again_and_again_are_levels(tmp_path, count, kind):
    clock = [f"{k % count // 4 + 8:02}:{15 * (k % 4):02}" for k in range(60)]
    content = "t,x\n" + "\n".join(f"{time},{k / 4}" for k, time in enumerate(clock))
    column, _ = Table(path=text(tmp_path, content)).schema.columns
    assert column.kind == kind


def test_times_of_a_day_are_times_in_parquet_and_text_in_excel(tmp_path):
    moments = pandas.date_range("2020-01-01 08:00", periods=30, freq="17min")
    frame = pandas.DataFrame({"clock": moments.time, "x": np.arange(30) / 4})
    frame.to_parquet(tmp_path / "p.parquet")
    frame.to_excel(tmp_path / "p.xlsx", index=False)
    for name in ("p.parquet", "p.xlsx"):
        table = read_table(tmp_path / name)
        assert date_format_of(table.frame["clock"].to_numpy(object)) == "%H:%M:%S"
        write_table(tmp_path / f"again-{name}", table.frame, table.form)
    assert pandas.read_parquet(tmp_path / "again-p.parquet")["clock"].tolist() == frame["clock"].tolist()
    assert pandas.read_excel(tmp_path / "again-p.xlsx")["clock"].tolist() == [str(time) for time in frame["clock"]]


@pytest.mark.parametrize("end", ["\x1a", "\n\x1a\n", "\n   \n \t \n", "\n\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_blank_lines_and_the_end_of_a_file_of_dos_are_no_rows(tmp_path, delimiter, end):
    rows = ["a,b,c", "1,x,2", "   ", '3,"y', "   ", 'z",4']
    (tmp_path / "t.csv").write_text("\n".join(rows).replace(",", delimiter) + end.replace("\t", " "))
    table = read_table(tmp_path / "t.csv")
    assert table.frame["a"].tolist() == ["1", "3"]
    assert table.frame["b"].tolist() == ["x", "y\n   \nz"], "blank lines in quotes stay"


def test_a_row_of_tabs_is_an_empty_row_and_not_a_blank_line(tmp_path):
    (tmp_path / "t.tsv").write_text("a\tb\n1\t2\n\t\n  \n3\t4\n")
    assert len(read_table(tmp_path / "t.tsv", empty_rows=True).frame) == 3
