"""A mixture of Gaussians, by scikit-learn's EM."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from tensorar.baselines.baseline import Baseline, Columns
from tensorar.baselines.gaussian import observed_log_prob
from tensorar.errors import TensorarError
from tensorar.utils.shapes import flatten_events

COMPONENTS = (2, 4, 8, 16)
# with more coefficients, each component has a diagonal covariance only
MAX_FULL = 50


def gaussian_mixture(columns: Columns) -> Baseline:
    """The mixture whose number of components and kind of covariance are best on the validation events.

    Coefficients must vary, and nothing may be missing in these events; of others, the likelihood is that of what was
    observed. Raises ``TensorarError`` without scikit-learn.
    """
    location, scale = columns.train.mean(0), columns.train.std(0)
    train, valid = ((part - location) / scale for part in (columns.train, columns.valid))
    kinds = ("full", "diag") if columns.size <= MAX_FULL else ("diag",)
    counts = [k for k in COMPONENTS if k <= len(train) // 2] or [1]
    fits = [_fit(train, k, kind) for k in counts for kind in kinds]
    best = max(fits, key=lambda fit: float(fit.score(valid.numpy())))
    weights, means = torch.from_numpy(best.weights_), torch.from_numpy(best.means_)
    covariances = torch.from_numpy(best.covariances_)
    covariances = covariances if covariances.ndim == 3 else covariances.diag_embed()

    def log_prob(x: Tensor) -> Tensor:
        rows = flatten_events(x).double()
        standard = (rows - location) / scale
        each = [observed_log_prob(*component, standard) for component in zip(means, covariances, strict=True)]
        log_scale = ((~rows.isnan()) * scale.log()).sum(1)
        return (torch.stack(each, 1) + weights.log()).logsumexp(1) - log_scale

    what = f"mixture of {best.n_components} Gaussians, {_word(best.covariance_type)} covariances"
    return Baseline(what, _parameters(best, columns.size), log_prob)


def _fit(train: Tensor, components: int, kind: str) -> Any:
    mixture = _sklearn().GaussianMixture(components, covariance_type=kind, reg_covar=1e-4, random_state=0)
    with warnings.catch_warnings():
        # EM that has not converged is judged by the validation events like any other
        warnings.simplefilter("ignore")
        return mixture.fit(train.numpy())


def _sklearn() -> Any:
    try:
        from sklearn import mixture
    except ImportError as error:
        raise TensorarError(
            expected="scikit-learn for mixtures of Gaussians",
            got="it is not installed",
            remedy="pip install tensorar[baselines]",
        ) from error
    return mixture


def _word(kind: str) -> str:
    return {"full": "full", "diag": "diagonal"}[kind]


def _parameters(mixture: Any, n: int) -> int:
    each = n + (n * (n + 1) // 2 if mixture.covariance_type == "full" else n)
    return int(mixture.n_components) * each + int(mixture.n_components) - 1
