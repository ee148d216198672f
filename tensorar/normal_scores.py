"""Normal scores: increasing functions of each column that make it standard normal, found in data."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float64, Int, Real
from torch import Tensor
from torch.nn.functional import pad

from tensorar.errors import SpecError
from tensorar.marginal_mixtures import ColumnMixtures, choose_mixtures
from tensorar.splines import Spline
from tensorar.units import Units, choose_grouping, find_units, grouped, sample_for_statistics
from tensorar.utils.precision import widest_dtype

COMPONENTS = (1, 2, 3, 4, 6, 8, 12, 16, 24)
# bounds time
MAX_VALUES_PER_COLUMN = 5000
# of the training values, where no others are held out
HELD_OUT_EVERY = 5
# where knots lie: at equally spaced scores, and around each component in its deviations
LARGEST_SCORE, SCORES = 5.0, 121
AROUND = (-3.0, -2.0, -1.2, -0.6, 0.0, 0.6, 1.2, 2.0, 3.0)
BISECTIONS = 60
# values at a larger distance, in scales, are outliers, which lie on the lines
FARTHEST = 1e4
# scores of knots differ by as much, so that float32 tells the values between them apart
SMALLEST_STEP = 1e-3


@dataclass(frozen=True, eq=False)
class NormalScores:
    """A spline for each group of coefficients from standard values to the data's, by its knots ``(groups, knots)``.

    Coefficient ``i`` has the one at ``i // stride % groups``.
    """

    score: Float64[Tensor, "groups k"]
    value: Float64[Tensor, "groups k"]
    slope: Float64[Tensor, "groups k"]
    stride: int = 1

    def transform(self, coefficients: Int[Tensor, "*batch"] | None, device: torch.device) -> Spline:
        """The function of coefficients (flat indices). Raises ``SpecError`` if they differ and none are given."""
        knots = [part.to(device, widest_dtype(device)) for part in (self.score, self.value, self.slope)]
        if len(self.score) == 1:
            return Spline(*(part[0] for part in knots))
        if coefficients is None:
            raise SpecError(
                expected="the coefficients of the values, since their units differ",
                got="none",
                remedy="pass their flat indices as coefficients",
            )
        index = coefficients.to(device) // self.stride % len(self.score)
        chosen = (part.index_select(0, index.flatten()).unflatten(0, index.shape) for part in knots)
        return Spline(*chosen) if index.ndim else Spline(*(part[int(index)] for part in knots))

    def state(self) -> dict[str, Tensor]:
        """The knots as tensors by name."""
        return {"score": self.score, "value": self.value, "slope": self.slope, "stride": torch.tensor([self.stride])}

    @classmethod
    def from_state(cls, state: dict[str, Tensor]) -> NormalScores:
        """Normal scores from what ``state`` returned. Raises ``SpecError`` for other tensors."""
        names = [field.name for field in fields(cls)]
        if state.keys() != set(names) or not _valid(*(state[name] for name in names)):
            raise SpecError(
                expected="increasing, finite scores and values of knots, with positive slopes, and a stride",
                got=", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in state.items()) or "nothing",
                remedy="restore them from a copy",
            )
        score, value, slope = (state[name].double() for name in names[:3])
        return cls(score, value, slope, int(state["stride"]))


def _valid(score: Tensor, value: Tensor, slope: Tensor, stride: Tensor) -> bool:
    if score.ndim != 2 or not score.shape == value.shape == slope.shape or score.shape[1] < 2 or stride.numel() != 1:
        return False
    increasing = all(bool((part.isfinite().all()) & (part.diff(dim=1) > 0).all()) for part in (score, value))
    return increasing and bool((slope.isfinite() & (slope > 0)).all() & (stride >= 1).all())


def find_normal_scores(train: Real[Tensor, "n *event"], held_out: Real[Tensor, "m *event"] | None) -> NormalScores:
    """The normal scores of a mixture of Gaussians fitted to each group of coefficients of ``train``.

    Groups are those of ``find_units``; the number of components suits the ``held_out`` events, or every fifth training
    event. Missing values (NaN) are left out.
    """
    train = sample_for_statistics(train)
    grouping, units = choose_grouping(train), find_units(train)
    assert units is not None
    columns = _standard(train, grouping, units)
    others = None if held_out is None or not len(held_out) else _standard(held_out, grouping, units)
    if others is None:
        columns, others = columns[:, HELD_OUT_EVERY:] if columns.shape[1] > HELD_OUT_EVERY else columns, columns
        others = others[:, ::HELD_OUT_EVERY]
    return _splines(choose_mixtures(columns, others, COMPONENTS), units)


def _standard(events: Tensor, grouping: str, units: Units) -> Float64[Tensor, "groups n"]:
    """Evenly spaced values of each group in its units."""
    columns = grouped(events, grouping)
    if len(columns) > MAX_VALUES_PER_COLUMN:
        columns = columns[torch.linspace(0, len(columns) - 1, MAX_VALUES_PER_COLUMN, dtype=torch.float64).long()]
    standard = ((columns.double() - units.location) / units.scale).T.contiguous()
    return torch.where(standard.abs() < FARTHEST, standard, torch.nan)


def _splines(mixtures: ColumnMixtures, units: Units) -> NormalScores:
    """Splines through the scores of mixtures, in the data's units; lines go on beyond the last knots."""
    values = _knots(mixtures)
    score = mixtures.score(values)
    # dx / dz = phi(z) / f(x)
    slope = (-(score**2) / 2 - math.log(2 * math.pi) / 2 - mixtures.log_density(values)).exp()
    location, scale = units.location[:, None], units.scale[:, None]
    rows = [_increasing(*knots) for knots in zip(score, location + scale * values, scale * slope, strict=True)]
    count = max(len(row[0]) for row in rows)
    padded = [_extended(score, value, slope, count) for score, value, slope in rows]
    score, values, slope = (torch.stack([row[i] for row in padded]) for i in range(3))
    return NormalScores(score, values, slope, units.stride)


