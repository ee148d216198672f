"""Draw samples from a run's model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from tensorar.classes import classes_of
from tensorar.errors import TensorarError
from tensorar.generation import SamplingInfo
from tensorar.parts.registry import Registry
from tensorar.runs.run import Run
from tensorar.tables import decode
from tensorar.workflows.event_pictures import event_files, event_pictures
from tensorar.workflows.events import check_counts, contexts_for_samples
from tensorar.workflows.runs import model_of, open_run
from tensorar.workflows.sampling import check_sampling, require_memory_for_samples, seeded_generator
from tensorar.workflows.table_rows import class_cells, given_evidence, schema_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples ``(n, *event)``, with the conditional means of their coefficients if they were requested.

    ``info`` is the method, the number of network passes, and whether the samples follow the model's distribution.
    ``classes``: the names of the classes that samples were drawn of, equally many of each, one class after another.
    """

    run: Run
    samples: Float[Tensor, "n *event"]
    means: Float[Tensor, "n *event"] | None
    info: SamplingInfo
    contexts: Float[Tensor, "n context"] | None = None
    classes: tuple[str, ...] = ()

    def frame(self) -> DataFrame:
        """The samples as rows of the table that the run was trained on. Raises ``RunError`` for a run of other data."""
        schema = schema_of(self.run)
        return decode(self.samples, schema, class_cells(schema, self.contexts))

    def pictures(self) -> dict[str, bytes]:
        """A PNG file of each sample, a pixel per coefficient, by its name. Raises ``ShapeError`` for other events."""
        return event_pictures(self.run, self.samples, "sample")

    def figure(self) -> Figure:
        """The samples as a picture, beside their conditional means if there are any."""
        from tensorar import plotting

        if self.classes:
            return plotting.class_rows(
                dict(zip(self.classes, self.samples.chunk(len(self.classes)), strict=True)), axes=self.run.axes
            )
        if self.means is None:
            return plotting.event_grid(self.samples, axes=self.run.axes)
        return plotting.samples_with_means(self.samples, self.means, axes=self.run.axes)

    def files(self, name: str) -> dict[str, bytes]:
        """Files of the run's own kind, such as WAV, by their names: see ``event_files``."""
        return event_files(self.run, self.samples, name)


def sample(
    run: Run | str | Path,
    n: int = 64,
    *,
    context: Sequence[str] | Tensor | None = None,
    by_class: bool = False,
    means: bool = False,
    method: str = "auto",
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    orders: int | None = None,
    given: str | Mapping[str, str] | None = None,
    seed: int = 0,
    device: str = "auto",
    registry: Registry | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Samples:
    """Draw ``n`` samples with the best model of a run.

    Samples cycle through the contexts given by ``context``, by default those of training events; ``by_class`` draws
    ``n`` samples of each class of a run trained with labels. ``means`` adds the conditional mean of each coefficient.
    ``temperature``, ``top_k`` and ``top_p`` are those of ``model.sample``;
    ``orders`` draws from the mixture of so many random orders, those of ``workflows.evaluate`` with the same seed.
    ``given`` are values of columns, for a run trained on a table: rows are drawn given these, without rejection.
    ``progress(steps_done, steps)`` is called on the way. Raises ``TensorarError``.
    """
    run = open_run(run, registry)
    check_counts(0, n=n)
    check_counts(orders=orders)
    sampling_method = check_sampling(method, temperature, top_k, top_p)
    classes = _classes(run, context=context, given=given, means=means or None) if by_class else ()
    n *= max(1, len(classes))
    require_memory_for_samples(run, n)
    model = model_of(run, device)
    evidence, given_class = (None, None) if given is None else given_evidence(schema_of(run), given, n)
    own = torch.eye(len(classes)).repeat_interleave(n // len(classes), 0) if classes else None
    if given_class is not None and context is not None:
        raise TensorarError(
            expected="a class in either `given` or `context`", got="one in both", remedy="leave one of them out"
        )
    contexts = contexts_for_samples(run, given_class if context is None else context, n, seed) if own is None else own
    info = SamplingInfo()
    samples = model.sample(
        n,
        evidence,
        context=contexts,
        generator=seeded_generator(seed),
        method=sampling_method,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        orders=None if orders is None else model.draw_orders(orders, seed),
        progress=progress,
        info=info,
    )
    conditional_means = model.conditional_means(samples, contexts).cpu() if means else None
    return Samples(run, samples.cpu(), conditional_means, info, contexts, classes)


def _classes(run: Run, **others: object) -> tuple[str, ...]:
    """The names of the run's classes. Raises ``TensorarError`` for a run without, or with options that do not fit."""
    together = [f"`{name}`" for name, value in others.items() if value is not None]
    if together:
        raise TensorarError(
            expected="`by_class` alone", got=f"{' and '.join(together)} with it", remedy="leave one of them out"
        )
    return classes_of(run.dataset).names
