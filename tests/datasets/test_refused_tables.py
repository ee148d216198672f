"""Tables, cells and wishes that are refused, and how."""

from __future__ import annotations

import gzip

import pytest

from tensorar import SpecError
from tensorar.tables import (
    encode,
    read_table,
)
from tensorar.utils import memory
from tensorar_plugins.datasets.table import Table
from tests.datasets.data_errors import check_error
from tests.datasets.people import write
from tests.datasets.text_files import text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("sex\nfemale\nmaale\n", "a known value in column sex, row 2 of {path}, got 'maale'; did you mean 'male'?"),
        ("fare\n1.5\n\nfree\n", "a number in column fare, row 2 of {path}, got 'free'; correct it, or empty the cell"),
        ("born\n1950-01-01\n", "a date as %d.%m.%Y in column born, row 1 of {path}, got '1950-01-01'"),
        ("class\n2\n2.5\n", "a known value in column class, row 2 of {path}, got '2.5'"),
        ("visits\n2\n2.5\n", "a whole number in column visits, row 2 of {path}, got '2.5'"),
    ],
)
def test_cells_that_do_not_fit_are_named(tmp_path, content, message):
    schema = Table(path=write(tmp_path)).schema
    path = text(tmp_path, content, "new.csv")
    check_error(lambda: encode(read_table(path), schema), message.format(path=path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n3\n", "2 cells in line 3 of {path}, as in the first, got 1"),
        ("a,b\n1,2\n3,4,5\n", "2 cells in line 3 of {path}, as in the first, got 3"),
        ("a\0,b\n1,2\n", "got a file of another kind"),
        ("", "rows in {path}, got none"),
        ("a,b\n", "rows in {path}, got none"),
        ("a,b\n1,2\n1,2\n1,2\n", "a column to model in {path}, got a: constant; b: constant"),
        ("a,b\n" + "".join(f"{i * i},2.5\n" for i in range(40)) + "x,2\n", "a number in column a, row 41"),
        ("a,b,c\n1,2.5,x\n2,,x\n,3.5,x\n,,x\n4,2,x\n", "an observed cell in each row of {path}, got none in row 4"),
        (",\n,\n", "rows in {path}, got none"),
        (",".join("a" * 20_000) + "\n", "at most"),
    ],
)
def test_tables_that_are_refused(tmp_path, content, message):
    path = text(tmp_path, content)
    if "at most" in message:
        message = "16384 cells in line 1"
    check_error(lambda: Table(path=path).train, message.format(path=path))


def test_files_that_are_refused(tmp_path, monkeypatch):
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n" * 99)[:-9])
    check_error(lambda: Table(path=tmp_path / "cut.csv.gz").train, "cut.csv.gz to be a table")
    (tmp_path / "x.xlsx").write_bytes(b"PK no workbook")
    check_error(lambda: Table(path=tmp_path / "x.xlsx").train, "x.xlsx to be a table")
    path = write(tmp_path)
    monkeypatch.setattr(memory, "available_memory", lambda: 1000)
    check_error(lambda: Table(path=path).train, "the cells of", "which would take")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delimiter": "ab"}, "one character, tab or space"),
        ({"decimal": ";"}, "decimal of table to be . or ,"),
        ({"types": "a"}, "types of table to be COLUMN=..."),
        ({"heads": "=gaussian"}, "heads of table to be COLUMN=..."),
    ],
)
def test_invalid_options(options, message):
    check_error(lambda: Table(path="x", **options), message, kind=SpecError)


def test_an_unknown_column_is_refused_with_the_nearest(tmp_path):
    path = write(tmp_path)
    for options in ({"types": "fair=real"}, {"heads": "fair=gaussian"}, {"drop": "fair"}, {"target": "fair"}):
        check_error(lambda options=options: Table(path=path, **options).train, "did you mean 'fare'?", kind=SpecError)


def test_a_least_count_below_one_is_refused():
    with pytest.raises(SpecError, match="min_count of table to be 1 or more, got 0"):
        Table(path="people.csv", min_count=0)
