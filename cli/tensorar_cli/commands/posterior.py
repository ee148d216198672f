"""``tensorar posterior``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tensorar_cli import options
from tensorar_cli.output import Output


def posterior(
    run: options.RunFolder,
    example: Annotated[int, typer.Option(help="Which event of the split.", min=0)] = 0,
    steps: Annotated[
        str | None, typer.Option(help="At which steps of the order, as in 1,5,20. Default: five spread over it.")
    ] = None,
    split: options.Split = "test",
    out: options.Out = None,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Draw the lecture's figure: the mask, the values so far, and the distribution of the next coefficient."""
    from tensorar import pictures
    from tensorar_cli.loading import events_of, open_run

    output = Output(as_json=json)
    opened, model = open_run(run, device)
    events = events_of(opened.dataset, split)
    if example >= len(events):
        raise typer.BadParameter(f"expected --example below {len(events)}, got {example}")
    shown = pictures.posterior_steps(model, events[example], _parse_steps(steps, len(model.order)), opened.dataset)
    path = out or run / "posterior.png"
    pictures.save(pictures.posterior(shown), path)
    output.say(f"the posterior at {len(shown)} steps of event {example} in {path}")
    output.result({"run": str(run), "path": str(path), "steps": [_as_dict(step) for step in shown]})


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
    if text is None:
        return sorted({round(i * (n - 1) / 5) for i in range(1, 6)})
    try:
        steps = [int(word) for word in text.split(",")]
    except ValueError:
        steps = [-1]
    if any(not 0 <= step < n for step in steps):
        raise typer.BadParameter(f"expected --steps from 0 to {n - 1}, as in 1,5, got {text!r}")
    return steps
