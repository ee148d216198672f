"""An archive of arrays of the user's own, already split or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tensorar import DataError, Events, FileEvents, Splits
from tensorar.utils.reading import shorten
from tensorar_plugins.datasets.array_files import open_npz, read_npy, read_packed, to_tensor
from tensorar_plugins.datasets.splitting import SplitArrays, split
from tensorar_plugins.datasets.user_events import as_events, is_picture, read_picture


@dataclass(frozen=True, kw_only=True)
class Npz(SplitArrays):
    """Your own arrays from a .npz file: train, valid and test, or one array that is split; also packed bits.

    If the file has no ``valid`` or ``test``, they are split off the other events, which are shuffled first.

    Options:
        key: Name of the only array to use (none: ``train``, ``valid`` and ``test``, or else ``data``).
        packed: Whether to unpack bits that ``numpy.packbits(..., axis=1)`` packed; ``shape`` then holds the event's
            shape.
        valid_fraction: Fraction of the events used for validation, if the file has no ``valid``.
        test_fraction: Fraction of the events used for testing, if the file has no ``test``.
        seed: Seed of the shuffle before the events are split, if the file lacks a split.
    """

    name = "npz"
    key: str | None = None
    packed: bool = False

    def load(self) -> Splits:
        splits = self._read()
        fractions = {"valid": self.valid_fraction, "test": self.test_fraction}
        absent = [name for name in fractions if name not in splits]
        if absent:
            cut = split(splits["train"], [fractions[name] for name in absent], self.seed, where=self.path)
            splits.update(zip(["train", *absent], cut, strict=True))
        return Splits(**splits)

    def read_events(self, path: str | Path, event_shape: tuple[int, ...], mask: str | Path | None = None) -> FileEvents:
        if is_picture(path):
            return read_picture(self, path, event_shape, mask)
        if Path(path).suffix.lower() == ".npy":
            return as_events(read_npy(path), event_shape, path)
        arrays = replace(self, path=path)._read()
        return as_events(arrays.get("test", arrays["train"])[:], event_shape, path)

    def _read(self) -> dict[str, Events]:
        with open_npz(self.path) as file:
            keys = self._keys(file.names)
            if self.packed:
                return {name: read_packed(file, key, self.path) for name, key in keys.items()}
            return {name: to_tensor(file.read(key), f"{key} of {self.path}") for name, key in keys.items()}

    def _keys(self, available: Sequence[str]) -> dict[str, str]:
        """The array of each split that the file has."""
        if self.key is None and "train" in available:
            return {name: name for name in ("train", "valid", "test") if name in available}
        key = "data" if self.key is None else self.key
        if key not in available:
            raise DataError(
                expected=f"an array named {key}{' or train' if self.key is None else ''} in {self.path}",
                got=shorten(", ".join(available), 200) or "no arrays",
                remedy="name the array to use with key=NAME",
            )
        return {"train": key}
