"""Continue a series: draws of what follows, their quantiles, and the times that go with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from tensorar.conditioning.ways import DEFAULT_PARTICLES, check_conditioning
from tensorar.errors import DataError, SpecError, TensorarError
from tensorar.evidence import Evidence
from tensorar.generation import SamplingInfo
from tensorar.parts.registry import Registry
from tensorar.runs.run import Run
from tensorar.series import SeriesDataset, TimeSeries
from tensorar.tables import write_numbers
from tensorar.utils.words import counted
from tensorar.workflows.continuation import Continuation
from tensorar.workflows.event_pictures import event_files
from tensorar.workflows.events import check_counts, given_contexts
from tensorar.workflows.runs import model_of, open_run
from tensorar.workflows.sampling import check_sampling, require_memory_for_samples, seeded_generator

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from pandas import DataFrame

DEFAULT_DRAWS = 256
DEFAULT_QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True, eq=False)
class Forecast:
    """Draws of the steps after a series, ``(draws, horizon, *frame)``, in the data's units.

    ``windows`` is the number of windows in which they were drawn one after another, ``seen`` the fewest steps that one
    of them was given, ``info`` the method and the way of conditioning of the last one.
    """

    run: Run
    past: TimeSeries
    draws: Float[Tensor, "draws horizon *frame"]
    windows: int
    seen: int
    info: SamplingInfo

    @property
    def times(self) -> Shaped[np.ndarray, " horizon"]:
        """The times of the drawn steps."""
        return self.past.times.at(len(self.past), self.draws.shape[1])

    def quantiles(self, levels: Sequence[float] = DEFAULT_QUANTILES) -> Float[Tensor, "levels horizon *frame"]:
        """The quantiles of every step: interpolated between draws, or for discrete values drawn ones.

        Raises ``SpecError`` for a level that is not between 0 and 1.
        """
        check_quantiles(levels)
        discrete = self.run.head.support.is_discrete
        at = torch.tensor(levels, dtype=self.draws.dtype)
        return torch.quantile(self.draws, at, dim=0, interpolation="higher" if discrete else "linear")

    def frame(self, levels: Sequence[float] = DEFAULT_QUANTILES) -> DataFrame:
        """A table of text: the times as they are written in the file, and the quantiles of each variable by level.

        Whole numbers are written in full, others with six digits.
        """
        import pandas

        columns = {self.past.times.name: self.past.times.written(self.times)}
        quantiles = self.quantiles(levels).reshape(len(levels), self.draws.shape[1], -1).double().numpy()
        for variable, values in zip(self.past.variables, quantiles.transpose(2, 0, 1), strict=True):
            for level, numbers in zip(levels, values, strict=True):
                decimals = 0 if (numbers == numbers.round()).all() else None
                columns[f"{variable}_{level:g}"] = list(write_numbers(numbers, decimals, self.past.form.decimal))
        return pandas.DataFrame(columns, dtype=object)

    def figure(self, levels: Sequence[float] = DEFAULT_QUANTILES) -> Figure:
        """A fan chart: the end of the series, the median, and a band between each two quantiles."""
        from tensorar import plotting

        return plotting.fan_chart(self.past, self.draws, self.quantiles(levels), levels)

    def files(self, name: str) -> dict[str, bytes]:
        """The series and each of its continuations as a file of the run's own kind, such as WAV, by their names."""
        past = self.past.values.to(self.draws.dtype).expand(len(self.draws), *self.past.values.shape)
        return event_files(self.run, torch.cat([past, self.draws], 1), name)

    def __str__(self) -> str:
        window = self.run.event_shape[0]
        given = f"given {counted(self.seen, 'step')}"
        if self.windows > 1:
            given = f"more than one window allows: {self.windows} windows of {window} steps, each {given} at least"
        return given + self._note_on_start()

    def _note_on_start(self) -> str:
        dataset = self.run.unchecked_dataset
        assert isinstance(dataset, SeriesDataset)
        if self.past.start is not None or (dataset.alignment == 1 and dataset.context_at(0) is None):
            return ""
        return "; without times to compare, the series is taken to begin like the one of the run"


