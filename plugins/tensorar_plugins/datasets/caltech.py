"""Caltech-101 silhouettes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch

from tensorar import Splits
from tensorar_plugins.datasets.caltech_files import Silhouettes, read_silhouettes
from tensorar_plugins.datasets.caltech_names import NAMES
from tensorar_plugins.datasets.class_labels import ClassLabels
from tensorar_plugins.datasets.labelled_images import LabelledImages


@dataclass(frozen=True, kw_only=True)
class Caltech(LabelledImages):
    """Caltech-101 silhouettes, bits of 28 x 28 or 16 x 16 pixels: objects are 0, their background is 1.

    Split 1 of Marlin, Swersky, Chen and de Freitas (AISTATS 2010), with 101 classes. The authors' MATLAB files, which
    need ``pip install tensorar[matlab]``, store images by columns; here they are upright, and ``transpose`` has the
    order in which published models read them.

    Options:
        path: Folder with ``caltech_silhouettes_28.npz`` (packed bits) or ``caltech101_silhouettes_28_split1.mat``
            (none: ``$TENSORAR_DATA/caltech_silhouettes``, then the cache, then a download).
        size: Height and width of the images.
        labels: Whether to use the labels as contexts (one-hot), for models of ``p(image | class)``.
        transpose: Whether to transpose the images, as the original files do.
    """

    name = "caltech"
    path: str | Path | None = None
    size: Literal[28, 16] = 28
    labels: bool = False
    transpose: bool = False

    @property
    def axes(self) -> tuple[str, ...]:
        return "channel", "height", "width"

    def load(self) -> Splits:
        images = self._files.images
        return Splits(*(self.oriented(part) for part in (images.train, images.valid, images.test)))

    def load_labels(self) -> Splits:
        return self._files.labels

    @cached_property
    def classes(self) -> ClassLabels:
        labels = self._files.labels
        return ClassLabels(torch.cat([labels.train, labels.valid, labels.test]), names=NAMES)

    @cached_property
    def _files(self) -> Silhouettes:
        return read_silhouettes(self.path, self.size)
