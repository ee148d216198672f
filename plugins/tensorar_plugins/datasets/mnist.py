"""MNIST in gray levels, or binarized in one of the three usual ways."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

import torch
from jaxtyping import Int, Real, Shaped, UInt8
from torch import Tensor

from tensorar import DataError, PartSpec, SpecError, Splits
from tensorar_plugins.datasets.binarized_mnist import static_split
from tensorar_plugins.datasets.fetch import Remote, download, user_folder
from tensorar_plugins.datasets.idx_folder import IdxFiles, find_idx_files, plain_idx_files
from tensorar_plugins.datasets.idx_format import read_idx
from tensorar_plugins.datasets.labelled_images import LabelledImages, read_labels
from tensorar_plugins.datasets.seeded_streams import stream

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
SHA256 = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
REMOTE_FILES = {
    ("events", "train"): "train-images-idx3-ubyte.gz",
    ("labels", "train"): "train-labels-idx1-ubyte.gz",
    ("events", "test"): "t10k-images-idx3-ubyte.gz",
    ("labels", "test"): "t10k-labels-idx1-ubyte.gz",
}
Binarize = Literal["none", "threshold", "static", "dynamic"]


@dataclass(frozen=True, kw_only=True)
class MNIST(LabelledImages):
    """Handwritten digits, 1 x 28 x 28: gray levels 0 to 255, or bits.

    The last sixth of the training file (10000 of 60000 images) is used for validation.

    ``binarize=static`` is the fixed stochastic binarization of Larochelle and Murray (AISTATS 2011), the one that
    published results in nats refer to. With ``dynamic`` a pixel is 1 with probability gray / 255, drawn again for every
    training batch; ``train`` is one such draw, and ``valid`` and ``test`` are drawn once. ``threshold`` is gray > 127.

    With ``path``, the files may be those of Fashion-MNIST, EMNIST or others of this format, in torchvision's folders,
    too; see ``plugins show idx`` for names of files and of classes.

    Options:
        path: Folder with the files, or folder and beginning of their names (``gzip/emnist-letters``) (none:
            ``$TENSORAR_DATA/mnist``, then the cache, then a download).
        binarize: How pixels become bits; ``none`` keeps the gray levels.
        labels: Whether to use the labels as contexts (one-hot), for models of ``p(image | digit)``.
        transpose: Whether to transpose the images; EMNIST's lie on their sides.
        seed: Seed of the bits of ``binarize=dynamic``.
    """

    name = "mnist"
    path: str | Path | None = None
    binarize: Binarize = "none"
    labels: bool = False
    transpose: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.binarize not in get_args(Binarize):
            raise SpecError(
                expected=f"binarize of {self.name} to be one of {', '.join(get_args(Binarize))}",
                got=repr(self.binarize),
                remedy="choose one of these",
            )

    @property
    def axes(self) -> tuple[str, ...]:
        return "channel", "height", "width"

    def load(self) -> Splits:
        if self.binarize == "static":
            static = static_split(self.path)
            return Splits(*(self.oriented(bits) for bits in (static.train, static.valid, static.test)))
        gray = self._gray
        splits = {"train": gray.train, "valid": gray.valid, "test": gray.test}
        return Splits(**{name: self._pixels(images, name) for name, images in splits.items()})

    @property
    def alternative_specs(self) -> dict[str, tuple[float, ...]]:
        # the static split has no labels, and a folder of images need not contain it
        bits: Binarize = "dynamic" if self.labels or self.path is not None else "static"
        return {self._spec(bits): (0, 1), self._spec("none"): (0, 255)}

    def _spec(self, binarize: Binarize) -> str:
        """The spec of this dataset with its options, but another binarization."""
        options = {name: (getattr(self, name), option.default) for name, option in self.option_parameters().items()}
        given = {name: value for name, (value, default) in options.items() if value != default}
        return str(PartSpec(self.name, given | {"binarize": binarize}))

    def draw(self, indices: Int[Tensor, " n"], generator: torch.Generator) -> Real[Tensor, "n *event"]:
        if self.binarize != "dynamic":
            return super().draw(indices, generator)
        return draw_bits(self._gray.train[indices], generator)

    def load_labels(self) -> Splits:
        if self.binarize == "static":
            raise DataError(
                expected="a dataset with labels",
                got="the static split, which has none",
                remedy="set binarize to dynamic, threshold or none",
            )
        return self._split(*(read_labels(self._locate("labels", part)) for part in ("train", "test")))

    def names_location(self) -> tuple[Path | None, str]:
        return (self._files.folder, self._files.prefix) if self._files else (None, "")

    @cached_property
    def _gray(self) -> Splits:
        paths = [self._locate("events", part) for part in ("train", "test")]
        images = [self.oriented(read_idx(path, byte_axes=3)).unsqueeze(1) for path in paths]
        return self._split(*images)

    @cached_property
    def _files(self) -> IdxFiles | None:
        """The user's own files, or None without a folder of them."""
        if self.path is not None:
            return find_idx_files(self.path)
        folder = user_folder(None, "mnist")
        return None if folder is None else plain_idx_files(folder)

    def _locate(self, kind: Literal["events", "labels"], part: str) -> Path:
        """One of the user's files, or else of MNIST in the cache; downloaded if necessary."""
        if self._files is not None and (self.path is not None or part in getattr(self._files, kind)):
            return self._files.of(kind, (part,))[part]
        file = REMOTE_FILES[kind, part]
        return download(Remote(file, f"sha256:{SHA256[file]}", MIRRORS, folder="mnist", spec="mnist:"))

    def _split(self, train: Shaped[Tensor, "n *event"], test: Shaped[Tensor, "m *other"]) -> Splits:
        valid = len(train) // 6
        return Splits(train[: len(train) - valid], train[len(train) - valid :], test)

    def _pixels(self, gray: UInt8[Tensor, "n *event"], split: str) -> UInt8[Tensor, "n *event"]:
        """Gray levels, or bits of them."""
        if self.binarize == "none":
            return gray
        if self.binarize == "threshold":
            return (gray > 127).byte()
        return draw_bits(gray, stream(self.seed, f"mnist {split}"))


def draw_bits(gray: UInt8[Tensor, "*shape"], generator: torch.Generator) -> UInt8[Tensor, "*shape"]:
    """Bits that are 1 with probability exactly ``gray / 255``: whether an integer uniform in 0 .. 254 is below gray."""
    return (torch.randint(255, gray.shape, generator=generator, dtype=torch.uint8) < gray).byte()
