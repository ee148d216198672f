"""An archive of arrays of the user's own, already split or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from tensorar import DataError, Events, FileEvents, Splits
from tensorar.utils.reading import is_picture, shorten
from tensorar_plugins.datasets.array_files import open_npz, read_packed, to_tensor
from tensorar_plugins.datasets.class_labels import ClassLabels
from tensorar_plugins.datasets.splitting import SplitArrays, split
from tensorar_plugins.datasets.user_events import as_events

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True, kw_only=True)
class Npz(SplitArrays):
    """Your own arrays from a .npz file: train, valid and test, or one array that is split; also packed bits.

    If the file has no ``valid`` or ``test``, they are split off the other events, which are shuffled first. With
    ``labels``, the class of each event, a whole number, is in ``train_labels`` (and ``valid_labels``, ``test_labels``),
    or in ``data_labels`` or ``labels`` if there is one array.

    Options:
        key: Name of the only array to use (none: ``train``, ``valid`` and ``test``, or else ``data``).
        packed: Whether to unpack bits that ``numpy.packbits(..., axis=1)`` packed; ``shape`` then holds the event's
            shape.
        labels: Whether to condition on the class of each event.
        valid_fraction: Fraction of the events used for validation, if the file has no ``valid``.
        test_fraction: Fraction of the events used for testing, if the file has no ``test``.
        seed: Seed of the shuffle before the events are split, if the file lacks a split.
    """

    name = "npz"
    key: str | None = None
    packed: bool = False
    labels: bool = False

    def load(self) -> Splits:
        return self._cut(self._read())

    def _cut(self, splits: dict[str, Events]) -> Splits:
        """The splits of a file, with those that it lacks split off the training part."""
        fractions = {"valid": self.valid_fraction, "test": self.test_fraction}
        absent = [name for name in fractions if name not in splits]
        if absent:
            cut = split(splits["train"], [fractions[name] for name in absent], self.seed, where=self.path)
            splits.update(zip(["train", *absent], cut, strict=True))
        return Splits(**splits)

    @cached_property
    def _labels(self) -> Splits:
        """The class of each event. Raises ``DataError`` unless there is one whole number for each."""
        with open_npz(self.path) as file:
            keys = {name: self._label_key(key, file.names) for name, key in self._keys(file.names).items()}
            found = {name: to_tensor(file.read(key), f"{key} of {self.path}") for name, key in keys.items()}
        for name, labels in found.items():
            if labels.ndim != 1 or labels.is_floating_point():
                raise DataError(
                    expected=f"a whole number for each event in {keys[name]} of {self.path}",
                    got=f"{str(labels.dtype).removeprefix('torch.')} numbers of shape {tuple(labels.shape)}",
                    remedy="number the classes",
                )
        cut = self._cut({name: labels.long().unsqueeze(1) for name, labels in found.items()})
        return Splits(*(part[:][:, 0] for part in (cut.train, cut.valid, cut.test)))

    def _label_key(self, key: str, available: Sequence[str]) -> str:
        names = [f"{key}_labels", *(["labels"] if key not in SPLITS else [])]
        for name in names:
            if name in available:
                return name
        raise DataError(
            expected=f"the classes of {key} of {self.path} in an array named {' or '.join(names)}",
            got=shorten(", ".join(available), 200),
            remedy="add it, or leave out labels",
        )

    @cached_property
    def classes(self) -> ClassLabels:
        """The classes of all splits."""
        return ClassLabels(torch.cat([self._labels.train, self._labels.valid, self._labels.test]))

    def load_contexts(self) -> Splits | None:
        if not self.labels:
            return None
        parts, events = self._labels, self.splits
        labels = (parts.train, parts.valid, parts.test)
        count, expected = sum(map(len, labels)), sum(map(len, (events.train, events.valid, events.test)))
        if count != expected:
            raise DataError(
                expected=f"a class for each of the {expected} events in {self.path}",
                got=str(count),
                remedy="save the labels of these events",
            )
        return Splits(*(self.classes.one_hot(part) for part in labels))

    @property
    def class_names(self) -> list[str] | None:
        return self.classes.written if self.labels else None

    def parse_context(self, text: str) -> Float[Tensor, " context"]:
        """A class by its number, as a one-hot vector."""
        return self.classes.parse(text) if self.labels else super().parse_context(text)

    def read_events(self, path: str | Path, event_shape: tuple[int, ...], mask: str | Path | None = None) -> FileEvents:
        if is_picture(path) or Path(path).suffix.lower() == ".npy":
            return super().read_events(path, event_shape, mask)
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
            return {name: name for name in SPLITS if name in available}
        key = "data" if self.key is None else self.key
        if key not in available:
            raise DataError(
                expected=f"an array named {key}{' or train' if self.key is None else ''} in {self.path}",
                got=shorten(", ".join(available), 200) or "no arrays",
                remedy="name the array to use with key=NAME",
            )
        return {"train": key}
