"""Sounds: files of several kinds become levels of mu-law and come back; files are kept whole in a split."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import soundfile
import torch

from tensorar import DataError, SpecError
from tensorar_plugins.datasets.audio import Audio
from tensorar_plugins.datasets.sound_files import SoundForm, from_mu_law, read_form, read_sound, to_mu_law, wav
from tests.datasets.data_errors import check_error


def tone(seconds=0.1, rate=8000, pitch=440.0, loudness=0.5):
    return loudness * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)


@pytest.fixture
def sounds(tmp_path):
    """Twelve tones of two classes, as other programs write them."""
    for k in range(12):
        digit = "low" if k % 2 else "high"
        soundfile.write(tmp_path / f"{digit}_{k}.wav", tone(pitch=200 + 50 * k), 8000, subtype="PCM_16")
    return tmp_path


# --- levels ----------------------------------------------------------------------------------------------------------


def test_every_level_comes_back():
    levels = np.arange(256, dtype=np.uint8)
    assert np.array_equal(to_mu_law(from_mu_law(levels)), levels)


def test_the_levels_are_those_of_mu_law():
    """F(x) = sign(x) ln(1 + 255 |x|) / ln 256 of WaveNet (van den Oord et al. 2016, section 2.2), rounded."""
    signal = np.linspace(-1, 1, 1001)
    compressed = 2 * to_mu_law(signal).astype(float) / 255 - 1
    expected = np.sign(signal) * np.log(1 + 255 * np.abs(signal)) / np.log(256)
    assert np.abs(compressed - expected).max() <= 1 / 255 + 1e-12


@pytest.mark.parametrize(("name", "subtype", "error"), [
    ("x.wav", "PCM_16", 1e-4), ("x.wav", "PCM_U8", 1e-2), ("x.wav", "PCM_24", 1e-6), ("x.wav", "FLOAT", 1e-7),
    ("x.wav", "ULAW", 2e-2), ("x.flac", "PCM_16", 1e-4), ("x.aiff", "PCM_16", 1e-4), ("x.ogg", "VORBIS", 1e-1),
])  # fmt: skip
def test_kinds_of_files(tmp_path, name, subtype, error):
    soundfile.write(tmp_path / name, tone(), 8000, subtype=subtype)
    sound = read_sound(tmp_path / name)
    assert (sound.rate, len(sound.signal)) == (8000, 800)
    assert read_form(tmp_path / name) == SoundForm(800, 8000, 1)
    assert np.abs(sound.signal - tone()).max() < error


def test_channels_are_averaged(tmp_path):
    soundfile.write(tmp_path / "x.wav", np.stack([tone(), -0.5 * tone()], 1), 8000, subtype="FLOAT")
    sound = read_sound(tmp_path / "x.wav")
    assert read_form(tmp_path / "x.wav").channels == 2
    assert np.allclose(sound.signal, 0.25 * tone(), atol=1e-6)


def test_another_rate_keeps_what_it_can_hold(tmp_path):
    """A tone of whole periods is the same tone at another rate; one above half the rate is gone."""
    soundfile.write(tmp_path / "x.wav", tone(pitch=400) + 0.3 * tone(pitch=3000), 8000, subtype="DOUBLE")
    sound = read_sound(tmp_path / "x.wav")
    assert np.allclose(sound.at_rate(4000), tone(rate=4000, pitch=400), atol=1e-9)
    assert len(sound.at_rate(11025)) == 1102


def test_a_wav_file_holds_the_signal_of_the_levels(tmp_path):
    levels = to_mu_law(tone())
    (tmp_path / "x.wav").write_bytes(wav(levels, 8000))
    signal, rate = soundfile.read(tmp_path / "x.wav")
    assert rate == 8000 and np.abs(signal - from_mu_law(levels)).max() < 1e-4


# --- windows ---------------------------------------------------------------------------------------------------------


def test_windows_cover_each_file_and_end_in_silence(sounds):
    data = Audio(path=sounds, window=300, stride=200)
    assert data.event_shape == (300,) and data.axes == ("time",) and data.train.dtype == torch.uint8
    # of 800 samples: from 0, 200, 400 and 600, the last one for 200
    assert len(data.train) == 10 * 4 and len(data.valid) == len(data.test) == 4
    assert (data.train[3::4, 200:] == 128).all() and not (data.train[3::4, :200] == 128).all()
    joined = torch.cat([data.test[0], data.test[1, 100:], data.test[2, 100:], data.test[3, 100:200]]).tolist()
    assert joined in [to_mu_law(read_sound(file).signal).tolist() for file in sounds.iterdir()]
    assert data.suggested_head == "logistic_mixture:levels=256"


def test_short_files_are_filled(sounds):
    data = Audio(path=sounds, window=1000)
    assert len(data.train) == 10 and (data.train[:, 800:] == 128).all()
    assert "12 files are shorter than a window" in data.notes[-1]


def test_classes_by_prefix_and_by_folder(sounds):
    data = Audio(path=sounds, window=800, labels="prefix")
    assert data.contexts.train.shape == (10, 2)
    assert data.parse_context("low").tolist() == [0, 1]
    check_error(lambda: data.parse_context("x"), "a class: high, low", "'x'")
    check_error(lambda: Audio(path=sounds, labels="folder").contexts, "at least two classes", "folders")
    for name in ("high", "low"):
        (sounds / name).mkdir()
        for file in sounds.glob(f"{name}_*.wav"):
            file.rename(sounds / name / f"{file.stem.split('_')[1]}.wav")
    by_folder = Audio(path=sounds, window=800, labels="folder")
    high = {tuple(event.tolist()) for event in by_folder.train[by_folder.contexts.train[:, 0] == 1]}
    assert high <= {tuple(to_mu_law(read_sound(file).signal).tolist()) for file in (sounds / "high").iterdir()}
    assert Audio.accepts_folder(sounds)


def test_rates_must_agree_or_be_chosen(sounds):
    soundfile.write(sounds / "other.wav", tone(rate=4000), 4000)
    check_error(lambda: Audio(path=sounds).train, "sounds of one rate", "4000 Hz, 8000 Hz", "rate=4000")
    notes = Audio(path=sounds, rate=4000, window=100).notes
    assert "13 sounds" in notes[0] and "12 files were resampled to 4000 Hz" in notes[1]


# --- errors ----------------------------------------------------------------------------------------------------------


def test_files_that_are_no_sounds(sounds):
    check_error(lambda: Audio(path=sounds / "no").train, "sounds (.wav, .flac", "no such folder")
    (sounds / "a.wav").write_bytes(b"RIFF" + b"\0" * 20)
    check_error(lambda: Audio(path=sounds).train, "at most 5 % of the", "(a.wav: ")
    soundfile.write(sounds / "a.wav", np.zeros(0), 8000)
    check_error(lambda: Audio(path=sounds).train, "at most 5 % of the", "(a.wav: no samples)")


def test_soundfile_is_named_where_it_is_missing(sounds, monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    check_error(lambda: Audio(path=sounds).train, "the package soundfile", "pip install tensorar[audio]")


@pytest.mark.parametrize("options", [{"stride": 600}, {"rate": 0}, {"window": 0}])
def test_options_are_checked_before_files_are_read(options):
    check_error(lambda: Audio(path="no", **options), "audio", kind=SpecError)


def test_a_damaged_file_among_sounds_is_named_in_plain_words(tmp_path):
    soundfile.write(tmp_path / "good.wav", np.zeros(400), 8000)
    (tmp_path / "bad.wav").write_bytes(b"RIFFxxxx")
    with pytest.raises(DataError, match=r"got 1 of 2 sounds that do not open \(bad\.wav: Format not recognised\.\)"):
        Audio(path=tmp_path, window=64).load()