def _knots(mixtures: ColumnMixtures) -> Float64[Tensor, "columns k"]:
    """Values at equally spaced scores, by bisection, and around each component."""
    wanted = torch.linspace(-LARGEST_SCORE, LARGEST_SCORE, SCORES, dtype=torch.float64)
    reach = (LARGEST_SCORE + 1) * mixtures.deviation
    low = (mixtures.mean - reach).amin(1, keepdim=True).expand(-1, SCORES)
    high = (mixtures.mean + reach).amax(1, keepdim=True).expand(-1, SCORES)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        too_low = mixtures.score(middle) < wanted
        low, high = torch.where(too_low, middle, low), torch.where(too_low, high, middle)
    around = mixtures.mean[..., None] + mixtures.deviation[..., None] * torch.tensor(AROUND, dtype=torch.float64)
    own = torch.where((mixtures.weight > SMALLEST_STEP)[..., None], around, low[:, :1, None]).flatten(1)
    inside = torch.minimum(torch.maximum(own, low[:, :1]), low[:, -1:])
    return torch.cat([low, inside], 1).sort(1).values


def _increasing(score: Tensor, value: Tensor, slope: Tensor) -> list[Tensor]:
    """The knots whose score and value are beyond those of the last one kept: far from zero, close values are equal."""
    kept: list[int] = []
    last, last_value = -math.inf, -math.inf
    for place, (one, at) in enumerate(zip(score.tolist(), value.tolist(), strict=True)):
        if one >= last + SMALLEST_STEP and at > last_value:
            kept.append(place)
            last, last_value = one, at
    return [part[kept] for part in (score, value, slope)]


def _extended(score: Tensor, value: Tensor, slope: Tensor, count: int) -> list[Tensor]:
    """The knots and, up to ``count``, others on the line beyond the last."""
    more = torch.arange(1, count - len(score) + 1, dtype=torch.float64)
    end = pad(slope, (0, len(more)), value=float(slope[-1]))
    return [torch.cat([score, score[-1] + more]), torch.cat([value, value[-1] + slope[-1] * more]), end]
