"""``tensorar posterior``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tensorar_cli import options
from tensorar_cli.export import ANIMATIONS, PAGES, PICTURES, check_extension
from tensorar_cli.output import Output
from tensorar_cli.parsing import parse_steps

if TYPE_CHECKING:
    from tensorar.plotting import PosteriorStep
    from tensorar.workflows import Posterior

KINDS: dict[str, Literal["picture", "animation", "page"]] = {
    **dict.fromkeys(PICTURES, "picture"),
    **dict.fromkeys(ANIMATIONS, "animation"),
    **dict.fromkeys(PAGES, "page"),
}


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
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Instead of a picture, a page for any browser (.html, one file, no network) of --steps, or else all "
            "steps (at most 1000), with a slider, play and arrow keys.",
        ),
    ] = None,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Draw the lecture's figure: the mask, the values so far, and the next coefficient's predictive distribution."""
    from tensorar import workflows

    output, path = Output(as_json=json), _path(out or run / "posterior.png", html, chosen=out is not None)
    show = KINDS[path.suffix]
    with output.progress("predicting") as update:
        result = workflows.posterior(
            run,
            example,
            parse_steps(steps),
            show=show,
            split=split,
            data=data,
            context=context,
            device=device,
            progress=lambda done, total: update(done, total, f"step {done}/{total}"),
        )
    size = _write(result, path, output)
    output.print(f"event {example} of {data or split} {_shown(result, show)}: {path}{size}")
    output.print_json({"run": str(run), "path": str(path), "steps": [_as_dict(step) for step in result.steps]})


def _path(out: Path, html: Path | None, *, chosen: bool) -> Path:
    """The file to write; it is checked before any computation. Raises ``TensorarError``."""
    if html is None:
        return check_extension(out, PICTURES + ANIMATIONS)
    if chosen:
        from tensorar import TensorarError

        raise TensorarError(expected="--out or --html", got="both", remedy="run the command once for each")
    return check_extension(html, PAGES, "--html")


def _shown(result: Posterior, show: str) -> str:
    from tensorar.utils.words import counted

    if show == "picture":
        known = [int(step.mask.sum()) for step in result.steps]
        return f"with {', '.join(map(str, known))} coefficients known"
    return f"in {counted(len(result.steps), 'frame' if show == 'animation' else 'step')}"


def _write(result: Posterior, path: Path, output: Output) -> str:
    """Write the file; returns what is to be said of its size."""
    from tensorar import plotting
    from tensorar.utils.memory import format_bytes

    if path.suffix in PAGES:
        return f" ({format_bytes(result.save_page(path))})"
    if path.suffix in PICTURES:
        plotting.save(result.figure(), path)
        return ""
    with output.progress("drawing") as update:
        result.save_animation(path, lambda done, total: update(done, total, f"frame {done}/{total}"))
    return ""


def _as_dict(step: PosteriorStep) -> dict[str, Any]:
    return {
        "known": int(step.mask.sum()),
        "coefficient": step.coefficient,
        "truth": step.truth,
        "most_likely": float(step.support[step.probabilities.argmax()]),
        "support": step.support.tolist(),
        "probabilities": step.probabilities.tolist(),
    }
