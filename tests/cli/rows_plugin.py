"""A plugin with rows: one model, one for each of three folds, and one that wants a GPU."""

from dataclasses import dataclass

import torch

import tensorar


@dataclass(frozen=True, kw_only=True)
class Heights(tensorar.Dataset):
    """Normal numbers of two columns, in three folds.

    Options:
        fold: The fold that is the test set.
    """

    name = "heights"
    fold: int = 0

    def load(self):
        folds = list(torch.randn(120, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64).split(40))
        test = folds.pop(self.fold)
        return tensorar.Splits(folds[0], folds[1], test)


def _recipe(name, dataset, head, row, **quick):
    specs = {"dataset": dataset, "ordering": "raster", "head": head, "backbone": "fvsbn"}
    parts = {kind: tensorar.PartSpec.parse(spec) for kind, spec in specs.items()}
    settings = tensorar.TrainingSettings(steps=6, batch_size=8, valid_events=20, evaluate_every=3)
    return tensorar.Recipe(name=name, training=settings, row=row, quick=quick, **parts)


@tensorar.hookimpl
def tensorar_datasets():
    return [Heights]


@tensorar.hookimpl
def tensorar_recipes():
    toy, one_hot = "toy:length=8,fixed=40", "categorical:levels=16"
    published = {"group": "small", "source": "a paper"}
    return [
        _recipe("row-toy", toy, one_hot, tensorar.Row(theirs=2.0, unit="nats/dim", note="smaller", **published)),
        _recipe("row-gpu", toy, one_hot, tensorar.Row(theirs=90.0, machine="gpu", minutes=7, **published)),
        _recipe(
            "row-folds",
            "heights:fold=0",
            "gaussian",
            tensorar.Row(folds=3, baseline="gaussian", baseline_theirs=2.8, **published),
        ),
    ]
