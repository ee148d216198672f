"""Tables as other programs write them: headers, comments, delimiters, dates; and what comes back out."""

from __future__ import annotations

import numpy as np
import pandas
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar.tables import (
    decode,
    encode,
    read_table,
    write_table,
)
from tensorar_plugins.datasets.table import Table
from tests.datasets.people import KINDS, PEOPLE, kinds, rows_of
from tests.datasets.text_files import text

NO_HEADER = "no header: columns are called column 1, column 2, ... (header=true if the first row has names)"
YEARS = "header: the first row has years, and the columns are called so (header=false if it is a row)"
COUNTED = "header: the first row only counts the columns, which are called so (header=false if it is a row)"


@pytest.mark.parametrize("name", ["p.csv", "p.tsv", "p.csv.gz", "p.parquet", "p.xlsx"])
def test_files_of_other_programs_come_back_as_they_were(tmp_path, name):
    frame = PEOPLE.rename(columns={"": "column 1"}).astype({"fare": float})
    frame["born"] = pandas.to_datetime(PEOPLE["born"], format="%d.%m.%Y")
    if name.endswith("parquet"):
        frame.to_parquet(tmp_path / name)
    elif name.endswith("xlsx"):
        frame.to_excel(tmp_path / name, index=False)
    else:
        frame.to_csv(tmp_path / name, index=False, sep="\t" if "tsv" in name else ",")
    data = Table(path=tmp_path / name)
    assert kinds(data) == KINDS
    out = tmp_path / f"again{name[1:]}"
    write_table(out, decode(encode(data.table, data.schema), data.schema), data.schema.form)
    again, written = read_table(out), data.table.frame.drop(columns=["column 1", "user_id"])
    assert again.frame["born"].tolist() == written["born"].tolist()
    assert again.frame["fare"].astype(float).tolist() == written["fare"].astype(float).tolist()
    others = written.drop(columns=["born", "fare"])
    pandas.testing.assert_frame_equal(again.frame[others.columns], others, check_dtype=False)


@pytest.mark.parametrize(
    ("content", "encoding", "note"),
    [
        ("a;b\n1,5;x\n2,5;y\n3,5;x\n4,5;y\n", "utf-8", ["delimiter: ;", "decimal sign: comma"]),
        ("1,5;x\n2,5;y\n3,5;x\n4,5;y\n", "utf-8", ["delimiter: ;", "decimal sign: comma", NO_HEADER]),
        ("a;b\n1,5;x\n2,5;y\nNA;x\n3,5;x\n4,5;y\n", "utf-8", ["delimiter: ;", "decimal sign: comma"]),
        ("# by hand\na,b\n1.5,x\n2.5,y\n# more\n3.5,x\n4.5,y\n", "utf-8", "2 comment lines left out"),
        ("a\tb\n1.5\tx\n2.5\ty\n3.5\tx\n4.5\ty\n", "utf-8", "delimiter: tab"),
        ("a b\n1.5 x\n2.5 y\n3.5 x\n4.5 y\n", "utf-8", "delimiter: spaces"),
        ("a,b\n1.5,é\n2.5,y\n3.5,é\n4.5,y\n", "cp1252", "encoding: cp1252"),
        ("a,b\r\n1.5,x\r\n2.5,y\r\n3.5,x\r\n4.5,y", "utf-16", "encoding: utf-16"),
        ("\ufeffa,b\n1.5,x\n\n2.5,y\n3.5,x\n4.5,y\n\n", "utf-8", None),
        ("1.5,x\n2.5,y\n3.5,x\n4.5,y\n", "utf-8", NO_HEADER),
        ("a,a\n1.5,x\n2.5,y\n3.5,x\n4.5,y\n", "utf-8", "columns of the same name were numbered: a.1"),
    ],
)
def test_what_is_found_about_a_file_is_said(tmp_path, content, encoding, note):
    data = Table(path=text(tmp_path, content, encoding=encoding))
    assert [column.kind for column in data.schema.columns] == ["real", "bit"]
    assert data.table.notes == (note if isinstance(note, list) else [note] if note else [])
    values = torch.cat([data.train, data.valid, data.test])[:, 0]
    assert sorted(values[~values.isnan()].tolist()) == [1.5, 2.5, 3.5, 4.5]


