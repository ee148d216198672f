"""In-painting: complete events of a dataset from a part of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jaxtyping import Bool, Float, Real
from torch import Tensor

from tensorar.evidence import Evidence
from tensorar.generation import SamplingInfo
from tensorar.parts.registry import Registry
from tensorar.runs.run import Run
from tensorar.workflows.events import check_counts, check_split, events_of, given_contexts
from tensorar.workflows.masks import known_mask
from tensorar.workflows.runs import model_of, open_run
from tensorar.workflows.sampling import check_sampling, require_memory_for_samples, seeded_generator

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Completions:
    """Original events ``(n, *event)``, the mask of known coefficients, and completions ``(n, completions, *event)``.

    ``info`` is the method, the number of network passes, and whether the completions follow the model's distribution.
    """

    run: Run
    originals: Real[Tensor, "n *event"]
    mask: Bool[Tensor, "*event"]
    completions: Float[Tensor, "n completions *event"]
    info: SamplingInfo

    @property
    def evidence(self) -> Evidence:
        """The known coefficients of every event: those of the mask that were observed."""
        return Evidence(self.mask & ~self.originals.isnan(), self.originals)

    def figure(self) -> Figure:
        """Originals, evidence and completions side by side."""
        from tensorar import plotting

        return plotting.inpainting(self.originals, self.evidence, self.completions)


def inpaint(
    run: Run | str | Path,
    evidence: str | None = None,
    *,
    mask: str | Path | Tensor | None = None,
    events: int = 8,
    completions: int = 4,
    split: str = "test",
    context: Sequence[str] | Tensor | None = None,
    method: str = "auto",
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
    device: str = "auto",
    registry: Registry | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Completions:
    """Complete ``events`` events of a split, drawn with the seed, ``completions`` times each.

    What is known is a named region, ``evidence`` (see ``tensorar.region``), or a ``mask`` (a tensor or a .npy file), by
    default the top half. Missing values are unknown, too. Events are conditioned on their own contexts unless
    ``context`` is given. The other arguments are those of ``sample``. Raises ``TensorarError``.
    """
    run, generator = open_run(run, registry), seeded_generator(seed)
    sampling_method = check_sampling(method, temperature, top_k, top_p)
    check_split(split)
    check_counts(events=events, completions=completions)
    require_memory_for_samples(run, completions)
    model = model_of(run, device)
    known = known_mask(evidence, mask, model.event_shape, generator)
    chosen = events_of(run.dataset, split, events, seed)
    require_memory_for_samples(run, len(chosen) * completions)
    given = given_contexts(run, context, len(chosen))
    contexts = chosen.contexts if given is None else given
    info = SamplingInfo()
    completed = model.sample(
        evidence=Evidence(known & ~chosen.x.isnan(), chosen.x).repeat(completions),
        context=None if contexts is None else contexts.repeat_interleave(completions, dim=0),
        generator=generator,
        method=sampling_method,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        progress=progress,
        info=info,
    )
    return Completions(run, chosen.x, known, completed.unflatten(0, (len(chosen), completions)).cpu(), info)
