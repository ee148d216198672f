"""Opening runs and choosing events, as several commands do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from tensorar import AutoregressiveModel, Dataset, Run
    from tensorar.generation import Method


SPLITS = ("train", "valid", "test")


def open_run(folder: Path, device: str) -> tuple[Run, AutoregressiveModel]:
    """A run and its model on a device."""
    from tensorar import Run
    from tensorar.training.device import check_device

    run = Run.open(folder)
    return run, run.model.to(check_device(device))


def events_of(dataset: Dataset, split: str) -> Tensor:
    """All events of a split."""
    from tensorar import TensorarError

    if split not in SPLITS:
        raise TensorarError(expected="--split train, valid or test", got=repr(split), remedy="choose one of them")
    events: Tensor = getattr(dataset, split)
    return events


def contexts_of(dataset: Dataset, split: str) -> Tensor | None:
    """What the events of a split are conditioned on, where they are."""
    return None if dataset.contexts is None else getattr(dataset.contexts, split)


def some_events(dataset: Dataset, split: str, count: int | None, seed: int) -> tuple[Tensor, Tensor | None]:
    """All events of a split with their contexts, or so many drawn with the seed."""
    import torch

    events, contexts = events_of(dataset, split), contexts_of(dataset, split)
    if count is None or count >= len(events):
        return events, contexts
    chosen = torch.randperm(len(events), generator=torch.Generator().manual_seed(seed))[:count]
    return events[chosen], None if contexts is None else contexts[chosen]


def contexts_for(run: Run, written: list[str] | None, number: int, seed: int) -> Tensor | None:
    """A context for each sample: those that were written, or else some of the training data, taking turns."""
    contexts = written_contexts(run, written, number)
    if contexts is None and run.context_features:
        contexts = _in_turn(some_events(run.dataset, "train", number, seed)[1], number)
    return contexts


def written_contexts(run: Run, written: list[str] | None, number: int) -> Tensor | None:
    """So many contexts, those that were written taking turns; None where none were."""
    import torch

    from tensorar import TensorarError, load_dataset

    if not written:
        return None
    if not run.context_features:
        raise TensorarError(
            expected=f"no --context, since {run.folder} was trained without", got=written[0], remedy="leave it out"
        )
    dataset = load_dataset(run.recipe.dataset, registry=run.registry)
    return _in_turn(torch.stack([_context(run, dataset, text) for text in written]), number)


def _in_turn(contexts: Tensor | None, number: int) -> Tensor | None:
    import torch

    return None if contexts is None else contexts[torch.arange(number) % len(contexts)]


def _context(run: Run, dataset: Dataset, text: str) -> Tensor:
    from tensorar import TensorarError

    context = dataset.parse_context(text)
    if len(context) != run.context_features:
        raise TensorarError(
            expected=f"--context of {run.context_features} numbers",
            got=f"{len(context)} in {text!r}",
            remedy="write them with commas between",
        )
    return context


def known_method(name: str) -> Method:
    """A method of sampling by name."""
    from typing import get_args

    from tensorar import TensorarError
    from tensorar.generation import Method
    from tensorar.parts.spec import nearest

    methods: tuple[Method, ...] = get_args(Method)
    if name not in methods:
        raise TensorarError(expected=f"--method {', '.join(methods)}", got=repr(name), remedy=nearest(name, methods))
    return next(method for method in methods if method == name)


def generator_of(seed: int) -> torch.Generator:
    """A generator for a seed."""
    import torch

    return torch.Generator().manual_seed(seed)
