"""Tables of the UCI repository that density models are compared on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float64
from torch import Tensor

from tensorar import Dataset, FileEvents, Splits
from tensorar_plugins.datasets.ranges import require_between, require_choice
from tensorar_plugins.datasets.seeded_streams import stream
from tensorar_plugins.datasets.uci_binary import TABLES, read_binary_table
from tensorar_plugins.datasets.uci_wine import COLUMNS, FILES, read_wine
from tensorar_plugins.datasets.user_events import read_own_events

FOLDS = 10


@dataclass(frozen=True, kw_only=True)
class Uci(Dataset):
    """UCI tables: bits (``adult``, ``connect4``, ``mushrooms``) in the usual splits, or real numbers of wines in folds.

    The splits of the bits are those of Larochelle and Murray (AISTATS 2011), which NADE, MADE and EoNADE use. The wines
    (Cortez et al. 2009, 11 columns) have the protocol of RNADE (Uria, Murray and Larochelle, NIPS 2013): ten folds of
    shuffled rows, of which one is the test set; here the one after it is used for validation. Likelihoods are those of
    numbers standardized by the mean and standard deviation of the training rows. Their values are rounded and some rows
    are repeated, so a density can become arbitrarily high: look at the log-likelihood of validation rows.

    Options:
        table: Which table.
        path: Folder with the files, such as ``adult.npz`` (packed bits), ``adult_train.libsvm`` or
            ``winequality-red.csv`` (none: ``$TENSORAR_DATA/uci_binary`` or ``uci_continuous``, then the cache, then a
            download).
        fold: Number of the fold, 0 to 9, that is the test set, if the table is one of wines.
        standardize: Whether the columns get mean 0 and variance 1 in training, if the table is one of wines.
        seed: Seed of the shuffle before rows are dealt into folds, if the table is one of wines.
    """

    name = "uci"
    table: Literal["adult", "connect4", "mushrooms", "wine_red", "wine_white"] = "adult"
    path: str | Path | None = None
    fold: int = 0
    standardize: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        require_choice(self.name, "table", self.table, (*TABLES, *FILES))
        require_between(self.name, "fold", self.fold, 0, FOLDS - 1)

    def load(self) -> Splits:
        if self.table not in FILES:
            return read_binary_table(self.table, self.path)
        rows = read_wine(self.table, self.path)
        rows = rows[torch.randperm(len(rows), generator=stream(self.seed, f"uci {self.table}"))]
        folds = list(rows.tensor_split(FOLDS))
        test, valid = folds[self.fold], folds[(self.fold + 1) % FOLDS]
        train = torch.cat([folds[(self.fold + k) % FOLDS] for k in range(2, FOLDS)])
        return self._standardized(Splits(train, valid, test))

    @property
    def suggested_head(self) -> str | None:
        # the values repeat, but published likelihoods are densities
        return "gaussian_mixture" if self.table in FILES else None

    @property
    def coefficient_names(self) -> list[str]:
        return list(COLUMNS) if self.table in FILES else []

    def read_events(self, path: str | Path, event_shape: tuple[int, ...], mask: str | Path | None = None) -> FileEvents:
        return read_own_events(self, path, event_shape, mask)

    def _standardized(self, splits: Splits) -> Splits:
        if not self.standardize:
            return splits
        location, scale = splits.train.mean(0), splits.train.std(0, correction=0)

        def standard(rows: Float64[Tensor, "n columns"]) -> Float64[Tensor, "n columns"]:
            standardized: Tensor = (rows - location) / scale
            return standardized

        return Splits(standard(splits.train), standard(splits.valid), standard(splits.test))
