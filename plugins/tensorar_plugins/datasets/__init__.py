"""Datasets: one with a known likelihood, puzzles, benchmark images, and the user's own files."""

from tensorar import Dataset
from tensorar_plugins.datasets.audio import Audio
from tensorar_plugins.datasets.caltech import Caltech
from tensorar_plugins.datasets.idx import Idx
from tensorar_plugins.datasets.images import Images
from tensorar_plugins.datasets.mnist import MNIST
from tensorar_plugins.datasets.npy import Npy
from tensorar_plugins.datasets.npz import Npz
from tensorar_plugins.datasets.series import Series
from tensorar_plugins.datasets.sudoku import Sudoku
from tensorar_plugins.datasets.table import Table
from tensorar_plugins.datasets.toy import Toy
from tensorar_plugins.datasets.uci import Uci
from tensorar_plugins.datasets.volumes import Volumes
from tensorar_plugins.datasets.zarr_store import Zarr

ALL: list[type[Dataset]] = [
    Toy,
    MNIST,
    Caltech,
    Uci,
    Idx,
    Images,
    Npy,
    Npz,
    Zarr,
    Table,
    Series,
    Audio,
    Volumes,
    Sudoku,
]
