"""Visiting orders, most of them one einops pattern or one sort."""

from tensorar import Ordering
from tensorar_plugins.orderings.adaptive import Adaptive
from tensorar_plugins.orderings.checkerboard import Checkerboard
from tensorar_plugins.orderings.curricula import Annealed, Mixed
from tensorar_plugins.orderings.diagonal import Diagonal
from tensorar_plugins.orderings.einops_pattern import EinopsPattern
from tensorar_plugins.orderings.flips import Flips
from tensorar_plugins.orderings.hilbert import Hilbert
from tensorar_plugins.orderings.known_first import KnownFirst
from tensorar_plugins.orderings.random import Random, RandomOrders, Shuffled
from tensorar_plugins.orderings.raster import Raster
from tensorar_plugins.orderings.snake import Snake
from tensorar_plugins.orderings.spiral import Spiral
from tensorar_plugins.orderings.subsampled import CoarseToFine, Interlaced
from tensorar_plugins.orderings.zigzag import Zigzag

ALL: list[type[Ordering]] = [
    Raster,
    EinopsPattern,
    Snake,
    Diagonal,
    Zigzag,
    Spiral,
    Hilbert,
    Checkerboard,
    Interlaced,
    CoarseToFine,
    KnownFirst,
    Random,
    RandomOrders,
    Shuffled,
    Annealed,
    Mixed,
    Flips,
    Adaptive,
]