def forecast(
    run: Run | str | Path,
    prefix: str | Path | None = None,
    *,
    horizon: int,
    draws: int = DEFAULT_DRAWS,
    context: Sequence[str] | Tensor | None = None,
    conditioning: str = "auto",
    particles: int = DEFAULT_PARTICLES,
    method: str = "auto",
    temperature: float = 1.0,
    seed: int = 0,
    device: str = "auto",
    registry: Registry | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Forecast:
    """Draw ``horizon`` steps after the series in the file ``prefix``, by default after the end of the run's own.

    The draws are completions of a window whose first steps are known: exact under an order that visits the past first,
    such as ``raster``. A horizon of more than a window is drawn window by window, each draw given its own last steps.
    Missing values of the series are drawn, too. The other arguments are those of ``AutoregressiveModel.sample``;
    ``progress(steps_done, steps)`` is called on the way. Raises ``TensorarError``.
    """
    run = open_run(run, registry)
    sampling_method, way = check_sampling(method, temperature, None, None), check_conditioning(conditioning)
    check_counts(horizon=horizon, draws=draws, particles=particles)
    require_memory_for_samples(run, draws)
    dataset = _dataset_of(run, loaded=prefix is None)
    past = _past(run, dataset, prefix)
    model, generator, info = model_of(run, device), seeded_generator(seed), SamplingInfo()
    contexts = given_contexts(run, context, draws)
    if run.context_features and contexts is None and dataset.context_at(0) is None:
        raise TensorarError(
            expected=f"`context`, since {run.folder} was trained with contexts",
            got="none",
            remedy="say which one the series has",
        )
    sample = partial(
        model.sample,
        generator=generator,
        method=sampling_method,
        temperature=temperature,
        info=info,
        conditioning=way,
        particles=particles,
    )

    def complete(evidence: Evidence, first_step: int) -> Tensor:
        own = dataset.context_at(first_step) if contexts is None else None
        return sample(evidence=evidence, context=contexts if own is None else own.expand(draws, -1))

    drawing = Continuation(
        past, run.event_shape[0], dataset.alignment, complete, progress or (lambda done, total: None)
    )
    values = drawing.draw(draws, horizon)
    return Forecast(run, past, values, drawing.windows, drawing.seen, info)


def check_quantiles(levels: Sequence[float]) -> None:
    """Raise ``SpecError`` unless the levels are between 0 and 1 and increase; called before any computation."""
    if not levels or not all(0 < level < 1 for level in levels) or list(levels) != sorted(set(levels)):
        raise SpecError(
            expected="quantiles between 0 and 1, in increasing order",
            got=", ".join(map(str, levels)) or "none",
            remedy="write for example 0.1,0.5,0.9",
        )


def _dataset_of(run: Run, *, loaded: bool) -> SeriesDataset:
    """The run's dataset, of which the files must exist if it is to be ``loaded``. Raises ``DataError``."""
    dataset = run.dataset if loaded else run.unchecked_dataset
    if not isinstance(dataset, SeriesDataset):
        raise DataError(
            expected=f"a run on a dataset of series to forecast with, such as series or audio, in {run.folder}",
            got=f"one on {run.recipe.dataset.name}",
            remedy="train one, or complete events with tensorar inpaint",
        )
    return dataset


def _past(run: Run, dataset: SeriesDataset, prefix: str | Path | None) -> TimeSeries:
    """The series to continue. Raises ``DataError`` where its steps are not those of the model's events."""
    past = dataset.series(prefix)
    if past.frame != run.event_shape[1:]:
        raise DataError(
            expected=f"steps of shape {run.event_shape[1:]} in the series, for which {run.folder} was trained",
            got=f"{past.frame} ({', '.join(past.variables[:8])})",
            remedy="provide the same variables",
        )
    return past
