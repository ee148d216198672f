"""Validation during training, with the same events (and the same sampled prefixes) every time.

For an adaptive ordering it measures the network in one order, ``model.order``: replay would take a pass for each
coefficient.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tensorar.dataset import Dataset
from tensorar.events import choose
from tensorar.model import AutoregressiveModel
from tensorar.runs.settings import TrainingSettings
from tensorar.training.batches import keyed_generator
from tensorar.training.evaluation import data_nats, event_nats, mean_observed, never_estimated
from tensorar.training.likelihood import Likelihood
from tensorar.utils.permutation import Permutation
from tensorar.utils.shapes import split_batch

if TYPE_CHECKING:
    from accelerate import Accelerator

# prefixes of each event, if its likelihood is estimated
SAMPLES_PER_EVENT = 8


class Validation:
    """A sample of the validation split, chosen by the seed; each process evaluates its share."""

    def __init__(self, dataset: Dataset, settings: TrainingSettings, accelerator: Accelerator) -> None:
        self.seed, self.accelerator = settings.seed, accelerator
        shuffled = Permutation(len(dataset.valid), keyed_generator(self.seed, "valid"))
        chosen = shuffled[torch.arange(min(settings.valid_events, len(dataset.valid)))]
        # truncate so that every process has the same number (gather needs equal shapes)
        chosen = chosen[: len(chosen) - len(chosen) % accelerator.num_processes]
        events = dataset.observed(choose(dataset.valid, chosen))
        self.data_nats, self.observed = data_nats(dataset, events), mean_observed(events)
        share = chosen[accelerator.process_index :: accelerator.num_processes]
        self.events = dataset.observed(choose(dataset.valid, share))
        self.contexts = None if dataset.contexts is None else dataset.contexts.valid[share]

    def likelihood(self, model: AutoregressiveModel) -> Likelihood:
        """The model's likelihood, with that of the process that generated the data if it is known."""
        model.eval()
        index, processes = self.accelerator.process_index, self.accelerator.num_processes
        generator = keyed_generator(self.seed, "validation", index)
        exact, order = never_estimated(model), model.order if model.ordering.adaptive else None
        scored = [
            event_nats(model, *chunk, exact=exact, samples=SAMPLES_PER_EVENT, generator=generator, order=order)
            for chunk in split_batch(self.events, self.contexts)
        ]
        nats = torch.cat(scored)
        if processes > 1:
            nats = self.accelerator.gather(nats.to(self.accelerator.device)).cpu()
        size = len(model.order)
        return Likelihood.of(nats, size, exact=exact, data_nats=self.data_nats, observed=self.observed)
