"""Tables of mixed kinds: how files are written elsewhere, what is inferred, and what comes back out."""

from __future__ import annotations

import gzip

import numpy as np
import pandas
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import SpecError, load_dataset
from tensorar.tables import (
    Schema,
    decode,
    encode,
    read_table,
    write_table,
)
from tensorar.utils import memory
from tensorar_plugins.datasets.table import Table
from tests.datasets.data_errors import check_error
from tests.datasets.text_files import text

# of 40 rows: a bit, a category, two whole numbers, a real, a date, a constant, an id, and a column that counts
ROWS = 40
CHANCE = np.random.default_rng(0)
PEOPLE = pandas.DataFrame(
    {
        "": range(ROWS),
        "user_id": CHANCE.permutation(1000)[:ROWS],
        "sex": CHANCE.choice(["female", "male"], ROWS),
        "deck": CHANCE.choice(["A", "B", "C", ""], ROWS),
        "class": CHANCE.integers(1, 4, ROWS),
        "visits": [i * i if i % 4 == 0 else i % 2 for i in range(ROWS)],
        "fare": [f"{fare:.2f}" for fare in CHANCE.choice([7.25, 8.5, 12.75, 30, 71.5], ROWS)],
        "born": pandas.date_range("1950-03-01", periods=ROWS, freq="317D").strftime("%d.%m.%Y"),
        "planet": ["Earth"] * ROWS,
    }
)
NO_HEADER = "no header: columns are called column 1, column 2, ... (header=true if the first row has names)"
YEARS = "header: the first row has years, and the columns are called so (header=false if it is a row)"
COUNTED = "header: the first row only counts the columns, which are called so (header=false if it is a row)"
KINDS = {
    "column 1": "left out",
    "user_id": "left out",
    "sex": "bit",
    "deck": "category",
    "class": "whole",
    "visits": "whole",
    "fare": "real",
    "born": "date",
    "planet": "constant",
}


def write(folder, name="people.csv", frame=PEOPLE, **options):
    frame.to_csv(folder / name, index=False, **options)
    return folder / name


def kinds(dataset):
    return {column.name: column.kind for column in dataset.schema.columns}


def rows_of(dataset):
    """All cells that the events of a dataset stand for, sorted."""
    events = torch.cat([dataset.train, dataset.valid, dataset.test])
    return sorted(map(tuple, decode(events, dataset.schema).to_numpy().tolist()))


def test_kinds_of_columns_are_inferred(tmp_path):
    data = Table(path=write(tmp_path))
    assert kinds(data) == KINDS
    assert data.event_shape == (6,)
    heads = {column.name: column.head for column in data.schema.modelled}
    assert heads["sex"] == "bernoulli"
    assert heads["deck"] == "categorical:levels=3,one_hot=true"
    assert heads["class"] == "categorical:values='1 2 3'"
    assert heads["visits"] == "negative_binomial"
    assert heads["fare"] == heads["born"] == "gaussian_mixture:components=5,units=normal"
    notes = data.notes
    assert any("left out: column 1 (it counts the rows), user_id (an id: all 40 values differ)" in n for n in notes)


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


def test_wishes_override_what_is_inferred(tmp_path):
    path = write(tmp_path)
    data = Table(path=path, types="class=category,visits=real", heads="fare=log_normal", drop="born")
    found = {column.name: column for column in data.schema.modelled}
    assert (found["class"].kind, found["visits"].kind, found["fare"].head) == ("category", "real", "log_normal")
    assert "born" not in found
    check_error(lambda: Table(path=path, types="sex=constant").schema, "column sex", "to be constant", "'2 values'")
    assert (
        'categorical:levels=3,one_hot=true; gaussian_mixture:components=5,units=normal; log_normal"'
        in data.suggested_head
    )
    assert kinds(Table(path=path, columns="sex,fare"))["deck"] == "left out"
    assert Table(path=path, columns="user_id,fare").schema.modelled[0].name == "user_id"


def test_rare_levels_become_other_on_request(tmp_path):
    path = text(tmp_path, "a,b\n" + "x,1.5\ny,2.5\n" * 5 + "z,0.5\nw,0.25\n")
    data = Table(path=path, min_count=3)
    column = data.schema.modelled[0]
    assert column.levels == ("x", "y", "other") and column.kind == "category"
    new = read_table(text(tmp_path, "a,b\nz,1\nnever seen,2\nx,3\n", "new.csv"))
    assert encode(new, data.schema)[:, 0].tolist() == [2, 2, 0]


def test_a_target_is_the_context_and_not_a_column(tmp_path):
    data = Table(path=write(tmp_path), target="sex")
    assert data.event_shape == (5,) and data.context_features == 2
    assert torch.equal(data.parse_context("male"), torch.tensor([0.0, 1.0]))
    share = torch.cat([data.contexts.train, data.contexts.valid, data.contexts.test]).mean(0)[0]
    assert float(share) == pytest.approx(float((PEOPLE["sex"] == "female").mean()))
    check_error(lambda: data.parse_context("mal"), "a class: female, male, got 'mal'")
    check_error(lambda: Table(path=data.path, target="fare").train, "a target of few values", kind=SpecError)
    check_error(lambda: Table(path=data.path, target="deck").train, "a class in the column deck of each row", "in row ")