@pytest.mark.parametrize(
    ("content", "names", "first", "notes"),
    [
        # Markdown in a cell of several lines, as pandas writes it, and the separators of Unicode
        ('a,b\n"x\n# y",1.5\nz\u2028,2.5\n', ["a", "b"], ["x\n# y", "1.5"], []),
        # colors and tags are no comments
        ("a,b\n#ff0000,1.5\n#00ff00,2.5\n# by hand\n", ["a", "b"], ["#ff0000", "1.5"], ["1 comment line left out"]),
        ("# by hand\n# x,y\n0.5,1.5\n2.5,3.5\n", ["x", "y"], ["0.5", "1.5"], ["1 comment line left out"]),
        ("# x y\n0.5 1.5\n2.5 3.5\n", ["x", "y"], ["0.5", "1.5"], ["delimiter: spaces"]),
        ("# in m, by hand\na,b\n0.5,1.5\n", ["a", "b"], ["0.5", "1.5"], ["1 comment line left out"]),
        # pandas without names
        (",0,1\n0,1.5,2.5\n1,2.5,3.5\n", ["column 1", "0", "1"], ["0", "1.5", "2.5"], [COUNTED]),
        ("0,1,2\n0.5,1.5,2.5\n", ["0", "1", "2"], ["0.5", "1.5", "2.5"], [COUNTED]),
        ("0,1\n1,0\n", ["column 1", "column 2"], ["0", "1"], [NO_HEADER]),
        # wide tables of years, the newest first in some
        (",1990,2000,2010\n0,1,2,3\n", ["column 1", "1990", "2000", "2010"], ["0", "1", "2", "3"], [YEARS]),
        ("land,1992,1991,1990\nx,1,2,3\n", ["land", "1992", "1991", "1990"], ["x", "1", "2", "3"], [YEARS]),
        ("1990,1991,1993\n1,2,3\n", ["column 1", "column 2", "column 3"], ["1990", "1991", "1993"], [NO_HEADER]),
        ("x,1990,1991\ny,1,2\n", ["column 1", "column 2", "column 3"], ["x", "1990", "1991"], [NO_HEADER]),
        # Excel: its own first line, titles, and rows that were emptied
        ("sep=;\na;b\n1,5;x\n", ["a", "b"], ["1,5", "x"], ["delimiter: ;", "decimal sign: comma"]),
        (
            "By hand,,\n,,\na,b,c\n,,\n1.5,2,x\n,,\n",
            ["a", "b", "c"],
            ["1.5", "2", "x"],
            ["3 empty rows left out", "left out above the table: By hand"],
        ),
        # write.table of R, and delimiters at the ends of rows
        (
            '"a" "b"\n"New York" 1.5 2\n"Rome" 2.5 1\n',
            ["column 1", "a", "b"],
            ["New York", "1.5", "2"],
            ["delimiter: spaces"],
        ),
        ("a;b\n1;x;\n2;y;\n", ["a", "b", "column 3"], ["1", "x", ""], ["delimiter: ;"]),
    ],
)
def test_headers_and_comments_as_other_programs_write_them(tmp_path, content, names, first, notes):
    table = read_table(text(tmp_path, content))
    assert list(table.frame.columns) == names
    assert table.frame.iloc[0].tolist() == first
    assert table.notes == notes


@pytest.mark.parametrize("name", ["p.parquet", "p.xlsx"])
def test_times_of_day_in_typed_files(tmp_path, name):
    moments = pandas.date_range("2020-01-01", periods=30, freq="6h")
    frame = pandas.DataFrame({"at": moments, "clock": moments.time, "x": np.arange(30) / 4})
    frame.to_parquet(tmp_path / name) if name.endswith("parquet") else frame.to_excel(tmp_path / name, index=False)
    data = Table(path=tmp_path / name)
    assert kinds(data) == {"at": "date", "clock": "category", "x": "real"}
    assert data.table.frame["at"].tolist() == [f"{moment:%Y-%m-%d %H:%M:%S}" for moment in moments]


@given(
    cells=st.lists(
        st.tuples(
            st.decimals(-(10**6), 10**6, places=2).map(str),
            st.sampled_from(["new york", 'a "b"', "x,y", "é"]),
            st.sampled_from(["", "yes", "no"]),
        ),
        min_size=4,
        max_size=12,
    ),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
)
def test_cells_come_back(scratch, cells, delimiter):
    frame = pandas.DataFrame(cells, columns=["number", "place", "answer"])
    frame.to_csv(scratch / "a.csv", index=False, sep=delimiter)
    data = Table(path=scratch / "a.csv", types="number=real,place=category,answer=category", delimiter=delimiter)
    expected = sorted((f"{float(a):.2f}", b, c) for a, b, c in cells if a)
    assert [(f"{float(a):.2f}", b, c) for a, b, c in rows_of(data)] == expected


def test_times_with_fractions_of_a_second_are_dates(tmp_path):
    times = [f"2024-03-0{1 + i % 9} 10:00:{i:02d}" + ("" if i % 5 == 0 else f".{i * 13:03d}") for i in range(30)]
    path = tmp_path / "log.csv"
    path.write_text("moment,level\n" + "\n".join(f"{time},{i % 7 + 0.5}" for i, time in enumerate(times)))
    schema = Table(path=str(path)).schema
    assert schema.modelled[0].date_format == "%Y-%m-%d %H:%M:%S.%f"
    events = encode(read_table(str(path)), schema)
    written = decode(events, schema)["moment"]
    assert list(written) == [(time if "." in time else f"{time}.").ljust(26, "0") for time in times]
