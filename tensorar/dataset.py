"""Datasets: three splits of events of one shape, with their exact likelihood if it is known."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import torch
from jaxtyping import Bool, Float, Int, Real
from torch import Tensor
from torch.distributions import Distribution

from tensorar.axes import AxisNames, check_axes, guess_axes
from tensorar.dataset_files import DatasetFiles, Parsed
from tensorar.errors import DataError, ShapeError
from tensorar.events import Events, Extremes, ObservedEvents, in_chunks, origin_of, sample_of
from tensorar.evidence import Evidence
from tensorar.parts.part import Part
from tensorar.split_checks import check_contexts, check_finite, check_shape, require_finite


@dataclass(frozen=True, eq=False)
class Splits:
    """Training, validation and test events, each ``(n, *event)``: tensors, ``StoredEvents``, or tensors of contexts."""

    train: Any
    valid: Any
    test: Any


class Dataset(DatasetFiles, Part, ABC):
    """Events to model. Subclasses implement ``load``.

    Optional methods: ``load_contexts`` for conditional data, ``simulate`` and ``draw`` for data generated during
    training, ``log_prob`` and ``conditional`` if the distribution is known, ``evidence_mask`` for puzzles.

    ``missing``: NaN in events stands for a missing value, one that was not observed; without it, NaN is an error.
    """

    kind = "dataset"
    missing: bool | str = False

    @abstractmethod
    def load(self) -> Splits:
        """Read or generate the three splits. Raises ``DataError``."""

    @cached_property
    def splits(self) -> Splits:
        """The three splits, loaded once and checked: not empty, of one shape, finite where observed.

        Raises ``DataError``.
        """
        splits = self.load()
        for name in ("train", "valid", "test"):
            events, where = getattr(splits, name), f"the {name} split of {self.name!r}"
            check_shape(events, splits.train, where)
            if isinstance(events, Tensor):
                check_finite(events, where, self._remedy_for_nan)
        return splits

    @property
    def _remedy_for_nan(self) -> str | None:
        """What to do about NaN; None if it means that a value was not observed."""
        if self.missing:
            return None
        declare = "missing" in self.option_parameters()
        return "set missing=true if they were not observed, or fill them in" if declare else "remove or fill them"

    def _extremes(self, events: Events) -> list[Tensor]:
        """The events with the extreme values of stored ones, which are checked on the way."""
        extremes = Extremes()
        for chunk in in_chunks(events):
            require_finite(chunk, f"the data of {self.name!r}", self._remedy_for_nan)
            extremes.add(chunk)
            if extremes.complete(events.dtype):
                break
        return extremes.events()

    @property
    def sample_note(self) -> str:
        """A line on the samples of large splits, empty if statistics are those of all events."""
        train, sampled = len(self.train), len(self.sampled.train)
        if sampled == train:
            return ""
        return f"the head, its units and the marginals are found from {sampled} of the {train} training events"

    @overload
    def observed(self, events: Tensor) -> Tensor | Evidence: ...

    @overload
    def observed(self, events: Events) -> Events | Evidence | ObservedEvents: ...

    def observed(self, events: Events) -> Events | Evidence | ObservedEvents:
        """Events as models take them: as they are, or what was observed of them if values may be missing."""
        if not self.missing:
            return events
        return Evidence.observed(events) if isinstance(events, Tensor) else ObservedEvents(events)

    @property
    def train(self) -> Events:
        """The training events (a sample of them, for simulated data)."""
        events: Events = self.splits.train
        return events

    @property
    def valid(self) -> Events:
        """The validation events, to choose between models."""
        events: Events = self.splits.valid
        return events

    @property
    def test(self) -> Events:
        """The test events, to report on."""
        events: Events = self.splits.test
        return events

    @cached_property
    def sampled(self) -> Splits:
        """The three splits as tensors, or a sample of each that is large: what statistics are computed from.

        Those of stored events are read and checked, and the extreme values of all are in the test sample, so that the
        number of levels is that of all events. Raises ``DataError``.
        """
        splits = {name: getattr(self, name) for name in ("train", "valid", "test")}
        samples = {name: sample_of(events) for name, events in splits.items()}
        for name, events in splits.items():
            if not isinstance(events, Tensor):
                check_finite(samples[name], f"the {name} split of {self.name!r}", self._remedy_for_nan)
        stored = {id(origin_of(e)): origin_of(e) for e in splits.values() if not isinstance(e, Tensor)}
        samples["test"] = torch.cat(
            [samples["test"], *(e for events in stored.values() for e in self._extremes(events))]
        )
        return Splits(**samples)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The shape of one event."""
        return tuple(self.train.shape[1:])

    @property
    def axes(self) -> AxisNames:
        """The names of the event's axes: ``height``, ``width``, ``channel``, ``depth``, ``time``; empty if unknown."""
        return ()

    @cached_property
    def axis_names(self) -> AxisNames:
        """The names of the event's axes: those of ``axes``, else guessed from the shape. Raises ``DataError``."""
        axes = tuple(self.axes) or guess_axes(self.event_shape)
        try:
            check_axes(axes, self.event_shape)
        except ShapeError as error:
            raise DataError(expected=error.expected, got=error.got, remedy=error.remedy) from error
        return axes

    def load_contexts(self) -> Splits | None:
        """The context of each event, ``(n, K)`` per split in the order of the events; by default None."""
        return None

    @cached_property
    def contexts(self) -> Splits | None:
        """The contexts of the three splits, loaded once and checked: finite, one per event. Raises ``DataError``."""
        contexts = self.load_contexts()
        if contexts is not None:
            for name in ("train", "valid", "test"):
                expected = (len(getattr(self, name)), *contexts.train.shape[1:])
                check_contexts(getattr(contexts, name), expected, f"{name} of {self.name!r}")
        return contexts

    @property
    def context_features(self) -> int:
        """The length of a context, 0 without contexts."""
        return 0 if self.contexts is None else self.contexts.train.shape[1]

    @property
    def class_names(self) -> list[str] | None:
        """The names of the classes, by position, if contexts are one-hot vectors; None to number them."""
        return None

    def parse_context(self, text: str) -> Float[Tensor, " context"]:
        """A context from text: numbers separated by commas. Raises ``DataError`` for other text."""
        try:
            return torch.tensor([float(word) for word in text.split(",")])
        except ValueError as error:
            raise DataError(
                expected="a context as numbers separated by commas", got=repr(text), remedy="write for example 0,1,0.5"
            ) from error

    @property
    def alternative_specs(self) -> dict[str, tuple[float, ...]]:
        """Specs of this dataset with other values, each with its extreme values; suggested if a head accepts them."""
        return {}

    def simulate(self, n: int, generator: torch.Generator) -> Real[Tensor, "n *event"] | None:
        """``n`` new training events, or None to train on ``train`` (required for datasets with contexts)."""
        return None

    def draw(self, indices: Int[Tensor, " n"], generator: torch.Generator) -> Real[Tensor, "n *event"]:
        """Training events by index, possibly re-drawn each time (dynamic binarization, for example)."""
        return self.train[indices]

    def evidence_mask(self, split: str, rows: Int[Tensor, " n"]) -> Bool[Tensor, "n *event"] | None:
        """Which coefficients of these events of a split are given as evidence, like the clues of a puzzle (None: none).

        ``evaluate`` completes the events from them, and reports the share that is completed as in the data.
        """
        return None

    def with_schema(self, document: Mapping[str, Any], where: str) -> Dataset:
        """Return this dataset, read by the schema that a run kept in ``where``. Raises ``RunError``."""
        return self

    def with_parsed(self, parsed: Parsed, document: Mapping[str, Any], where: str) -> Dataset:
        """Return this dataset with numbers that were parsed by a schema before. Raises ``RunError`` for others."""
        return self

    @property
    def suggested_head(self) -> str | None:
        """The spec of a head, if the splits do not contain all possible values; None to derive it from the splits."""
        return None

    @property
    def suggested_backbone(self) -> str | None:
        """The spec of the network that suits the events, or None to choose one for their shape."""
        return None

    @property
    def notes(self) -> list[str]:
        """What was found in the files, inferred or left out, a line each; printed before training."""
        return []

    def log_prob(self, x: Real[Tensor, "batch *event"]) -> Float[Tensor, " batch"] | None:
        """The exact log-likelihood in nats under the process that generated the data, or None if it is unknown."""
        return None

    def conditional(self, evidence: Evidence) -> Distribution | None:
        """The exact distribution of the next coefficient in raster order, or None if it is unknown."""
        return None