def test_being_missing_can_be_a_coefficient(tmp_path):
    data = Table(path=write(tmp_path), missing="model")
    assert data.schema.coefficient_names[:3] == ["sex", "deck is missing", "deck"]
    events = torch.cat([data.train, data.valid, data.test])
    assert torch.equal(events[:, 1] == 1, events[:, 2].isnan())
    assert sorted(row[1] for row in rows_of(data)) == sorted(PEOPLE["deck"])


def test_columns_are_found_by_name_in_any_order(tmp_path):
    data = Table(path=write(tmp_path))
    shuffled = PEOPLE[["fare", "sex", "planet", "born", "class"]].assign(extra="x")
    events = encode(read_table(write(tmp_path, "new.csv", shuffled)), data.schema)
    known = ~encode(data.table, data.schema).isnan()
    for name in ("sex", "class", "fare", "born"):
        i = data.schema.place(name)
        assert torch.equal(events[:, i], encode(data.table, data.schema)[:, i]) and known[:, i].all()
    assert events[:, data.schema.place("deck")].isnan().all()


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


def test_a_schema_survives_json(tmp_path):
    schema = Table(path=write(tmp_path), target="sex", min_count=12).schema
    assert Schema.from_dict(schema.as_dict(), "x") == schema
    with pytest.raises(Exception, match="the schema of a table in x"):
        Schema.from_dict({**schema.as_dict(), "columns": [{"name": "a", "kind": "strange"}]}, "x")


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


def test_missing_words_are_missing(tmp_path):
    words = ["", "NA", "nan", "N/A", "null", "?", "None", "-"]
    path = text(
        tmp_path, "a,b\n" + "".join(f"{i}.5,{word}\n" for i, word in enumerate(words)) + "9,2.5\n8,3.5\n7,4.5\n"
    )
    events = torch.cat(list(vars(load_dataset(f"table:path={path}").splits).values()))
    assert int(events[:, 1].isnan().sum()) == len(words)
    assert sorted(events[~events[:, 1].isnan(), 1].tolist()) == [2.5, 3.5, 4.5]


def test_what_no_training_row_has_is_said(tmp_path):
    """Empty cells and levels of validation and test rows only, whatever the kind of the column."""
    frame = pandas.DataFrame({"x": np.arange(40) / 7, "y": np.arange(40) / 9, "u": "a", "k": [1, 2] * 20})
    path = tmp_path / "t.csv"
    frame.assign(u=["a", "b"] * 20).to_csv(path, index=False)
    assert not Table(path=path).notes
    train, valid, test = Table(path=path)._rows
    frame.loc[test[0].item(), "y"] = np.nan
    frame.loc[valid[:2].numpy(), "u"] = ["b", "c"]
    frame.loc[test[1].item(), "k"] = 3
    frame.loc[train[0].item(), "x"] = np.nan
    frame.to_csv(path, index=False)
    blank, levels = Table(path=path, types="u=category,k=whole").notes
    assert blank == "no training row, but validation or test rows have empty cells in: y"
    assert levels == "no training row, but validation or test rows have: u=b, u=c, k=3; min_count joins rare levels"


def test_splits_are_the_same_rows_for_events_and_contexts(tmp_path):
    generator = np.random.default_rng(0)
    label = generator.integers(0, 3, 60)
    frame = pandas.DataFrame({"label": [f"class {k}" for k in label], "x": label + generator.normal(0, 1e-3, 60)})
    data = Table(path=write(tmp_path, frame=frame), target="label")
    for part in ("train", "valid", "test"):
        events, contexts = getattr(data, part), getattr(data.contexts, part)
        assert torch.equal(events[:, 0].round().long(), contexts.argmax(1))


def test_an_unknown_column_is_refused_with_the_nearest(tmp_path):
    path = write(tmp_path)
    for options in ({"types": "fair=real"}, {"heads": "fair=gaussian"}, {"drop": "fair"}, {"target": "fair"}):
        check_error(lambda options=options: Table(path=path, **options).train, "did you mean 'fare'?", kind=SpecError)


def test_times_with_fractions_of_a_second_are_dates(tmp_path):
    times = [f"2024-03-0{1 + i % 9} 10:00:{i:02d}" + ("" if i % 5 == 0 else f".{i * 13:03d}") for i in range(30)]
    path = tmp_path / "log.csv"
    path.write_text("moment,level\n" + "\n".join(f"{time},{i % 7 + 0.5}" for i, time in enumerate(times)))
    schema = Table(path=str(path)).schema
    assert schema.modelled[0].date_format == "%Y-%m-%d %H:%M:%S.%f"
    events = encode(read_table(str(path)), schema)
    written = decode(events, schema)["moment"]
    assert list(written) == [(time if "." in time else f"{time}.").ljust(26, "0") for time in times]


def test_a_least_count_below_one_is_refused():
    with pytest.raises(SpecError, match="min_count of table to be 1 or more, got 0"):
        Table(path="people.csv", min_count=0)
