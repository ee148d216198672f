"""``tensorar forecast``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tensorar_cli import options
from tensorar_cli.export import SOUNDS, ending_of, write, write_files
from tensorar_cli.output import Output, sampling_report
from tensorar_cli.parsing import parse_numbers

if TYPE_CHECKING:
    from tensorar.workflows import Forecast

FORMATS = (".png", ".npy", *SOUNDS)


def forecast(
    run: options.RunFolder,
    horizon: Annotated[int, typer.Option(help="Number of steps to forecast.", min=1)],
    prefix: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The series to continue: a file of the kind and with the columns that the run was trained on. "
            "Default: the run's own series, from its end.",
        ),
    ] = None,
    quantiles: Annotated[str, typer.Option(help="Quantiles to write, of the draws at each step.")] = "0.1,0.5,0.9",
    draws: Annotated[int, typer.Option(help="Number of draws.", min=1)] = 256,
    context: options.Contexts = None,
    out: Annotated[
        Path | None,
        options.out(
            "The quantiles with their times (.csv, .tsv, .xlsx, .parquet) and a fan chart beside them, the chart alone "
            "(.png), the draws (.npy, of shape (draws, horizon, ...)), or of sounds each draw (.wav). Default: "
            "forecast.csv and forecast.png in the run folder."
        ),
    ] = None,
    conditioning: options.Conditioning = "auto",
    particles: options.Particles = options.DEFAULT_PARTICLES,
    method: options.Method = "auto",
    temperature: options.Temperature = 1.0,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Continue a series: quantiles of what follows with their times, and a fan chart."""
    from tensorar import workflows
    from tensorar.tables import check_table_path
    from tensorar.utils.words import counted
    from tensorar.workflows.forecast import check_quantiles

    output, path = Output(as_json=json), out or run / "forecast.csv"
    path = path if path.suffix in FORMATS else check_table_path(path)
    levels = parse_numbers(quantiles, "--quantiles")
    check_quantiles(levels)
    with output.progress("forecasting") as update:
        result = workflows.forecast(
            run,
            prefix,
            horizon=horizon,
            draws=draws,
            context=context,
            conditioning=conditioning,
            particles=particles,
            method=method,
            temperature=temperature,
            seed=seed,
            device=device,
            progress=lambda done, total: update(done, total, f"step {done}/{total}"),
        )
    written = _write(result, path, levels, output)
    files = " and ".join(map(str, written)) if len(written) < 3 else f"{written[0]} to {written[-1]}"
    output.print(f"{counted(draws, 'draw')} of {counted(horizon, 'step')} in {files} ({result}; {result.info})")
    output.print_json({"run": str(run)} | _as_dict(result, levels, written) | sampling_report(result.info))


def _write(result: Forecast, path: Path, levels: list[float], output: Output) -> list[Path]:
    """Write the forecast as the extension says; returns the files."""
    from tensorar.tables import write_table

    if path.suffix in SOUNDS:
        files = result.files(path.name)
        write_files(path.parent, files)
        return [path.parent / name for name in files]
    written = [path]
    if path.suffix not in FORMATS:
        write_table(path, result.frame(levels), result.past.form)
        written.append(path.with_name(f"{path.name.removesuffix(ending_of(path))}.png"))
    write(written[-1], lambda: result.figure(levels), result.draws, result.run, output)
    return written


def _as_dict(result: Forecast, levels: list[float], written: list[Path]) -> dict[str, Any]:
    values = result.quantiles(levels)
    return {
        "paths": [str(path) for path in written],
        "draws": len(result.draws),
        "windows": result.windows,
        "times": result.past.times.written(result.times),
        "quantiles": {f"{level:g}": part.tolist() for level, part in zip(levels, values, strict=True)},
    }
