"""Small correct parts, written so that a subclass can break each with one line."""

from tests.testing.reference.adaptive import Certain, Pairs
from tests.testing.reference.backbones import Conv, Dense, Lines, LinesStepper, Masks, TwoBranches
from tests.testing.reference.datasets import Blanks, Calls, Coins, Heights, Labelled, Numbers, Walks
from tests.testing.reference.heads import Bell, BinMixture, Bins
from tests.testing.reference.heads_composite import Survey
from tests.testing.reference.heads_densities import Angle, Heavy, Rain, Share, Squashed, ZeroOr
from tests.testing.reference.heads_integers import Counts, LogNats, Samples24Bit, Tokens, Weighted
from tests.testing.reference.heads_units import Columns, InUnits, Units
from tests.testing.reference.orderings import Backwards, BothWays, Shuffle

CORRECT = (
    Backwards,
    Shuffle,
    BothWays,
    Certain,
    Pairs,
    BinMixture,
    Bell,
    Tokens,
    Counts,
    Share,
    Angle,
    Rain,
    Heavy,
    Samples24Bit,
    Columns,
    InUnits,
    Survey,
    Dense,
    Conv,
    TwoBranches,
    Lines,
    Masks,
    Coins,
    Numbers,
    Blanks,
    Calls,
    Walks,
    Heights,
    Labelled,
)

__all__ = [
    "CORRECT",
    "Angle",
    "Backwards",
    "Bell",
    "BinMixture",
    "Bins",
    "Blanks",
    "BothWays",
    "Calls",
    "Certain",
    "Coins",
    "Columns",
    "Conv",
    "Counts",
    "Dense",
    "Heavy",
    "Heights",
    "InUnits",
    "Labelled",
    "Lines",
    "LinesStepper",
    "LogNats",
    "Masks",
    "Numbers",
    "Pairs",
    "Rain",
    "Samples24Bit",
    "Share",
    "Shuffle",
    "Squashed",
    "Survey",
    "Tokens",
    "TwoBranches",
    "Units",
    "Walks",
    "Weighted",
    "ZeroOr",
]
