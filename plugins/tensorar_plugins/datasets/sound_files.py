"""Sound files, through soundfile: one channel at a rate, in the levels of mu-law, and back."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float64, UInt8

from tensorar import DataError
from tensorar.utils.memory import require_memory
from tensorar.utils.reading import describe, open_file

ENDINGS = (".wav", ".flac", ".ogg", ".aiff", ".aif")
WHAT = f"a sound ({', '.join(ENDINGS)})"
LEVELS = 256
MU = LEVELS - 1


@dataclass(frozen=True, eq=False)
class Sound:
    """A signal between -1 and 1, the mean of the channels of a file, at a rate in Hz."""

    signal: Float64[np.ndarray, " steps"]
    rate: int

    def at_rate(self, rate: int) -> Float64[np.ndarray, " steps"]:
        """The signal at another rate, without the frequencies that the lower rate cannot hold."""
        count = max(1, round(len(self.signal) * rate / self.rate))
        if rate == self.rate:
            return self.signal
        spectrum = np.fft.rfft(self.signal)
        resampled: np.ndarray = np.fft.irfft(spectrum[: count // 2 + 1], count) * (count / len(self.signal))
        return resampled.clip(-1, 1)


@dataclass(frozen=True)
class SoundForm:
    """What the header of a file says: its samples per channel, their rate in Hz, and the number of channels."""

    steps: int
    rate: int
    channels: int


def read_form(path: str | Path) -> SoundForm:
    """The header of a sound. Raises ``DataError`` for a file of another kind."""
    with _opened(path) as sound:
        return SoundForm(sound.frames, sound.samplerate, sound.channels)


def read_sound(path: str | Path) -> Sound:
    """The sound in a file. Raises ``DataError`` for a file of another kind, or without a sample."""
    with _opened(path) as sound:
        require_memory(16 * sound.frames * sound.channels, f"the samples of {path}", error=DataError)
        samples, rate = sound.read(dtype="float64", always_2d=True), sound.samplerate
        if not len(samples) or not np.isfinite(samples).all():
            raise ValueError("no samples" if not len(samples) else "samples that are no numbers")
    return Sound(samples.mean(1).clip(-1, 1), rate)


@contextmanager
def _opened(path: str | Path) -> Iterator[Any]:
    """An open sound of soundfile. Errors in the body become ``DataError``, too."""
    soundfile = import_soundfile()
    with open_file(path, WHAT) as file:
        try:
            with soundfile.SoundFile(file.data) as sound:
                yield sound
        except DataError:
            raise
        except Exception as error:  # soundfile raises several exceptions for damaged files
            # before it, soundfile describes the object that was open
            got = describe(error).rpartition(">: ")[2]
            raise DataError(expected=f"{path} to be {WHAT}", got=got, remedy="check the file") from error


def wav(levels: UInt8[np.ndarray, " steps"], rate: int) -> bytes:
    """A WAV file of 16 bits of some levels."""
    memory = io.BytesIO()
    import_soundfile().write(memory, from_mu_law(levels), rate, format="WAV", subtype="PCM_16")
    return memory.getvalue()


def to_mu_law(signal: Float64[np.ndarray, " steps"]) -> UInt8[np.ndarray, " steps"]:
    """The levels of a signal between -1 and 1 (ITU-T G.711, continuous): fine for quiet sounds, coarse for loud ones.

    >>> to_mu_law(np.array([-1.0, 0.0, 0.01, 1.0])).tolist()
    [0, 128, 157, 255]
    """
    compressed = np.sign(signal) * np.log1p(MU * np.abs(signal)) / np.log1p(MU)
    levels: np.ndarray = np.floor((compressed + 1) / 2 * MU + 0.5).astype(np.uint8)
    return levels


def from_mu_law(levels: Float[np.ndarray, " steps"] | UInt8[np.ndarray, " steps"]) -> Float64[np.ndarray, " steps"]:
    """The signal of some levels.

    >>> from_mu_law(np.array([0, 255], np.uint8)).round(9).tolist()
    [-1.0, 1.0]
    """
    compressed = 2 * levels.astype(np.float64) / MU - 1
    signal: np.ndarray = np.sign(compressed) * np.expm1(np.abs(compressed) * np.log1p(MU)) / MU
    return signal


def import_soundfile() -> Any:
    """The module ``soundfile``. Raises ``DataError`` where it is not installed."""
    try:
        import soundfile
    except (ImportError, OSError) as error:
        raise DataError(
            expected="the package soundfile, which reads and writes sounds",
            got=describe(error),
            remedy="install it: pip install tensorar[audio]",
        ) from error
    return soundfile
