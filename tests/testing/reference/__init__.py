"""Small correct parts, written so that a subclass can break each with one line."""

from tests.testing.reference.backbones import Conv, Dense, Lines, LinesStepper, Masks, TwoBranches
from tests.testing.reference.datasets import Calls, Coins, Heights, Labelled, Numbers, Walks
from tests.testing.reference.heads import Bell, BinMixture, Bins
from tests.testing.reference.orderings import Backwards, BothWays, Shuffle

CORRECT = (
    Backwards,
    Shuffle,
    BothWays,
    BinMixture,
    Bell,
    Dense,
    Conv,
    TwoBranches,
    Lines,
    Masks,
    Coins,
    Numbers,
    Calls,
    Walks,
    Heights,
    Labelled,
)

__all__ = [
    "CORRECT",
    "Backwards",
    "Bell",
    "BinMixture",
    "Bins",
    "BothWays",
    "Calls",
    "Coins",
    "Conv",
    "Dense",
    "Heights",
    "Labelled",
    "Lines",
    "LinesStepper",
    "Masks",
    "Numbers",
    "Shuffle",
    "TwoBranches",
    "Walks",
]
