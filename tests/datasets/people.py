"""A table of people, as tests of tables write and read it."""

from __future__ import annotations

import numpy as np
import pandas
import torch

from tensorar.tables import decode

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
