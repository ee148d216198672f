"""Tables from the shell: train, score, impute and sample in the form of the file."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas
import pytest

from .commands import SHORT, call, contents, done, refused, report


def people(n=120, seed=0):
    """Passengers as pandas writes them: an index, a category with gaps, a date, numbers that depend on the class."""
    chance = np.random.default_rng(seed)
    rank = chance.integers(1, 4, n)
    frame = pandas.DataFrame(
        {
            "sex": chance.choice(["female", "male"], n),
            "class": rank,
            "age": (50 - 8 * rank + chance.normal(0, 5, n)).round(1),
            "fare": (90 - 25 * rank + chance.normal(0, 3, n)).round(2),
            "port": chance.choice(["S", "C", "Q"], n),
            "born": pandas.to_datetime("1880-01-01") + pandas.to_timedelta(chance.integers(0, 9000, n), unit="D"),
            "ship": "Titanic",
        }
    )
    frame.loc[chance.random(n) < 0.2, "age"] = np.nan
    frame.loc[chance.random(n) < 0.2, "port"] = np.nan
    return frame


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A file of passengers, and a run on them."""
    folder = tmp_path_factory.mktemp("tables")
    people().to_csv(folder / "people.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        small = ["--backbone", "mlp:hidden=32", "--steps", "120", "--batch-size", "50", "--device", "cpu"]
        small += ["--learning-rate", "0.02"]
        printed = done("train", "table:path=people.csv", *small, "--out", "run").stdout
        done("train", "table:path=people.csv,target=class", *small[:2], *SHORT, "--out", "classes")
        done("train", "table:path=people.csv,missing=model", *small[:2], *SHORT, "--out", "flags")
    (folder / "printed.txt").write_text(printed)
    return folder


NAMES = ("people", "others")


@pytest.fixture(autouse=True)
def _in_the_folder(folder, monkeypatch, _a_folder_and_plugins_of_its_own):
    monkeypatch.chdir(folder)


def test_kinds_are_printed_before_the_training_and_stored(folder):
    printed = (folder / "printed.txt").read_text()
    lines = {line.split()[0]: line for line in printed.splitlines() if line}
    assert "left out" in lines["column"] or "it counts the rows" in printed
    for name, kind in {"sex": "bit", "class": "whole", "age": "real", "port": "category", "born": "date"}.items():
        assert lines[name].split()[1] == kind, lines[name]
    assert "nats per day" in lines["born"] and "always Titanic" in lines["ship"]
    assert printed.index("always Titanic") < printed.index("training mlp")
    schema = json.loads((folder / "run" / "schema.json").read_text())
    assert [column["kind"] for column in schema["columns"]][-1] == "constant"
    assert schema["form"]["delimiter"] == ","


def test_evaluate_reports_what_was_observed():
    found = report("evaluate", "run", "--device", "cpu")
    assert found["nats"] < 40 and 5 < found["observed"] <= 6


def test_other_files_are_read_by_the_schema_of_the_run():
    people(40, seed=5)[["fare", "class", "sex", "age", "port", "born"]].replace("Q", "S").to_csv("others.csv")
    nats = [report("evaluate", "run", "--data", f"table:path={name}.csv", "--device", "cpu")["nats"] for name in NAMES]
    assert nats[1] == pytest.approx(nats[0], abs=4), "two levels of port would be a bit, and columns another order"


def test_samples_have_the_columns_of_the_file_and_what_was_given():
    done("sample", "run", "-n", "50", "--out", "new.csv", "--given", "sex=female,class=3", "--device", "cpu")
    new = pandas.read_csv("new.csv")
    assert list(new.columns) == ["sex", "class", "age", "fare", "port", "born", "ship"]
    assert set(new["sex"]) == {"female"} and set(new["class"]) == {3} and set(new["ship"]) == {"Titanic"}
    assert set(new["port"]) <= {"S", "C", "Q"} and new.notna().all(axis=None)
    assert pandas.to_datetime(new["born"], format="%Y-%m-%d").notna().all()
    assert (new["age"] == new["age"].round(1)).all() and (new["fare"] == new["fare"].round(2)).all()
    assert abs(new["fare"].mean() - 15) < 10, "fares depend on the class"


def test_samples_in_other_kinds_of_files():
    done("sample", "run", "-n", "5", "--out", "new.xlsx", "--device", "cpu")
    done("sample", "run", "-n", "5", "--out", "new.parquet", "--device", "cpu")
    for frame in (pandas.read_excel("new.xlsx"), pandas.read_parquet("new.parquet")):
        assert len(frame) == 5 and frame["age"].dtype.kind == "f" and frame["class"].dtype.kind in "iu"
    assert report("sample", "run", "-n", "3", "--device", "cpu")["path"] == "run/samples.csv"
    done("sample", "run", "-n", "3", "--out", "numbers.npy", "--device", "cpu")
    assert np.load("numbers.npy").shape == (3, 6)


def test_rows_of_a_file_are_completed():
    """Known cells stay, those that are empty are drawn; any kind of table can be written."""
    rows = people(3, seed=2)
    rows.loc[0, ["age", "sex"]] = [np.nan, np.nan]
    rows.drop(columns="ship").to_csv("three.csv", index=False)
    options = ["--data", "three.csv", "--completions", "2"]
    done("inpaint", "run", *options, "--uncertainty", "--out", "completed.csv.gz")
    found, known = pandas.read_csv("completed.csv.gz"), pandas.read_csv("three.csv")
    assert list(found.columns) == [*known.columns, "ship"] and len(found) == 6
    for name in known.columns:
        given = known[name].repeat(2).reset_index(drop=True)
        assert found[name].where(given.notna()).tolist() == pytest.approx(given.tolist(), nan_ok=True), name
    assert found["sex"].isin(["female", "male"]).all() and found["age"].notna().all()
    uncertain = pandas.read_csv("completed-uncertainty.csv.gz")
    assert list(uncertain.columns) == list(known.columns)
    assert ((uncertain > 0) == known.isna()).all(axis=None)
    done("inpaint", "classes", *options, "--out", "completed.xlsx")
    assert pandas.read_excel("completed.xlsx")["class"].tolist() == known["class"].repeat(2).tolist()
    done("posterior", "run", "--data", "three.csv", "--example", "1", "--steps", "0,2", "--out", "posterior.png")
    done("posterior", "classes", "--data", "three.csv", "--out", "posterior.png")
    known.drop(columns="class").to_csv("three.csv", index=False)
    done("inpaint", "classes", *options, "--context", "2", "--out", "completed.csv")
    assert set(pandas.read_csv("completed.csv")["class"]) == {2}
    assert "expected --context for three.csv" in refused(call("inpaint", "classes", *options))


def test_means_are_below_the_names_of_their_columns():
    done("sample", "run", "-n", "2", "--means", "--out", "means.tsv")
    names = ["sex", "class", "age", "fare", "port", "born"]
    assert list(pandas.read_csv("means-means.tsv", sep="\t").columns) == names


def test_scores_are_in_the_order_of_the_file_and_add_up():
    rows = people(12, seed=1)
    rows.loc[3, "fare"] = 900.0
    rows.to_csv("rows.csv", index=False)
    done("score", "run", "rows.csv", "--out", "scores.csv", "--columns", "--device", "cpu")
    scores = pandas.read_csv("scores.csv")
    assert scores["fare"].tolist() == rows["fare"].tolist()
    assert scores["nats"].argmax() == 3 and scores["rank"][3] == 1 and scores["nats fare"][3] > 20
    parts = scores[[name for name in scores.columns if name.startswith("nats ")]]
    np.testing.assert_allclose(parts.sum(axis=1), scores["nats"], rtol=1e-3)
    assert (parts["nats age"].isna() == rows["age"].isna()).all()


def test_columns_in_another_order_missing_and_new_ones_are_said():
    rows = people(6, seed=2)[["fare", "sex", "class", "born", "age"]].assign(shoe=42)
    rows.to_csv("some.tsv", sep="\t", index=False)
    output = done("score", "run", "some.tsv", "--out", "scores.tsv", "--device", "cpu").output
    assert "not in some.tsv, so not observed: port" in output and "unknown to the run, so ignored: shoe" in output
    assert list(pandas.read_csv("scores.tsv", sep="\t").columns) == [*rows.columns, "nats", "rank"]


@pytest.mark.parametrize("statistic", ["mean", "median", "mode"])
def test_blanks_are_filled_and_everything_else_is_kept(statistic):
    rows = people(20, seed=3)
    rows.to_csv("holes.csv", index=False)
    found = report("impute", "run", "holes.csv", "--out", "full.csv", "--statistic", statistic, "--device", "cpu")
    holes, full = pandas.read_csv("holes.csv", dtype=str), pandas.read_csv("full.csv", dtype=str)
    assert list(full.columns) == list(holes.columns) and full.notna().all(axis=None)
    assert found["filled"] == int(holes.isna().sum().sum()) > 0
    assert (full.where(holes.notna()) == holes).sum().sum() == holes.notna().sum().sum()
    cells = pandas.read_csv("full-intervals.csv")
    ages = cells[cells["column"] == "age"].astype(dict.fromkeys(("low", "value", "high"), float))
    assert len(cells) == found["filled"]
    assert ((ages["low"] <= ages["value"]) & (ages["value"] <= ages["high"])).all()
    assert cells[cells["column"] == "port"]["probability"].between(0.3, 1).all()
    whole = report("impute", "run", "full.csv", "--out", "same.csv", "--device", "cpu")
    assert whole["filled"] == 0 and Path("same.csv").read_text() == Path("full.csv").read_text()
    # ages depend on the class, which is known
    filled = full["age"].astype(float)[holes["age"].isna()] - (50 - 8 * full["class"].astype(int))
    assert filled.abs().mean() < 6


def test_a_target_is_a_class():
    done("sample", "classes", "-n", "6", "--out", "drawn.csv", "--given", "class=2,sex=male", "--device", "cpu")
    drawn = pandas.read_csv("drawn.csv")
    assert set(drawn["class"]) == {2} and set(drawn["sex"]) == {"male"}
    done("sample", "classes", "-n", "6", "--out", "drawn.csv", "--context", "1", "--context", "3", "--device", "cpu")
    assert set(pandas.read_csv("drawn.csv")["class"]) == {1, 3}
    people(5, seed=4).to_csv("rows5.csv", index=False)
    assert report("score", "classes", "rows5.csv", "--device", "cpu")["rows"] == 5
    people(5, seed=4).drop(columns="class").to_csv("rows5.csv", index=False)
    assert "a class in the column class of each row of rows5.csv, got no such column" in refused(
        call("score", "classes", "rows5.csv")
    )


def test_other_files_are_written_like_that_of_the_run(tmp_path):
    table = people(60).iloc[:, 2:4].set_axis(["1", "2"], axis=1)
    table.fillna(30.5).to_csv("german.csv", index=False, sep=":", decimal=",")
    data = "table:path=german.csv,header=true,delimiter=:"
    done("train", data, "--backbone", "mlp:hidden=4", *SHORT, "--out", "german")
    Path("some.csv").write_text("1:2\n30:\n")
    done("sample", "german", "-n", "2", "--out", "drawn.csv", "--given", "1=20,5,2=30", "--device", "cpu")
    assert Path("drawn.csv").read_text() == "1:2\n" + "20,5:30,00\n" * 2
    report("impute", "german", "some.csv", "--draws", "20", "--out", "full.csv", "--device", "cpu")
    header, row = Path("full.csv").read_text().splitlines()
    assert header == "1:2" and re.fullmatch(r"30:-?\d+,\d\d", row)


def test_empty_cells_of_columns_that_are_not_modelled_are_said_to_stay():
    people(5, seed=3).assign(ship=["Titanic", "", "Titanic", "Titanic", "Titanic"]).to_csv("holes.csv", index=False)
    notes = report("impute", "run", "holes.csv", "--out", "full.csv", "--draws", "20", "--device", "cpu")["notes"]
    assert notes == ["not modelled by the run, so empty cells stay: ship"]
    assert pandas.read_csv("full.csv").isna().sum().sum() == 1


def test_few_draws_are_said_to_make_short_intervals():
    people(20, seed=3).to_csv("holes.csv", index=False)
    command = ("impute", "run", "holes.csv", "--out", "full.csv", "--device", "cpu", "--draws")
    assert any("intervals of 5 draws hold a new one with 67%" in note for note in report(*command, "5")["notes"])
    assert not any("intervals" in note for note in report(*command, "20")["notes"])


def test_whether_a_cell_is_missing_is_drawn_too():
    done("sample", "flags", "-n", "200", "--out", "gaps.csv", "--device", "cpu")
    gaps = pandas.read_csv("gaps.csv").isna()
    assert 0 < gaps["age"].mean() < 1 and not gaps["fare"].any()
    done("sample", "flags", "-n", "20", "--out", "gaps.csv", "--given", "age=20", "--device", "cpu")
    assert set(pandas.read_csv("gaps.csv")["age"]) == {20.0}
    people(20, seed=3).to_csv("holes.csv", index=False)
    done("impute", "flags", "holes.csv", "--out", "full.csv", "--draws", "5", "--device", "cpu")
    assert pandas.read_csv("full.csv").notna().all(axis=None)


WRONG = {
    "score run word.csv": "a number in column fare, row 2 of word.csv, got 'free'; correct it, or empty the cell",
    "score run level.csv": "a known value in column port, row 1 of level.csv, got 'X'; the valid ones are C, Q, S",
    "score run other.csv": "a column of the run in other.csv: sex, class, age, fare, port, born, got x, y",
    "impute run level.csv": "column port, row 1",
    "score run none.csv": "none.csv to be a table: text (csv, tsv, csv.gz), Parquet or Excel, got no such file",
    "score run word.csv --out x.png": "--out to end in .csv, .tsv, .csv.gz",
    "impute run rows.csv --statistic mood": "--statistic to be one of mean, median, mode, got 'mood'",
    "sample run --given sex=femal": "a known value in column sex, row 1 of --given, got 'femal'; did you mean",
    "sample run --given sx=female": "a column of the run for --given, got 'sx'; did you mean 'sex'?",
    "sample run --given ship=Titanic": "a column of the run for --given, got 'ship' (constant)",
    "sample classes --given class=1 --context 2": "a class in either --given or --context, got one in both",
    "sample run --given sex": "--given to be COLUMN=VALUE, separated by commas, got 'sex'",
    "sample run --given age=": "--given to be COLUMN=VALUE",
}


@pytest.mark.parametrize("command", WRONG)
def test_wrong_rows_are_refused_in_one_line(command, folder):
    Path("word.csv").write_text("fare,sex\n3.5,male\nfree,male\n")
    Path("level.csv").write_text("port,sex\nX,male\n")
    Path("other.csv").write_text("x,y\n1,2\n")
    people(3).to_csv("rows.csv", index=False)
    before = contents(folder)
    assert WRONG[command] in refused(call(*command.split(), "--device", "cpu"))
    assert contents(folder) == before


def test_runs_of_other_data_have_no_columns(bits_run):
    Path("word.csv").write_text("fare,sex\n3.5,male\n")
    message = refused(call("sample", bits_run, "--given", "a=1"))
    assert "expected a run that was trained on a table" in message
    assert "expected word.csv to be a valid .npy/.npz file" in refused(call("score", bits_run, "word.csv"))


def test_data_that_have_changed_are_refused(tmp_path):
    people().to_csv(tmp_path / "p.csv", index=False)
    done("train", f"table:path={tmp_path / 'p.csv'}", "--backbone", "mlp:hidden=4", *SHORT, "--out", tmp_path / "run")
    people().replace("Q", "X").to_csv(tmp_path / "p.csv", index=False)
    assert "expected columns as in schema.json" in refused(call("evaluate", tmp_path / "run"))
    people(4).to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "run" / "schema.json").write_text("{")
    assert "JSON in " in refused(call("score", tmp_path / "run", tmp_path / "rows.csv"))


