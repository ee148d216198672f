"""``tensorar posterior``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tensorar_cli import options
from tensorar_cli.export import check_extension
from tensorar_cli.output import Output
from tensorar_cli.parsing import parse_steps

if TYPE_CHECKING:
    from tensorar.plotting import PosteriorStep


def posterior(
    run: options.RunFolder,
    example: Annotated[int, typer.Option(help="Index of the event in the split.", min=0)] = 0,
    steps: Annotated[
        str | None, typer.Option(help="Steps of the order to show, as in 1,5,20. Default: five, evenly spaced.")
    ] = None,
    split: options.Split = "test",
    context: options.Contexts = None,
    out: options.Picture = None,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Draw the lecture's figure: the mask, the values so far, and the next coefficient's predictive distribution."""
    from tensorar import plotting, workflows

    output, path = Output(as_json=json), check_extension(out or run / "posterior.png")
    result = workflows.posterior(run, example, parse_steps(steps), split=split, context=context, device=device)
    plotting.save(result.figure(), path)
    known = ", ".join(str(int(step.mask.sum())) for step in result.steps)
    output.print(f"event {example} of {split} with {known} coefficients known: {path}")
    output.print_json({"run": str(run), "path": str(path), "steps": [_as_dict(step) for step in result.steps]})


def _as_dict(step: PosteriorStep) -> dict[str, Any]:
    return {
        "known": int(step.mask.sum()),
        "coefficient": step.coefficient,
        "truth": step.truth,
        "most_likely": float(step.support[step.probabilities.argmax()]),
        "support": step.support.tolist(),
        "probabilities": step.probabilities.tolist(),
    }
