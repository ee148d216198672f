"""In-painting: complete events of a dataset from a part of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Real
from torch import Tensor

from tensorar.conditioning import Estimate
from tensorar.conditioning.ways import DEFAULT_PARTICLES, check_conditioning
from tensorar.evidence import Evidence
from tensorar.generation import SamplingInfo
from tensorar.model import AutoregressiveModel
from tensorar.parts.registry import Registry
from tensorar.runs.run import Run
from tensorar.tables import decode
from tensorar.uncertainty import Uncertainty, predicts_marginals, too_few_completions
from tensorar.uncertainty import uncertainty as uncertainty_of
from tensorar.workflows.event_pictures import event_pictures
from tensorar.workflows.events import check_counts, check_split
from tensorar.workflows.own_events import events_to_complete, own_events
from tensorar.workflows.runs import model_of, open_run, proposal_of
from tensorar.workflows.sampling import check_sampling, require_memory_for_samples, seeded_generator
from tensorar.workflows.table_rows import class_cells, schema_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


@dataclass(frozen=True, eq=False)
class Completions:
    """Original events and the masks of what is known ``(n, *event)``, and completions ``(n, completions, *event)``.

    ``info`` is the method, the number of network passes, and whether the completions follow the model's distribution.
    ``log_evidence`` is the log-probability of what is known of each event, or None if neither conditioning nor one pass
    of the network gives it. ``uncertainty`` is that of every unknown coefficient given the evidence, if requested.
    ``from_file``: the events are from a file, with a line in ``notes`` for each change; unknown values mean nothing.
    """

    run: Run
    originals: Real[Tensor, "n *event"]
    mask: Bool[Tensor, "n *event"]
    completions: Float[Tensor, "n completions *event"]
    info: SamplingInfo
    log_evidence: Estimate | None = None
    uncertainty: Uncertainty | None = None
    from_file: bool = False
    notes: tuple[str, ...] = ()
    contexts: Float[Tensor, "n context"] | None = None

    @property
    def evidence(self) -> Evidence:
        """The known coefficients of every event."""
        return Evidence(self.mask, self.originals)

    def figure(self) -> Figure:
        """Originals, evidence and completions side by side; the caption says how they were drawn."""
        from tensorar import plotting

        caption, axes, originals = str(self.info), self.run.axes, None if self.from_file else self.originals
        return plotting.inpainting(originals, self.evidence, self.completions, caption=caption, axes=axes)

    def frame(self) -> DataFrame:
        """The completions, event by event, as rows of the run's table. Raises ``RunError`` for a run of other data."""
        schema, number = schema_of(self.run), self.completions.shape[1]
        classes = class_cells(schema, self.contexts)
        repeated = None if classes is None else [level for level in classes for _ in range(number)]
        return decode(self.completions.flatten(0, 1), schema, repeated)

    def pictures(self) -> dict[str, bytes]:
        """A PNG file of each completion, a pixel per coefficient, by its name. Raises ``ShapeError``."""
        pictures: dict[str, bytes] = {}
        digits = len(str(len(self.originals)))
        for k, drawn in enumerate(self.completions, 1):
            name = "completion" if len(self.originals) == 1 else f"event-{k:0{digits}}-completion"
            pictures |= event_pictures(self.run, drawn, name)
        return pictures

    def uncertainty_figure(self) -> Figure:
        """The evidence, and beside it a map of the uncertainty; the caption says how it was computed."""
        from tensorar import plotting

        assert self.uncertainty is not None, "inpaint with uncertainty=True"
        found, info = self.uncertainty, self.info
        caption = f"{found} ({info})" if found.completions else str(found)
        axes = self.run.axes
        return plotting.uncertainty(self.evidence, found.value, label=found.label, caption=caption, axes=axes)


def inpaint(
    run: Run | str | Path,
    evidence: str | None = None,
    *,
    mask: str | Path | Tensor | None = None,
    data: str | Path | None = None,
    events: int = 8,
    completions: int = 4,
    split: str = "test",
    context: Sequence[str] | Tensor | None = None,
    uncertainty: bool = False,
    conditioning: str = "auto",
    particles: int = DEFAULT_PARTICLES,
    proposal: Run | str | Path | None = None,
    method: str = "auto",
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
    device: str = "auto",
    registry: Registry | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Completions:
    """Complete ``events`` events of a split, drawn with the seed, ``completions`` times each; or those in a file.

    What is known is a named region, ``evidence`` (see ``tensorar.region``), by default the top half; or a ``mask``: a
    tensor ``(*event)``, or ``(events, *event)`` with a mask per event, or a file (.npy, or .png whose transparent or
    white pixels are unknown). Missing values are unknown, too. ``data`` is a file of yours that the dataset reads, such
    as a picture, resized to the run's size: what is transparent in it, or white in a ``mask`` of its size, is unknown.
    Events are conditioned on their own contexts unless ``context`` is given. ``uncertainty`` adds that of every unknown
    coefficient: see ``tensorar.uncertainty``. ``proposal`` is another run on the same data. The other arguments are
    those of ``AutoregressiveModel.sample``. Raises ``TensorarError``.
    """
    run, generator = open_run(run, registry), seeded_generator(seed)
    sampling_method = check_sampling(method, temperature, top_k, top_p)
    way = check_conditioning(conditioning)
    check_split(split)
    check_counts(events=events, completions=completions, particles=particles)
    require_memory_for_samples(run, completions)
    model = model_of(run, device)
    other = proposal_of(run, proposal, device, registry)
    if uncertainty and completions < 2 and not predicts_marginals(model):
        raise too_few_completions(completions)
    if data is None:
        chosen = events_to_complete(run, evidence, mask, split, events, context, model.order, seed, generator)
    else:
        chosen = own_events(run, data, evidence, mask, events, context, model.order, generator)
    require_memory_for_samples(run, len(chosen) * completions)
    given, contexts = Evidence(chosen.known, chosen.x), chosen.contexts
    info = SamplingInfo()
    completed = model.sample(
        evidence=given.repeat(completions),
        context=None if contexts is None else contexts.repeat_interleave(completions, dim=0),
        generator=generator,
        method=sampling_method,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        progress=progress,
        info=info,
        conditioning=way,
        particles=particles,
        proposal=other,
    )
    drawn = completed.unflatten(0, (len(chosen), completions)).cpu()
    found = uncertainty_of(model, given, drawn, contexts) if uncertainty else None
    log_evidence = log_evidence_of(model, given, contexts, info, completions)
    from_file = data is not None
    return Completions(run, chosen.x, chosen.known, drawn, info, log_evidence, found, from_file, chosen.notes, contexts)


def log_evidence_of(
    model: AutoregressiveModel, evidence: Evidence, contexts: Tensor | None, info: SamplingInfo, completions: int
) -> Estimate | None:
    """The log-probability of what is known: from conditioning's estimates, or exactly if one pass gives it."""
    estimates = info.conditioning.log_evidence
    if estimates is not None and bool(estimates.isfinite().all()):
        exact = torch.full((len(evidence),), info.conditioning.way == "exact")
        return Estimate.of_runs(estimates.cpu().unflatten(0, (len(evidence), completions)), exact)
    if info.conditioning.way == "exact" and model.is_causal and not model.ordering.adaptive:
        return model.log_marginal(evidence, contexts)
    return None