@pytest.mark.parametrize("other", ["flags", "classes"])
def test_a_proposal_of_other_columns_is_refused(other):
    error = refused(call("evaluate", "run", "--given", "first 2", "--events", 2, "--proposal", other))
    assert "of the proposal to be " in error and f"in {other}; use a run on the same columns" in error


POSITIVE = "income,town\n" + "\n".join(f"{1 + k % 7 / 4},{'abc'[k % 3]}" for k in range(60))
HEADS = {
    'heads="income=log_normal"': ("1.25", "-3", "column income, row 9 of {}.csv to have values in the support"),
    'heads="town=gaussian"': ("a", "a", "a head over the 3 levels of the category town, got gaussian; use categorical"),
}


@pytest.mark.parametrize("heads", HEADS)
def test_cells_that_a_head_does_not_take_are_named(tmp_path, monkeypatch, heads):
    monkeypatch.chdir(tmp_path)
    old, new, message = HEADS[heads]
    rows = POSITIVE.splitlines()
    rows[9] = rows[9].replace(rows[9].split(",")["abc".find(old) >= 0], new)
    (tmp_path / "new.csv").write_text("\n".join(rows))
    assert message.format("new") in refused(call("train", f"table:path=new.csv,{heads}", *SHORT, "--out", "run"))
    assert not (tmp_path / "run").exists()


def test_cells_of_other_files_that_a_head_does_not_take_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.csv").write_text(POSITIVE)
    (tmp_path / "new.csv").write_text("income,town\n1,a\n,b\n-3,c\n")
    done("train", 'table:path=old.csv,heads="income=log_normal"', *SHORT, "--out", "run")
    for command in ("score", "impute"):
        line = refused(call(command, "run", "new.csv", "--out", "out.csv"))
        assert "expected column income, row 3 of new.csv to have values in the support of the head 'log_normal'" in line
        assert "got -3 in the file; correct it, or empty the cell" in line


def test_one_head_of_numbers_for_a_table_with_categories_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text(POSITIVE)
    arguments = ["train", f"table:path={tmp_path}/t.csv", "--head", "gaussian", *SHORT, "--out", tmp_path / "run"]
    assert "the category town, got gaussian" in refused(call(*arguments))
