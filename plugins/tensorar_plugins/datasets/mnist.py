"""MNIST in gray levels, or binarized in one of the three usual ways."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int, Real, UInt8
from torch import Tensor
from torch.nn.functional import one_hot

from tensorar import DataError, Dataset, PartSpec, SpecError, Splits
from tensorar_plugins.datasets.binarized_mnist import static_split
from tensorar_plugins.datasets.fetch import Remote, locate
from tensorar_plugins.datasets.idx import read_idx
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
Binarize = Literal["none", "threshold", "static", "dynamic"]


@dataclass(frozen=True, kw_only=True)
class MNIST(Dataset):
    """Handwritten digits, 1 x 28 x 28: gray levels 0 to 255, or bits.

    The last sixth of the training file (10000 of 60000 images) is used for validation.

    ``binarize=static`` is the fixed stochastic binarization of Larochelle and Murray (AISTATS 2011), the one that
    published results in nats refer to. With ``dynamic`` a pixel is 1 with probability gray / 255, drawn again for every
    training batch; ``train`` is one such draw, and ``valid`` and ``test`` are drawn once. ``threshold`` is gray > 127.

    Options:
        path: Folder with the four IDX files of MNIST, or files of the same names and format, such as Fashion-MNIST
            (none: ``$TENSORAR_DATA/mnist``, then the cache, then a download).
        binarize: How pixels become bits; ``none`` keeps the gray levels.
        labels: Whether to use the digits as contexts (one-hot), for models of ``p(image | digit)``.
        seed: Seed of the bits of ``binarize=dynamic``.
    """

    name = "mnist"
    path: str | None = None
    binarize: Binarize = "none"
    labels: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.binarize not in get_args(Binarize):
            raise SpecError(
                expected=f"binarize of {self.name} to be one of {', '.join(get_args(Binarize))}",
                got=repr(self.binarize),
                remedy="choose one of these",
            )

    def load(self) -> Splits:
        if self.binarize == "static":
            return static_split(self.path)
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

    @cached_property
    def digits(self) -> Splits:
        """The digits 0 to 9, as bytes, one per image. Raises ``DataError`` for the static split."""
        if self.binarize == "static":
            raise DataError(
                expected="a dataset with labels",
                got="the static split, which has none",
                remedy="set binarize to dynamic, threshold or none",
            )
        return self._split(self._read("train-labels-idx1-ubyte.gz", 1), self._read("t10k-labels-idx1-ubyte.gz", 1))

    def load_contexts(self) -> Splits | None:
        if not self.labels:
            return None
        digits = self.digits
        return Splits(*(one_hot(split.long(), 10).float() for split in (digits.train, digits.valid, digits.test)))

    def parse_context(self, text: str) -> Float[Tensor, " context"]:
        """A digit as a one-hot vector."""
        if text.strip() not in set("0123456789"):
            raise DataError(expected="a digit from 0 to 9", got=repr(text), remedy="write for example 3")
        return one_hot(torch.tensor(int(text)), 10).float()

    @cached_property
    def _gray(self) -> Splits:
        train, test = self._read("train-images-idx3-ubyte.gz", 3), self._read("t10k-images-idx3-ubyte.gz", 3)
        return self._split(train.unsqueeze(1), test.unsqueeze(1))

    def _read(self, file: str, axes: int) -> UInt8[Tensor, "n *event"]:
        remote = Remote(file, SHA256[file], MIRRORS, folder="mnist", spec="mnist:")
        return read_idx(locate(remote, self.path), axes)

    def _split(self, train: UInt8[Tensor, "n *event"], test: UInt8[Tensor, "m *event"]) -> Splits:
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
