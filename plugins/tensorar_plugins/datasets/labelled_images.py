"""Base class of datasets of labelled images: one-hot contexts, classes by number or name, transposed images."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Float, Integer, Real
from torch import Tensor

from tensorar import DataError, Dataset, FileEvents, Splits
from tensorar_plugins.datasets.class_labels import ClassLabels
from tensorar_plugins.datasets.idx_format import read_idx
from tensorar_plugins.datasets.user_events import read_own_events


class LabelledImages(Dataset):
    """Base class of ``mnist``, ``idx`` and others; subclasses have the options ``labels`` and ``transpose``."""

    labels: bool
    transpose: bool

    @abstractmethod
    def load_labels(self) -> Splits:
        """Read the label of each image, an integer. Raises ``DataError`` if there are none."""

    def names_location(self) -> tuple[Path | None, str]:
        """The folder that may have a file of the classes' names, and the beginning of the names of its files."""
        return None, ""

    @cached_property
    def image_labels(self) -> Splits:
        """The label of each image, loaded once."""
        return self.load_labels()

    @cached_property
    def classes(self) -> ClassLabels:
        """The classes of all labels, in the three splits."""
        splits = self.image_labels
        return ClassLabels(torch.cat([splits.train, splits.valid, splits.test]), *self.names_location())

    def load_contexts(self) -> Splits | None:
        if not self.labels:
            return None
        labels, images = self.image_labels, self.splits
        for part, matching in ((labels.train, images.train), (labels.valid, images.valid), (labels.test, images.test)):
            if len(part) != len(matching):
                raise DataError(
                    expected=f"one label per image in {self.name!r}",
                    got=f"{len(part)} labels for {len(matching)} images",
                    remedy="use the files of one dataset",
                )
        return Splits(*(self.classes.one_hot(part) for part in (labels.train, labels.valid, labels.test)))

    @property
    def class_names(self) -> list[str] | None:
        return self.classes.written if self.labels else None

    def parse_context(self, text: str) -> Float[Tensor, " context"]:
        """A class by its number or name, as a one-hot vector."""
        return self.classes.parse(text) if self.labels else super().parse_context(text)

    def read_events(self, path: str | Path, event_shape: tuple[int, ...], mask: str | Path | None = None) -> FileEvents:
        return read_own_events(self, path, event_shape, mask)

    def oriented(self, images: Real[Tensor, "n *event"]) -> Real[Tensor, "n *transposed"]:
        """The images, with their last two axes swapped if ``transpose`` is set."""
        if not self.transpose:
            return images
        if images.ndim < 3:
            raise DataError(
                expected="images with at least two axes, to transpose them",
                got=f"events of shape {tuple(images.shape[1:])}",
                remedy="leave out transpose",
            )
        return images.transpose(-2, -1).contiguous()


def read_labels(path: Path) -> Integer[Tensor, " n"]:
    """The labels in an IDX file. Raises ``DataError`` for anything but one integer per image."""
    labels = read_idx(path)
    if labels.ndim != 1 or labels.is_floating_point():
        raise DataError(
            expected=f"one integer per image in {path}, as its label",
            got=f"{str(labels.dtype).removeprefix('torch.')} numbers of shape {tuple(labels.shape)}",
            remedy="leave out labels",
        )
    return labels
