"""``tensorar forecast``: from a table with dates to quantiles with dates, a fan chart and draws."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from .commands import call, done, refused, report

SHORT = ["--steps", "5", "--batch-size", "16", "--device", "cpu"]


def waves(count=200, noise=0.1):
    """Hours of a wave of a day, and its negative."""
    hours = pd.date_range("2024-02-20 06:00", periods=count, freq="h")
    wave = 10 + np.sin(2 * np.pi * np.arange(count) / 24) + noise * np.random.default_rng(0).normal(size=count)
    return pd.DataFrame({"hour": hours.strftime("%d/%m/%Y %H:%M"), "load": wave.round(3), "minus": (-wave).round(3)})


@pytest.fixture(scope="session")
def forecasting(tmp_path_factory):
    """A run on windows of twelve hours of both columns, written as a spreadsheet in Europe does."""
    folder = tmp_path_factory.mktemp("forecasting")
    waves().to_csv(folder / "waves.csv", index=False, sep=";")
    data = f"series:path={folder}/waves.csv,window=12,stride=6"
    result = done("train", data, "--backbone", "rnn:hidden=16,layers=1", *SHORT, "--out", folder / "run")
    assert "head gaussian_mixture" in result.stdout and "ordering raster" in result.stdout
    assert "200 steps of hour, a step of 1 hour: training from 20/02/2024 06:00" in result.stdout
    return folder


@pytest.fixture
def run(forecasting, tmp_path):
    shutil.copytree(forecasting, tmp_path, dirs_exist_ok=True)
    return tmp_path / "run"


def test_the_table_continues_the_time_axis(run):
    result = done("forecast", run, "--horizon", "30", "--draws", "8", "--quantiles", "0.05,0.5,0.95")
    assert "8 draws of 30 steps" in result.stdout
    assert "5 windows of 12 steps, each given 2 steps at least" in result.stdout
    assert "conditioning exact" in result.stdout
    with (run / "forecast.csv").open() as file:
        header, *rows = csv.reader(file, delimiter=";")
    assert header == ["hour", *(f"{name}_{level}" for name in ("load", "minus") for level in (0.05, 0.5, 0.95))]
    following = pd.date_range("2024-02-28 14:00", periods=30, freq="h").strftime("%d/%m/%Y %H:%M")
    assert [row[0] for row in rows] == list(following)
    values = np.array([row[1:] for row in rows], float)
    assert (np.diff(values.reshape(30, 2, 3)) >= 0).all()
    assert (run / "forecast.png").stat().st_size > 10_000


def test_the_quantiles_are_those_of_the_draws(run, tmp_path):
    options = ["forecast", run, "--horizon", "4", "--draws", "50", "--seed", "3"]
    found = report(*options, "--quantiles", "0.25,0.5", "--out", tmp_path / "f.csv")
    done(*options, "--out", tmp_path / "draws.npy")
    draws = np.load(tmp_path / "draws.npy")
    assert draws.shape == (50, 4, 2) and found["times"][0] == "28/02/2024 14:00"
    assert np.allclose(found["quantiles"]["0.25"], np.quantile(draws, 0.25, axis=0), atol=1e-5)
    assert found["conditioning"]["way"] == "exact"
    # columns of very different levels stay apart
    assert draws[..., 0].mean() > 0 > draws[..., 1].mean()


def test_a_prefix_with_columns_in_another_order(run, tmp_path):
    prefix = waves(9)[["minus", "load", "hour"]].assign(note="x")
    prefix.to_csv(tmp_path / "prefix.csv", index=False)
    found = report("forecast", run, "--prefix", tmp_path / "prefix.csv", "--horizon", "2", "--draws", "2")
    assert found["times"] == ["20/02/2024 15:00", "20/02/2024 16:00"]
    assert found["quantiles"]["0.5"][0][0] > 0 > found["quantiles"]["0.5"][0][1]


def test_a_prefix_where_the_training_file_is_gone(run, forecasting, tmp_path):
    waves(9).to_csv(tmp_path / "prefix.csv", index=False)
    (tmp_path / "waves.csv").unlink()
    (forecasting / "waves.csv").rename(forecasting / "away.csv")
    try:
        assert report("forecast", run, "--horizon", "2", "--prefix", tmp_path / "prefix.csv")["windows"] == 1
        assert "waves.csv" in refused(call("forecast", run, "--horizon", "2"))
    finally:
        (forecasting / "away.csv").rename(forecasting / "waves.csv")


def test_the_fan_chart_alone(run, tmp_path):
    done("forecast", run, "--horizon", "3", "--draws", "3", "--out", tmp_path / "fan.png")
    assert (tmp_path / "fan.png").is_file() and not (tmp_path / "fan.csv").exists()


@pytest.mark.parametrize(("options", "words"), [
    (["--horizon", "3", "--quantiles", "0.5,x"], ["--quantiles as numbers"]),
    (["--horizon", "3", "--quantiles", "0.9,0.1"], ["in increasing order"]),
    (["--horizon", "3", "--quantiles", "0,1"], ["between 0 and 1"]),
    (["--horizon", "3", "--out", "f.txt"], ["--out to end in .csv"]),
    (["--horizon", "3", "--prefix", "no.csv"], ["no.csv", "no such file"]),
    (["--horizon", "3", "--prefix", "text.csv"], ["a column load in text.csv", "a, b"]),
    (["--horizon", "3", "--prefix", "blank.csv"], ["a missing value at hour 20/02/2024 08:00"]),
    (["--horizon", "3", "--prefix", "roll.npy"], ["steps of shape (2,)", "(3,)"]),
    (["--horizon", "3", "--context", "1"], ["no --context"]),
    (["--horizon", "0"], ["0"]),
])  # fmt: skip
def test_errors_are_one_line(run, tmp_path, monkeypatch, options, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.csv").write_text("a,b\n1,2\n")
    blank = waves(9)
    blank.loc[2, "minus"] = None
    blank.to_csv("blank.csv", index=False)
    np.save("roll.npy", np.zeros((5, 3)))
    line = refused(call("forecast", run, *options))
    for word in words:
        assert word in line, line


def test_only_series_are_forecast(bits_run):
    assert "a run on a dataset of series to forecast with" in refused(call("forecast", bits_run, "--horizon", "3"))


def test_whole_numbers_and_missing_values(tmp_path):
    """Counts by quarter, one of which is absent: quantiles are counts, which are written in full."""
    counts = [0, 1_234_567, 2_345_678, 3_456_789]
    quarters = pd.date_range("1990", periods=80, freq="QS").strftime("%Y-%m-%d")
    table = pd.DataFrame({"date": quarters, "births": counts * 20}).drop(index=11)
    table.to_csv(tmp_path / "births.csv", index=False)
    data = f"series:path={tmp_path}/births.csv,window=6,missing=true"
    result = done("train", data, "--backbone", "mlp:hidden=8", *SHORT, "--out", tmp_path / "run")
    assert "1 of 80 steps, taken as missing values" in result.stdout
    found = report("forecast", tmp_path / "run", "--horizon", "5", "--draws", "4")
    assert found["times"][:2] == ["2010-01-01", "2010-04-01"]
    assert all(value in counts for part in found["quantiles"].values() for value in part)
    written = pd.read_csv(tmp_path / "run" / "forecast.csv", dtype=str).iloc[:, 1:]
    assert written.isin(list(map(str, counts))).all(axis=None)
    assert json.dumps(found)
