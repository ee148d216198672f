"""``tensorar posterior``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tensorar_cli import options
from tensorar_cli.output import Output

if TYPE_CHECKING:
    from torch import Tensor

    from tensorar import Run


def posterior(
    run: options.RunFolder,
    example: Annotated[int, typer.Option(help="Which event of the split.", min=0)] = 0,
    steps: Annotated[
        str | None, typer.Option(help="At which steps of the order, as in 1,5,20. Default: five spread over it.")
    ] = None,
    split: options.Split = "test",
    context: options.Contexts = None,
    out: options.Picture = None,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Draw the lecture's figure: the mask, the values so far, and the distribution of the next coefficient."""
    from tensorar import TensorarError, plotting
    from tensorar_cli.export import check_ending
    from tensorar_cli.run_inputs import events_of, open_run

    output, path = Output(as_json=json), check_ending(out or run / "posterior.png")
    opened, model = open_run(run, device)
    events = events_of(opened.dataset, split)
    if example >= len(events):
        raise TensorarError(
            expected=f"--example below {len(events)}, the events of {split}", got=str(example), remedy="name another"
        )
    given, at = _context(opened, context, split, example), _parse_steps(steps, len(model.order))
    shown = plotting.posterior_steps(model, events[example], at, opened.dataset, context=given)
    plotting.save(plotting.posterior(shown), path)
    known = ", ".join(str(int(step.mask.sum())) for step in shown)
    output.say(f"event {example} of {split} with {known} coefficients known: {path}")
    output.result({"run": str(run), "path": str(path), "steps": [_as_dict(step) for step in shown]})


def _context(run: Run, written: list[str] | None, split: str, example: int) -> Tensor | None:
    """What the event is conditioned on: what was written, else its own context."""
    from tensorar import TensorarError
    from tensorar_cli.run_inputs import contexts_of, written_contexts

    if written is not None and len(written) > 1:
        raise TensorarError(expected="one --context for one event", got=str(len(written)), remedy="leave out the rest")
    contexts, own = written_contexts(run, written, 1), contexts_of(run.dataset, split)
    if contexts is not None:
        return contexts[0]
    return None if own is None else own[example]


def _as_dict(step: Any) -> dict[str, Any]:
    likely = step.support[step.probabilities.argmax()]
    return {
        "known": int(step.mask.sum()),
        "coefficient": step.coefficient,
        "truth": step.truth,
        "most_likely": float(likely),
        "support": step.support.tolist(),
        "probabilities": step.probabilities.tolist(),
    }


def _parse_steps(text: str | None, n: int) -> list[int]:
    from tensorar import TensorarError

    if text is None:
        return sorted({round(i * (n - 1) / 5) for i in range(1, 6)})
    try:
        steps = [int(word) for word in text.split(",")]
    except ValueError:
        steps = [-1]
    if any(not 0 <= step < n for step in steps):
        last = f"from 0 to {n - 1}" if n > 1 else "0, the only one"
        raise TensorarError(expected=f"--steps {last}", got=repr(text), remedy="write them with commas, as in 0,1,5")
    return steps
