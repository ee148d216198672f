"""One run's model and what was lately asked of it."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from tensorar import validation
from tensorar.conditioning import Estimate
from tensorar.errors import TensorarError
from tensorar.model import AutoregressiveModel
from tensorar.parts.registry import Registry
from tensorar.runs.run import Run
from tensorar.uncertainty import Uncertainty, predicts_marginals, uncertainty
from tensorar.workflows.events import check_example, check_split, events_of
from tensorar.workflows.explore.completing import Completed, OnProgress, OnValue, complete
from tensorar.workflows.explore.describe import RunView, describe
from tensorar.workflows.explore.predicting import FromCompletions, Predictive, predict_exactly
from tensorar.workflows.explore.question import Question
from tensorar.workflows.inpaint import log_evidence_of
from tensorar.workflows.runs import model_of, open_run
from tensorar.workflows.table_rows import cell_value, deviation_text, schema_of, texts_of

# completions from which what is not exact is estimated
ESTIMATED_FROM = 16
# evidence whose completions are kept
KEPT = 8


class Explorer:
    """Answers questions about one event under the model of a run.

    Not for several threads at once. Completions from which predictive distributions and uncertainty are estimated are
    drawn once for each evidence, and the last eight are kept.
    """

    def __init__(self, run: Run | str | Path, device: str = "auto", registry: Registry | None = None) -> None:
        self.run, self.device = open_run(run, registry), device
        self._drawn: OrderedDict[tuple[object, ...], Completed] = OrderedDict()
        self._conditionals: tuple[tuple[object, ...], FromCompletions] | None = None

    @cached_property
    def model(self) -> AutoregressiveModel:
        """The best model of the run. Raises ``TensorarError``."""
        return model_of(self.run, self.device)

    @cached_property
    def view(self) -> RunView:
        """What a page needs to know of the run. Raises ``TensorarError``."""
        return describe(self.run, self.model)

    def example(self, split: str, example: int) -> tuple[Float64[Tensor, "*event"], Float[Tensor, " context"] | None]:
        """An event of a split, with NaN where it is missing, and its context. Raises ``TensorarError``."""
        check_split(split)
        events = events_of(self.run.dataset, split)
        check_example(example, len(events), split)
        x = torch.as_tensor(events.x[example]).double()
        return x, None if events.contexts is None else events.contexts[example]

    def values(self, given: Sequence[float | str | None]) -> Float64[Tensor, "*event"]:
        """An event of so many coefficients, NaN where it is unknown (None); text is a cell of a table.

        Raises ``TensorarError``.
        """
        size = math.prod(self.run.event_shape)
        if len(given) != size:
            raise TensorarError(
                expected=f"{size} values, one for each coefficient (null if it is unknown)",
                got=str(len(given)),
                remedy="send one for each",
            )
        numbers = [math.nan if v is None else self._number(i, v) for i, v in enumerate(given)]
        return torch.tensor(numbers, dtype=torch.float64).reshape(self.run.event_shape)

    def _number(self, coefficient: int, value: float | str) -> float:
        if not isinstance(value, str):
            return float(value)
        schema = schema_of(self.run)
        return cell_value(schema, schema.coefficients[coefficient][0], value, "the event")

    def texts(self, coefficient: int, values: Sequence[float]) -> list[str] | None:
        """Values of a column as a table has them; None for other data."""
        if self.run.schema is None:
            return None
        return texts_of(schema_of(self.run), coefficient, values)

    # --- answers ----------------------------------------------------------------------------------------------------

    def complete(self, asked: Question, on_value: OnValue, on_progress: OnProgress | None = None) -> Completed:
        """Draw what is unknown, telling each value; see ``tensorar.workflows.explore.completing.complete``."""
        found = complete(self.model, asked, on_value, on_progress)
        self._keep(asked, found)
        return found

    def visits(self, asked: Question, on_progress: OnProgress | None = None) -> list[int]:
        """The flat indices of all coefficients as the model visits them given what is known.

        Under an adaptive ordering, in the first of some completions; for an ensemble, in the order that visits most of
        it first.
        """
        mask = asked.evidence.mask
        validation.check_context(self.model, asked.context, 1)
        if not self.model.ordering.adaptive:
            validation.check_evidence(self.model, asked.evidence)
            _, order = self.model.orders_for_completion(mask.to(self.model.device))[0]
            return [int(index) for index in order.visits]
        x = self.completions(asked, on_progress).x[:1]
        return [int(index) for index in self.model.visits_for(x, asked.context, known=mask)[0]]

    def predict(self, asked: Question, coefficient: int, on_progress: OnProgress | None = None) -> Predictive:
        """The distribution of an unknown coefficient given what is known.

        Exact where one query gives it, else from completions. Raises ``TensorarError`` for a known coefficient, or none
        of the event.
        """
        self._check_unknown(asked, coefficient)
        exact = predict_exactly(self.model, asked, coefficient)
        return exact if exact is not None else self._from_completions(asked, on_progress).predict(coefficient)

    def uncertainty(self, asked: Question, on_progress: OnProgress | None = None) -> Uncertainty:
        """The uncertainty of every unknown coefficient by itself; see ``tensorar.uncertainty``."""
        if predicts_marginals(self.model):
            return uncertainty(self.model, asked.evidence, asked.evidence.value.unsqueeze(1), asked.context)
        drawn = self.completions(asked, on_progress).x
        return uncertainty(self.model, asked.evidence, drawn.unsqueeze(0), asked.context)

    def deviations(self, found: Uncertainty) -> list[str | None] | None:
        """Standard deviations of the dates of a table with their unit, None for other columns; None for other data."""
        if self.run.schema is None:
            return None
        schema, values = schema_of(self.run), found.value.flatten().tolist()
        discrete = self.model.head.is_discrete(self.model.coefficients.cpu()).flatten().tolist()
        return [None if discrete[i] else deviation_text(schema, i, value) for i, value in enumerate(values)]

    def log_prob(self, asked: Question, on_progress: OnProgress | None = None) -> Estimate | None:
        """The log-probability of what is known, in nats.

        Exact by the chain rule or an enumeration, or estimated from the weights of the particles of completions. None
        if it has no value, as under an adaptive ordering. Raises ``TensorarError``, whatever is known, for a context
        that the model does not have, or for none.
        """
        validation.check_context(self.model, asked.context, 1)
        if not bool(asked.evidence.mask.any()):
            return Estimate.exactly(torch.zeros(1, dtype=torch.float64))
        if bool(asked.evidence.mask.all()):
            return Estimate.exactly(self.model.log_prob(asked.evidence.value, asked.context).double())
        found = self.completions(asked, on_progress)
        known = log_evidence_of(self.model, asked.evidence, asked.context, found.info, len(found.x))
        if known is None and not self.model.ordering.adaptive and found.info.conditioning.way == "exact":
            return self.model.log_marginal(asked.evidence, asked.context)
        return known

    def completions(self, asked: Question, on_progress: OnProgress | None = None) -> Completed:
        """Completions of the evidence that follow the model's distribution, drawn or kept."""
        own = asked.of_the_model(ESTIMATED_FROM)
        if own.key not in self._drawn:
            check: Callable[[int, list[float]], None] = lambda *_: on_progress(0, 1) if on_progress else None  # noqa: E731
            self._keep(own, complete(self.model, own, check, on_progress))
        return self._drawn[own.key]

    def _from_completions(self, asked: Question, on_progress: OnProgress | None) -> FromCompletions:
        own = asked.of_the_model(ESTIMATED_FROM)
        if self._conditionals is None or self._conditionals[0] != own.key:
            drawn = self.completions(asked, on_progress).x
            self._conditionals = (own.key, FromCompletions.of(self.model, own, drawn))
        return self._conditionals[1]

    def _keep(self, asked: Question, found: Completed) -> None:
        if asked.completions == ESTIMATED_FROM and asked.temperature == 1:
            self._drawn[asked.key] = found
            while len(self._drawn) > KEPT:
                self._drawn.popitem(last=False)

    def _check_unknown(self, asked: Question, coefficient: int) -> None:
        known = asked.evidence.mask.flatten()
        if not 0 <= coefficient < len(known) or bool(known[coefficient]):
            raise TensorarError(
                expected=f"an unknown coefficient from 0 to {len(known) - 1}",
                got=f"{coefficient}, which is known" if 0 <= coefficient < len(known) else str(coefficient),
                remedy="ask about another one",
            )
