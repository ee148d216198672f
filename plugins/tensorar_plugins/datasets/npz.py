"""An archive of arrays of the user's own, split already or not."""

from __future__ import annotations

from dataclasses import dataclass

from tensorar import DataError, Splits
from tensorar_plugins.datasets.array_files import open_npz, read_packed, to_tensor
from tensorar_plugins.datasets.splitting import SplitFile, split


@dataclass(frozen=True, kw_only=True)
class Npz(SplitFile):
    """Your own arrays from a .npz file: train, valid and test, or one named data (or as key says); packed bits too.

    Without ``valid`` or ``test`` in the file they are split off the rest, shuffled by the seed, by their fractions.
    ``packed`` rows are ``numpy.packbits`` of events along axis 1, the event's shape in an array named ``shape``.
    """

    name = "npz"
    key: str | None = None
    packed: bool = False

    def load(self):
        parts = self._read()
        fractions = {"valid": self.valid_fraction, "test": self.test_fraction}
        missing = [part for part in fractions if part not in parts]
        if missing:
            cut = split(parts["train"], [fractions[part] for part in missing], self.seed, where=self.path)
            parts.update(zip(["train", *missing], cut, strict=True))
        return Splits(**parts)

    def _read(self):
        with open_npz(self.path) as file:
            names = self._names(file.files)
            if self.packed:
                return {part: read_packed(file, name, self.path) for part, name in names.items()}
            return {part: to_tensor(file[name], f"{name} of {self.path}") for part, name in names.items()}

    def _names(self, available):
        """The array of each part that the file has."""
        if self.key is None and "train" in available:
            return {part: part for part in ("train", "valid", "test") if part in available}
        name = "data" if self.key is None else self.key
        if name not in available:
            raise DataError(
                expected=f"an array named {name}{' or train' if self.key is None else ''} in {self.path}",
                got=", ".join(available) or "no arrays",
                remedy="name the array to use with key=NAME",
            )
        return {"train": name}
