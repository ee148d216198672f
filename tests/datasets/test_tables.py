"""Tables of mixed kinds: what is inferred, what wishes change, and what is said."""

from __future__ import annotations

import numpy as np
import pandas
import pytest
import torch

from tensorar import SpecError, load_dataset
from tensorar.tables import (
    Schema,
    encode,
    read_table,
)
from tensorar_plugins.datasets.table import Table
from tests.datasets.data_errors import check_error
from tests.datasets.people import KINDS, PEOPLE, kinds, rows_of, write
from tests.datasets.text_files import text


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


def test_a_schema_survives_json(tmp_path):
    schema = Table(path=write(tmp_path), target="sex", min_count=12).schema
    assert Schema.from_dict(schema.as_dict(), "x") == schema
    with pytest.raises(Exception, match="the schema of a table in x"):
        Schema.from_dict({**schema.as_dict(), "columns": [{"name": "a", "kind": "strange"}]}, "x")


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
