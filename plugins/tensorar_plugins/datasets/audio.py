"""Sounds of the user's own, in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float, Int, Shaped, UInt8
from torch import Tensor

from tensorar import DataError, FileEvents, SpecError, Splits
from tensorar.series import SeriesDataset, TimeSeries
from tensorar.utils.memory import require_memory
from tensorar.utils.reading import expand, shorten
from tensorar.utils.words import counted
from tensorar_plugins.datasets.failures import Failures
from tensorar_plugins.datasets.file_classes import FileClasses, find_files
from tensorar_plugins.datasets.series_events import successive_windows
from tensorar_plugins.datasets.sound_files import (
    ENDINGS,
    LEVELS,
    SoundForm,
    import_soundfile,
    read_form,
    read_sound,
    to_mu_law,
    wav,
)
from tensorar_plugins.datasets.splitting import SplitFolder
from tensorar_plugins.datasets.time_axis import Numbers

Labels = Literal["none", "folder", "prefix"]
SILENCE = LEVELS // 2
WHAT = "sounds"


@dataclass(frozen=True, kw_only=True)
class Audio(SplitFolder, SeriesDataset):
    """Sounds of your own from a folder (WAV, FLAC, OGG, AIFF): windows of one channel in 256 levels of mu-law.

    Events are ``(window,)`` of integers from 0 to 255, of which 128 is silence. All windows of a file are in one split;
    the last one of a file is filled with silence. ``tensorar sample`` and ``forecast`` write WAV files.

    Options:
        path: Folder of the sounds; of a folder in it, those in that one too.
        rate: Samples per second, to which all files are brought (none: that of the files, if all have the same).
        window: Number of samples of an event.
        stride: Number of samples from one window of a file to the next (none: a quarter of a window).
        labels: Classes of the files, used as contexts (one-hot) for models of ``p(sound | class)``: ``folder``, the
            folder that a file is in, or ``prefix``, its name up to the first ``_`` or ``-``, as in ``7_jackson_0.wav``.
        max_skipped: Largest share of the files that may fail to open and are skipped, if any do.
        valid_fraction: Fraction of the files used for validation.
        test_fraction: Fraction of the files used for testing.
        seed: Seed of the shuffle before the files are split.
    """

    name = "audio"
    rate: int | None = None
    window: int = 512
    stride: int | None = None
    labels: Labels = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self._stride <= self.window or (self.rate is not None and self.rate < 1):
            raise SpecError(
                expected=f"rate, window and stride of {self.name} above 0, with stride <= window",
                got=f"rate={self.rate}, window={self.window}, stride={self.stride}",
                remedy="write for example rate=8000,window=512,stride=128",
            )

    @property
    def _stride(self) -> int:
        return max(1, self.window // 4) if self.stride is None else self.stride

    @classmethod
    def accepts_folder(cls, path: Path) -> bool:
        return any(file.suffix.lower() in ENDINGS for pattern in ("*", "*/*") for file in path.glob(pattern))

    def load(self) -> Splits:
        windows = [_windows(levels, self.window, self._stride) for levels in self._levels]
        total = sum(map(Tensor.numel, windows))
        require_memory(total, f"{total} samples in overlapping windows of {self.path}", error=DataError)
        return Splits(*(torch.cat([windows[k] for k in files.tolist()]) for files in self._files_of_splits))

    @property
    def axes(self) -> tuple[str, ...]:
        return ("time",)

    @property
    def suggested_head(self) -> str:
        # neighboring levels are alike, and most of them are rare
        return f"logistic_mixture:levels={LEVELS}"

    @property
    def suggested_backbone(self) -> str:
        return "rnn:hidden=128,layers=1"

    @property
    def notes(self) -> list[str]:
        sounds, rate = self._forms, self._rate
        seconds = sum(sound.steps / sound.rate for sound in sounds)
        notes = [
            f"{len(sounds)} sounds of {seconds:.3g} seconds in all, at {rate} Hz; windows of {self.window / rate:.3g} s"
        ]
        mixed, resampled = sum(s.channels > 1 for s in sounds), sum(s.rate != rate for s in sounds)
        notes += [f"the channels of {counted(mixed, 'file')} were averaged"] * bool(mixed)
        notes += [f"{counted(resampled, 'file was', 'files were')} resampled to {rate} Hz"] * bool(resampled)
        short = sum(len(levels) < self.window for levels in self._levels)
        padded = counted(short, "file is", "files are")
        notes += [f"{padded} shorter than a window and filled with silence"] * bool(short)
        return [*notes, *self._failures.notes()]

    # --- classes ----------------------------------------------------------------------------------------------------

    def load_contexts(self) -> Splits | None:
        if self.labels == "none":
            return None
        counts = [len(_windows(levels, self.window, self._stride)) for levels in self._levels]
        one_hot = self._classes.of_files(self._files)
        return Splits(
            *(torch.cat([one_hot[k].expand(counts[k], -1) for k in files.tolist()]) for files in self._files_of_splits)
        )

    def parse_context(self, text: str) -> Float[Tensor, " context"]:
        """A class by its name, as a one-hot vector."""
        return super().parse_context(text) if self.labels == "none" else self._classes.parse(text)

    @property
    def class_names(self) -> list[str] | None:
        return None if self.labels == "none" else self._classes.names

    @cached_property
    def _classes(self) -> FileClasses:
        return FileClasses(self._found, by_folder=self.labels == "folder", where=str(self.path))

    # --- other files ------------------------------------------------------------------------------------------------

    def series(self, path: str | Path | None = None) -> TimeSeries:
        if path is None:
            raise DataError(
                expected=f"the beginning of a sound to continue, since {self.name} has many of them",
                got="none",
                remedy="pass a file, as in --prefix sound.wav",
            )
        return TimeSeries(self._read(path), Numbers("second", 0.0, 1 / self._rate), ("level",))

    def read_events(self, path: str | Path, event_shape: tuple[int, ...], mask: str | Path | None = None) -> FileEvents:
        return successive_windows(self.series(path).values, event_shape, path)

    @property
    def event_ending(self) -> str:
        return ".wav"

    def event_file(self, event: Shaped[Tensor, " steps"]) -> bytes:
        return wav(event.round().clamp(0, LEVELS - 1).to(torch.uint8).numpy(), self._rate)

    # --- reading ----------------------------------------------------------------------------------------------------

    @cached_property
    def _found(self) -> list[Path]:
        import_soundfile()
        return find_files(self.path, ENDINGS, WHAT)

    @cached_property
    def _failures(self) -> Failures:
        return Failures(len(self._found), self.max_skipped, expand(self.path), WHAT)

    @cached_property
    def _headers(self) -> dict[Path, SoundForm]:
        """The headers of the files that have one."""
        found = dict(self._failures.reading(self._found, read_form))
        self._failures.check()
        return found

    @cached_property
    def _sounds(self) -> dict[Path, UInt8[Tensor, " steps"]]:
        """The levels of the files that open."""
        rate = self._rate  # files of other rates are no files that do not open
        found = dict(self._failures.reading(self._headers, lambda file: _levels(file, rate)))
        self._failures.check()
        return found

    @property
    def _files(self) -> list[Path]:
        return list(self._sounds)

    @property
    def _forms(self) -> list[SoundForm]:
        return [self._headers[file] for file in self._files]

    @property
    def _levels(self) -> list[UInt8[Tensor, " steps"]]:
        return list(self._sounds.values())

    def _read(self, path: str | Path) -> UInt8[Tensor, " steps"]:
        return _levels(path, self._rate)

    @cached_property
    def _rate(self) -> int:
        if self.rate is not None:
            return self.rate
        rates = sorted({sound.rate for sound in self._headers.values()})
        if len(rates) > 1:
            raise DataError(
                expected=f"sounds of one rate in {self.path}, or the option rate",
                got=shorten(", ".join(f"{rate} Hz" for rate in rates), 80),
                remedy=f"write for example rate={rates[0]}",
            )
        return rates[0]

    @cached_property
    def _files_of_splits(self) -> list[Int[Tensor, " files"]]:
        return self.split_rows(len(self._files))


def _windows(levels: UInt8[Tensor, " steps"], window: int, stride: int) -> UInt8[Tensor, "n window"]:
    """The windows of a sound, filled with silence so that nothing of it is left out."""
    beyond = max(0, len(levels) - window)
    count = -(-beyond // stride) + 1
    padded = levels.new_full(((count - 1) * stride + window,), SILENCE)
    padded[: len(levels)] = levels
    return padded.unfold(0, window, stride)


def _levels(path: str | Path, rate: int) -> UInt8[Tensor, " steps"]:
    return torch.from_numpy(to_mu_law(read_sound(path).at_rate(rate)))
