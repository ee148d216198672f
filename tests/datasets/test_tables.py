"""Tables in text files: numbers are read back, and defects give one-line errors that name line and column."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import SpecError
from tensorar_plugins.datasets.table import Table
from tests.datasets.data_errors import check_error
from tests.datasets.user_files import all_rows


@given(
    table=st.integers(1, 4).flatmap(
        lambda columns: st.lists(
            st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=columns, max_size=columns),
            min_size=3,
            max_size=8,
        )
    ),
    delimiter=st.sampled_from([",", ";", "tab", "|"]),
    header=st.booleans(),
)
def test_csv_round_trip(scratch, table, delimiter, header):
    sign = "\t" if delimiter == "tab" else delimiter
    lines = [sign.join(f"column {i}" for i in range(len(table[0])))] if header else []
    lines += [sign.join(map(repr, row)) for row in table]
    (scratch / "a.csv").write_text("\n".join(lines) + "\n")
    data = Table(path=str(scratch / "a.csv"), delimiter=delimiter)
    assert data.train.dtype == torch.float64
    assert data.event_shape == (len(table[0]),)
    assert all_rows(data) == sorted(table)


def write(tmp_path, text):
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    return str(tmp_path / "a.csv")


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2\n3,4\n5,6\n",
        "\ufeff1,2\r\n3,4\r\n5,6",
        "\n1,2\n\n3,4\n5,6\n\n",
        '"1","2"\n 3 , 4\n5e0,+6.0\n',
        ",b\n1,2\n3,4\n5,6\n",
    ],
)
def test_ways_to_write_a_table(tmp_path, text):
    assert all_rows(Table(path=write(tmp_path, text))) == [[1, 2], [3, 4], [5, 6]]


def test_a_header_of_numbers_must_be_declared(tmp_path):
    path = write(tmp_path, "0,1\n1,2\n3,4\n5,6\n")
    assert len(all_rows(Table(path=path))) == 4
    assert len(all_rows(Table(path=path, header=True))) == 3


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("1,2\n3,x\n5,6\n", {}, "a number in line 2, column 2 of {path}, got 'x'"),
        ("a,2\n3,4\n5,6\n", {}, "line 1, column 1 of {path}, got 'a'; correct it"),
        ("a,b\n3,4\n5,6\n7,8\n", {"header": False}, "line 1, column 1"),
        ("1,2\n3,4\n5,6,7\n", {}, "2 cells in line 3 of {path}, as in line 1, got 3"),
        ("1,2\n3\n5,6\n", {}, "2 cells in line 2"),
        ("a,b\n1,2\n3,\n5,6\n", {}, "line 3, column 2 of {path}, got an empty cell; set missing=true"),
        ("1,2\nNaN,4\n5,6\n", {}, "got 'NaN'; set missing=true"),
        ("1,2\n?,4\n5,6\n", {}, "got '?'; set missing=true"),
        (",\n1,2\n3,4\n5,6\n", {}, "line 1, column 1 of {path}, got an empty cell"),
        ("1,2\ninf,4\n5,6\n", {}, "got 'inf'; correct it"),
        ("1,2\n1_0,4\n5,6\n", {}, "got '1_0'"),
        (
            "1;2\n3;4\n5;6\n",
            {},
            "line 2, column 1 of {path}, got '3;4'; correct it, drop the column, or check delimiter",
        ),
        ("", {}, "at least 3 events"),
        ("a,b\n", {}, "at least 3 events"),
        ("1,2\n3,4\n", {}, "at least 3 events"),
        ('1,2\n"3,4\n5,6\n', {}, "unexpected end of data"),
    ],
)
def test_invalid_tables(tmp_path, text, options, message):
    path = write(tmp_path, text)
    check_error(lambda: Table(path=path, **options).train, message.format(path=path))


@pytest.mark.parametrize("delimiter", ["", "ab", '"', "\n"])
def test_invalid_delimiters(delimiter):
    check_error(lambda: Table(path="x", delimiter=delimiter), "one character, or tab", kind=SpecError)
