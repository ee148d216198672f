"""IDX files of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import Tensor

from tensorar import Splits
from tensorar_plugins.datasets.idx_folder import IdxFiles, find_idx_files
from tensorar_plugins.datasets.idx_format import read_idx
from tensorar_plugins.datasets.labelled_images import LabelledImages, read_labels
from tensorar_plugins.datasets.splitting import SplitFile, split


@dataclass(frozen=True, kw_only=True)
class Idx(SplitFile, LabelledImages):
    """Your own IDX files, the format of MNIST: numbers of any type with any number of axes, gzipped or not.

    In a folder the files are found by the names that MNIST, EMNIST and torchvision use, such as
    ``train-images-idx3-ubyte.gz``, ``train-images.idx3-ubyte`` or ``emnist-letters-test-labels-idx1-ubyte``. Events are
    the images, or the labels if there are no images. Validation events are split off the training events. A file on its
    own is shuffled and split. Values keep their dtype.

    A class is chosen by its number, or by its name if the folder has ``classes.txt`` or ``label_names.txt`` (a name per
    line) or EMNIST's ``emnist-...-mapping.txt``.

    Options:
        path: File, folder, or folder and beginning of the names (``gzip/emnist-letters``).
        labels: Whether to use the labels as contexts (one-hot), for models of ``p(image | class)``.
        transpose: Whether to swap the last two axes; EMNIST's images lie on their sides.
        valid_fraction: Fraction of the events, or of those in the training file, used for validation.
        test_fraction: Fraction of the events used for testing, if there is no test file.
    """

    name = "idx"
    labels: bool = False
    transpose: bool = False

    def load(self) -> Splits:
        return self._load(self._files.events, lambda path: self.oriented(read_idx(path)))

    def load_labels(self) -> Splits:
        # the permutation depends on the number of events only, so that labels are shuffled as the images are
        return self._load(self._files.of("labels", self._files.events), read_labels)

    def names_location(self) -> tuple[Path | None, str]:
        return self._files.folder, self._files.prefix

    @cached_property
    def _files(self) -> IdxFiles:
        files = find_idx_files(self.path)
        if "all" not in files.events:
            files.of("events", ("train", "test"))
        return files

    def _load(self, files: Mapping[str, Path], read: Callable[[Path], Tensor]) -> Splits:
        if "all" in files:
            return self.split_all(read(files["all"]))
        train, valid = split(read(files["train"]), [self.valid_fraction], self.seed, where=str(files["train"]))
        return Splits(train, valid, read(files["test"]))
