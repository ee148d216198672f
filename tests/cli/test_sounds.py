"""Sounds from the command line: train on a folder, sample, continue and complete WAV files."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from .commands import SHORT, call, done, refused, report


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """A run on a folder of short tones, by class."""
    folder = tmp_path_factory.mktemp("spoken")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for k in range(8):
            signal = 0.4 * np.sin(0.1 * (1 + k % 2) * np.arange(60 + k))
            soundfile.write(folder / f"{'ab'[k % 2]}-{k}.wav", signal, 8000)
        options = ["--head", "categorical:levels=256", "--backbone", "rnn:hidden=8,layers=1"]
        done("train", f"audio:path={folder},window=32,labels=prefix", *options, *SHORT, "--out", folder / "run")
    return folder


def heard(path):
    signal, rate = soundfile.read(path)
    assert rate == 8000
    return signal


def test_samples_are_written_as_sounds(spoken, tmp_path):
    run = spoken / "run"
    done("sample", run, "-n", "1", "--context", "a", "--out", tmp_path / "x.wav")
    assert len(heard(tmp_path / "x.wav")) == 32
    done("sample", run, "-n", "2", "--out", tmp_path / "y.wav")
    done("sample", run, "-n", "2", "--out", tmp_path / "folder")
    names = sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.wav"))
    assert names == ["folder/sample-1.wav", "folder/sample-2.wav", "x.wav", "y-1.wav", "y-2.wav"]
    assert np.array_equal(heard(tmp_path / "y-2.wav"), heard(tmp_path / "folder" / "sample-2.wav"))


def test_a_forecast_goes_on_where_the_file_ends(spoken, tmp_path):
    run, prefix = spoken / "run", spoken / "a-0.wav"
    options = ["forecast", run, "--prefix", prefix, "--horizon", "50", "--context", "a", "--draws"]
    found = report(*options, "1", "--out", tmp_path / "on.wav")
    assert found["windows"] == 4 and found["times"][0] == "0.0075"
    signal = heard(tmp_path / "on.wav")
    assert len(signal) == 110
    assert np.abs(signal[:60] - heard(prefix)).max() < 0.02  # in the levels of mu-law
    result = done(*options, "12", "--out", tmp_path / "more.wav")
    assert "more-01.wav to " in result.stdout and len(list(tmp_path.glob("more-*.wav"))) == 12


def test_a_short_file_is_completed(spoken, tmp_path):
    soundfile.write(tmp_path / "short.wav", heard(spoken / "a-0.wav")[:20], 8000)
    options = ["inpaint", spoken / "run", "--data", tmp_path / "short.wav", "--context", "b", "--completions", "2"]
    result = done(*options, "--out", tmp_path / "out")
    assert "has 20 of the 32 steps of a window" in result.stdout
    first, second = (heard(tmp_path / "out" / f"completion-{k}.wav") for k in (1, 2))
    assert np.array_equal(first[:20], second[:20]) and not np.array_equal(first, second)


@pytest.mark.parametrize(("arguments", "words"), [
    (["forecast", "run", "--horizon", "5", "--context", "a"], ["--prefix", "the beginning of a sound"]),
    (["forecast", "run", "--horizon", "5", "--prefix", "a-0.wav"], ["--context", "trained with contexts"]),
    (["forecast", "run", "--horizon", "5", "--prefix", "run/recipe.toml", "--context", "a"], ["to be a sound"]),
    (["sample", "run", "--context", "c"], ["a class: a, b", "'c'"]),
])  # fmt: skip
def test_errors_are_one_line(spoken, monkeypatch, arguments, words):
    monkeypatch.chdir(spoken)
    line = refused(call(*arguments))
    for word in words:
        assert word in line, line


def test_only_runs_on_sounds_write_sounds(toy_run, tmp_path):
    assert "a file that toy writes" in refused(call("sample", toy_run, "-n", "1", "--out", tmp_path / "x.wav"))
