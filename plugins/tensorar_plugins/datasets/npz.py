"""An archive of arrays of the user's own, already split or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from tensorar import DataError, Events, FileEvents, Splits
from tensorar.utils.npz_archive import Archive
from tensorar.utils.reading import is_picture, shorten
from tensorar_plugins.datasets.array_files import open_npz, read_packed, to_tensor
from tensorar_plugins.datasets.class_labels import ClassLabels
from tensorar_plugins.datasets.splitting import SplitArrays, split
from tensorar_plugins.datasets.user_events import as_events

# names of the arrays of each split, and of all events, by precedence: ours, those of Keras and of scikit-learn
SPLITS = {
    "train": ("train", "x_train", "X_train"),
    "valid": ("valid", "x_valid", "X_valid", "x_val", "X_val"),
    "test": ("test", "x_test", "X_test"),
}
WHOLE = ("data", "X", "x")


@dataclass(frozen=True, kw_only=True)
class Npz(SplitArrays):
    """Your own arrays from a .npz file: train, valid and test, or one array that is split; also packed bits.

    If the file has no ``valid`` or ``test``, they are split off the other events, which are shuffled first. With
    ``labels``, the class of each event, a whole number or text, is in ``train_labels`` (and ``valid_labels``,
    ``test_labels``), or in ``data_labels`` or ``labels`` if there is one array. The names of Keras (``x_train``,
    ``y_train``) and of scikit-learn (``X``, ``y``) are known, too.

    Options:
        key: Name of the only array to use (none: those of the splits, or else ``data`` or ``X``, or the only one).
        packed: Whether to unpack bits that ``numpy.packbits(..., axis=1)`` packed; ``shape`` then holds the event's
            shape.
        labels: Whether to condition on the class of each event.
        valid_fraction: Fraction of the events used for validation, if the file has no ``valid``.
        test_fraction: Fraction of the events used for testing, if the file has no ``test``.
        seed: Seed of the shuffle before the events are split, if the file lacks a split.
    """

    name = "npz"
    file_endings = (".npz",)
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

    @property
    def file_dtype(self) -> str:
        with open_npz(self.path) as file:
            return "" if self.packed else file.dtype(self._keys(file.names)["train"]).name

    @cached_property
    def _numbered(self) -> tuple[dict[str, Int[Tensor, " n"]], list[str]]:
        """The number of the class of each event, by array, and the names of the classes if they are text.

        Raises ``DataError`` unless there is one for each event.
        """
        with open_npz(self.path) as file:
            keys = {name: self._label_key(key, file.names) for name, key in self._keys(file.names).items()}
            found = {name: _labels_of(file, key) for name, key in keys.items()}
        for name, labels in found.items():
            if labels.ndim != 1 or labels.dtype.kind not in "biuU":
                raise DataError(
                    expected=f"a whole number or a text for each event in {keys[name]} of {self.path}",
                    got=f"{labels.dtype} of shape {labels.shape}",
                    remedy="number the classes",
                )
        if not any(labels.dtype.kind == "U" for labels in found.values()):
            return {name: to_tensor(labels, f"{keys[name]} of {self.path}") for name, labels in found.items()}, []
        texts = {name: labels.astype(str) for name, labels in found.items()}
        names = np.unique(np.concatenate(list(texts.values())))
        return {name: torch.from_numpy(np.searchsorted(names, part)) for name, part in texts.items()}, names.tolist()

    @cached_property
    def _labels(self) -> Splits:
        """The class of each event."""
        cut = self._cut({name: labels.long().unsqueeze(1) for name, labels in self._numbered[0].items()})
        return Splits(*(part[:][:, 0] for part in (cut.train, cut.valid, cut.test)))

    def _label_key(self, key: str, available: Sequence[str]) -> str:
        of_split = any(key in names for names in SPLITS.values())
        names = [f"{key}_labels", *(["labels"] if not of_split else [])]
        names += [f"y{key[1:]}"] if key[:1].lower() == "x" and key[1:2] in ("", "_") else []
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
        labels = torch.cat([self._labels.train, self._labels.valid, self._labels.test])
        return ClassLabels(labels, names=self._numbered[1])

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
        """A class by its number or name, as a one-hot vector."""
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
        known = {split: [name for name in names if name in available] for split, names in SPLITS.items()}
        if self.key is None and known["train"]:
            return {split: names[0] for split, names in known.items() if names}
        only = available[0] if len(available) == 1 else WHOLE[0]
        key = next((name for name in WHOLE if name in available), only) if self.key is None else self.key
        if key not in available:
            raise DataError(
                expected=f"an array named {key}{' or train' if self.key is None else ''} in {self.path}",
                got=shorten(", ".join(available), 200) or "no arrays",
                remedy="name the array to use with key=NAME",
            )
        return {"train": key}


def _labels_of(file: Archive, key: str) -> Shaped[np.ndarray, "..."]:
    """An array of numbers, or of text, which is decoded. Damaged text raises ``ValueError``."""
    labels = file.read(key, texts=True)
    if labels.dtype.kind not in "US":
        return labels
    texts = [text.decode() if isinstance(text, bytes) else text for text in labels.ravel().tolist()]
    return np.array(texts, str).reshape(labels.shape)
