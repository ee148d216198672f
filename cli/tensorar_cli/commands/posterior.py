"""``tensorar posterior``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tensorar_cli import options
from tensorar_cli.export import ANIMATIONS, PICTURES, check_extension
from tensorar_cli.output import Output
from tensorar_cli.parsing import parse_steps

if TYPE_CHECKING:
    from tensorar.plotting import PosteriorStep
    from tensorar.workflows import Posterior


def posterior(
    run: options.RunFolder,
    example: Annotated[int, typer.Option(help="Index of the event in the split.", min=0)] = 0,
    steps: Annotated[
        str | None, typer.Option(help="Steps of the order to show, as in 1,5,20. Default: five, evenly spaced.")
    ] = None,
    split: options.Split = "test",
    data: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="An event of this file instead, of a kind that the run's dataset reads."),
    ] = None,
    context: options.Contexts = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="The picture (.png), or an animation (.gif) with a frame per step, six per second: --steps, or else "
            "at most 60 steps over the whole order. Default: a picture in the run folder.",
        ),
    ] = None,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Draw the lecture's figure: the mask, the values so far, and the next coefficient's predictive distribution."""
    from tensorar import workflows

    output, path = Output(as_json=json), check_extension(out or run / "posterior.png", PICTURES + ANIMATIONS)
    animated = path.suffix in ANIMATIONS
    with output.progress("predicting") as update:
        result = workflows.posterior(
            run,
            example,
            parse_steps(steps),
            animated=animated,
            split=split,
            data=data,
            context=context,
            device=device,
            progress=lambda done, total: update(done, total, f"step {done}/{total}"),
        )
    _write(result, path, output)
    known = [int(step.mask.sum()) for step in result.steps]
    shown = f"in {len(known)} frames" if animated else f"with {', '.join(map(str, known))} coefficients known"
    output.print(f"event {example} of {data or split} {shown}: {path}")
    output.print_json({"run": str(run), "path": str(path), "steps": [_as_dict(step) for step in result.steps]})


def _write(result: Posterior, path: Path, output: Output) -> None:
    from tensorar import plotting

    if path.suffix not in ANIMATIONS:
        plotting.save(result.figure(), path)
        return
    with output.progress("drawing") as update:
        result.save_animation(path, lambda done, total: update(done, total, f"frame {done}/{total}"))


def _as_dict(step: PosteriorStep) -> dict[str, Any]:
    return {
        "known": int(step.mask.sum()),
        "coefficient": step.coefficient,
        "truth": step.truth,
        "most_likely": float(step.support[step.probabilities.argmax()]),
        "support": step.support.tolist(),
        "probabilities": step.probabilities.tolist(),
    }
