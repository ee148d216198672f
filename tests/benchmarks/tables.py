"""Tables: exact test nats per row beside those of classical densities, and imputation of half of the cells.

    python tests/benchmarks/tables.py --minutes 2 [--only wine_red iris ...] [--out tables.json]

The four mixed sets are made from those that scikit-learn ships, with the class as a column. Rows with empty cells are
left out, so that all models see the same. Numbers that the file rounds are spread uniformly over what they stand for,
once and for all: a density would otherwise measure how narrow a model's peaks are. Baselines see the training rows and
are chosen on the validation rows; for them discrete columns are dequantized by uniform noise, whose mean log-density
bounds the log-probability from below. The model is what ``tensorar train`` chooses; ``mixture_nats`` are those of its
mixture over 16 orders, which is a distribution, too. Of so few rows one training says little: figures are the means of
those of ``--trainings`` seeds, ``mixture_spread`` is their standard deviation.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import torch
from scipy import stats
from sklearn import datasets
from sklearn.mixture import GaussianMixture

from tensorar import Run, workflows
from tensorar.tables import decode, encode, read_table, write_table
from tensorar.tables.cells import decimals_of
from tensorar.workflows.table_rows import schema_of

DATA = Path(os.environ.get("TENSORAR_DATA", "/work/shared/data"))
SHIPPED = {"iris": "load_iris", "wine": "load_wine", "breast_cancer": "load_breast_cancer", "diabetes": "load_diabetes"}
TABLES = ("wine_red", "wine_white", "penguins", "mpg", *SHIPPED)
IMPUTED = ("wine_red", "wine_white", "breast_cancer")
SPLIT = "valid_fraction=0.15,test_fraction=0.15"
NOISES = 8
ORDERS = 16
# numbers of more values than these are spread
MAX_LEVELS = 15
COMPONENTS = (1, 2, 3, 4, 6, 8, 12, 16, 24)
COVARIANCES = ("full", "tied", "diag", "spherical")


def frame_of(name: str) -> pandas.DataFrame:
    """The rows of a table, complete ones only, with rounded numbers spread over what they stand for."""
    frame, chance = complete_rows(name), np.random.default_rng(0)
    for column in frame.select_dtypes("number"):
        values = frame[column].to_numpy(float)
        if len(np.unique(values)) > MAX_LEVELS:
            step = 10.0 ** -decimals_of(np.array([f"{value:.10g}" for value in values], object))
            frame[column] = values + step * (chance.random(len(values)) - 0.5)
    return frame


def complete_rows(name: str) -> pandas.DataFrame:
    """The rows of a table without empty cells."""
    if name.startswith("wine_"):
        file = np.load(DATA / "uci_continuous" / f"{name}.npz", allow_pickle=False)
        return pandas.DataFrame(file["data"], columns=[str(column) for column in file["columns"]])
    if name in SHIPPED:
        loaded = getattr(datasets, SHIPPED[name])(as_frame=True, **({"scaled": False} if name == "diabetes" else {}))
        labels = getattr(loaded, "target_names", None)
        return loaded.data.assign(target=loaded.target if labels is None else [labels[i] for i in loaded.target])
    frame = pandas.read_csv(DATA / "tables" / f"{name}.csv").dropna()
    return frame.drop(columns="name") if name == "mpg" else frame


# --- baselines: each is fitted to training events and returns log-densities of others ---------------------------------


def best_mixture(train: np.ndarray, valid: np.ndarray, covariances: tuple[str, ...] = COVARIANCES) -> GaussianMixture:
    """The Gaussian mixture of the best validation, over the number of components and the kind of covariance."""
    found = []
    for kind in covariances:
        for k in COMPONENTS:
            if k < len(train) / 4:
                made = GaussianMixture(k, covariance_type=kind, n_init=2, random_state=0, reg_covar=1e-5).fit(train)
                found.append((made.score(valid), k, kind, made))
    return max(found, key=lambda entry: entry[0])[-1]


class Independent:
    """A one-dimensional mixture for each column."""

    def __init__(self, train: np.ndarray, valid: np.ndarray) -> None:
        self.columns = [best_mixture(train[:, [i]], valid[:, [i]], ("full",)) for i in range(train.shape[1])]

    def score_samples(self, x: np.ndarray) -> np.ndarray:
        return sum(column.score_samples(x[:, [i]]) for i, column in enumerate(self.columns))


class Copula(Independent):
    """The same margins, tied by a Gaussian copula."""

    def __init__(self, train: np.ndarray, valid: np.ndarray) -> None:
        super().__init__(train, valid)
        self.normal = stats.multivariate_normal(
            np.zeros(train.shape[1]), np.corrcoef(self.scores(train).T) + 1e-6 * np.eye(train.shape[1])
        )

    def scores(self, x: np.ndarray) -> np.ndarray:
        """Each value by the normal quantile of its margin."""
        below = []
        for i, column in enumerate(self.columns):
            z = (x[:, [i]] - column.means_[:, 0]) / np.sqrt(column.covariances_[:, 0, 0])
            below.append((stats.norm.cdf(z) * column.weights_).sum(1))
        return stats.norm.ppf(np.clip(np.stack(below, 1), 1e-6, 1 - 1e-6))

    def score_samples(self, x: np.ndarray) -> np.ndarray:
        z = self.scores(x)
        return super().score_samples(x) + self.normal.logpdf(z) - stats.norm.logpdf(z).sum(1)


def gaussian(train: np.ndarray, valid: np.ndarray) -> GaussianMixture:
    """A Gaussian with a full covariance."""
    return GaussianMixture(1, covariance_type="full", reg_covar=1e-5).fit(train)


BASELINES = {"independent": Independent, "gaussian": gaussian, "mixture": best_mixture, "copula": Copula}


def nats_of_baselines(dataset: object, discrete: np.ndarray) -> dict[str, float]:
    """Test nats per row of each baseline, in the units of the data."""
    train, valid, test = (getattr(dataset, part).numpy() for part in ("train", "valid", "test"))
    location, scale = train.mean(0), train.std(0) + discrete / np.sqrt(12)
    location, scale = np.where(discrete, location + 0.5, location), np.where(discrete, scale, train.std(0))
    chance = np.random.default_rng(0)

    def noisy(x: np.ndarray) -> np.ndarray:
        return (x + discrete * chance.random(x.shape) - location) / scale

    repeats = NOISES if discrete.any() else 1
    fitted = {name: make(noisy(train), noisy(valid)) for name, make in BASELINES.items()}
    tests = [noisy(test) for _ in range(repeats)]
    units = np.log(scale).sum()
    return {name: float(units - np.mean([one.score_samples(x).mean() for x in tests])) for name, one in fitted.items()}


# --- the model -------------------------------------------------------------------------------------------------------


def measure(name: str, folder: Path, trainings: int, options: dict[str, Any]) -> dict[str, Any]:
    """Test nats of a model, the means of several trainings, and of the baselines; imputation where it is compared."""
    path = folder / f"{name}.csv"
    frame_of(name).to_csv(path, index=False)
    runs = [trained(path, folder / f"{name}-{seed}", seed, options) for seed in range(trainings)]
    each = pandas.DataFrame([of_training(run, folder if name in IMPUTED else None) for run in runs])
    discrete = np.array([bool(column.levels) for column in schema_of(runs[0]).modelled])
    spread = 0.0 if trainings == 1 else float(each["mixture_nats"].std())
    found = {"trainings": trainings, **each.mean().to_dict(), "mixture_spread": spread}
    return found | nats_of_baselines(runs[0].dataset, discrete)


def trained(path: Path, out: Path, seed: int, options: dict[str, Any]) -> Run:
    """A run of what is chosen for a table."""
    settings = options["settings"] | {"seed": seed}
    return workflows.train(f"table:path={path},{SPLIT}", out=out, **options | {"settings": settings}).run


def of_training(run: Run, imputed: Path | None) -> dict[str, float]:
    """Figures of one training, with those of imputation if there is a folder for its file."""
    likelihood = workflows.evaluate(run, exact=True).likelihood
    found = {"nats": likelihood.nats, "standard_error": likelihood.standard_error, "rows": likelihood.events}
    found |= {"mixture_nats": workflows.evaluate(run, orders=ORDERS).likelihood.nats}
    found |= {"steps": run.metrics()[-1]["step"]}
    return found if imputed is None else found | imputation(run, imputed)


def imputation(run: Run, folder: Path) -> dict[str, float]:
    """Mean squared error, standardized, and coverage of 90 % intervals, with half of the test cells empty."""
    schema, dataset = schema_of(run), run.dataset
    truth = dataset.test
    hidden = torch.rand(truth.shape, generator=torch.Generator().manual_seed(0)) < 0.5
    path = folder / "holes.csv"
    write_table(path, decode(torch.where(hidden, torch.nan, truth), schema), schema.form)
    filled = workflows.impute(run, path, draws=200)
    real = torch.tensor([not column.levels for column in schema.modelled])
    cells = hidden & real
    error = ((filled.value - truth) / dataset.train.std(0))[cells].square().mean()
    inside = ((filled.low <= truth) & (truth <= filled.high))[cells].double().mean()
    assert torch.equal(encode(read_table(path), schema).isnan(), hidden)
    return {"imputation_mse": float(error), "coverage": float(inside)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--trainings", type=int, default=5)
    parser.add_argument("--backbone")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--only", nargs="*", default=TABLES)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    length = {"steps": given.steps} if given.steps else {"minutes": given.minutes or 2}
    settings = dict(item.split("=") for item in given.set)
    results = json.loads(given.out.read_text()) if given.out and given.out.exists() else {}
    with tempfile.TemporaryDirectory() as temporary:
        for table in given.only:
            choice = {**length, "backbone": given.backbone, "settings": settings}
            results[table] = measure(table, Path(temporary), given.trainings, choice)
            print(table, json.dumps(results[table]), flush=True)
            if given.out:
                given.out.write_text(json.dumps(results, indent=1) + "\n")
