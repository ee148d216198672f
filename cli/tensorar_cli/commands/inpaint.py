"""``tensorar inpaint``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tensorar_cli import options
from tensorar_cli.export import (
    NUMBERS,
    PICTURES,
    beside,
    check_events_output,
    holds_rows,
    is_folder,
    write,
    write_files,
    write_values,
)
from tensorar_cli.output import Output, sampling_report

if TYPE_CHECKING:
    from tensorar.workflows import Completions


def inpaint(
    run: options.RunFolder,
    evidence: Annotated[
        str | None,
        typer.Option(
            help="The known region: 'top half', 'left third', 'center box', 'border', 'rows 3-7', 'column 2', "
            "'first 45' (in the model's order), 'every 2nd', 'every 2nd row', 'random 30 %', 'low-discrepancy 10 %', "
            "or several joined by +. Default: the top half, or a similar region if there are no rows."
        ),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A mask instead of --evidence: a .npy array, True if known, of the event's shape or one per event, or "
            "a .png (of the size of --image) whose transparent pixels are unknown (if none are: white ones).",
        ),
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Complete this picture (PNG, JPEG, ...) instead of events of the dataset, resized to the run's size; "
            "what is transparent in it, or white in --mask, is unknown. Default of --out: a folder beside the run's "
            "files, with a picture of each completion and a sheet.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Complete the events in this file, of a kind that the run's dataset reads."),
    ] = None,
    events: Annotated[int, typer.Option(help="Number of events to complete.", min=1)] = 8,
    completions: Annotated[int, typer.Option("--completions", "-n", help="Completions per event.", min=1)] = 4,
    split: options.Split = "test",
    context: options.Contexts = None,
    uncertainty: Annotated[
        bool,
        typer.Option(
            "--uncertainty",
            help="Also write, beside FILE, the uncertainty of every unknown coefficient given the evidence: the "
            "entropy (nats), or the standard deviation of real values. Evidence networks trained on varying orders "
            "predict it; for others it is estimated from the completions, so draw many (--completions 64).",
        ),
    ] = False,
    out: options.PictureOrNumbers = None,
    conditioning: options.Conditioning = "auto",
    particles: options.Particles = options.DEFAULT_PARTICLES,
    proposal: options.Proposal = None,
    method: options.Method = "auto",
    temperature: options.Temperature = 1.0,
    top_k: options.TopK = None,
    top_p: options.TopP = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Complete events of the dataset, or your own picture or file, from a part of them: evidence and completions."""
    from tensorar import workflows
    from tensorar.utils.words import counted

    output, file = Output(as_json=json), _one_file(image, data)
    name = f"{image.stem}-inpainted" if image else "inpainting.png"
    path = check_events_output(out, run, name, PICTURES + NUMBERS)
    with output.progress("in-painting") as update:
        result = workflows.inpaint(
            run,
            evidence,
            mask=mask,
            data=file,
            events=events,
            completions=completions,
            split=split,
            context=context,
            uncertainty=uncertainty,
            conditioning=conditioning,
            particles=particles,
            proposal=proposal,
            method=method,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            seed=seed,
            device=device,
            progress=lambda done, total: update(done, total, f"step {done}/{total}"),
        )
    for note in result.notes:
        output.print(f"note: {note}")
    _write(path, result, output)
    count, shape = len(result.originals), list(result.completions.shape)
    output.print(f"{counted(count, 'event')}, {counted(completions, 'completion')} each, in {path} ({result.info})")
    report = sampling_report(result.info) | _log_evidence(result, output)
    values: dict[str, Any] = {"events": count, "known": _known(result), "shape": shape, "path": str(path)}
    values |= {"notes": list(result.notes)} if file else {}
    if result.uncertainty is not None:
        second = path / "uncertainty.png" if is_folder(path) else beside(path, "uncertainty")
        values["uncertainty"] = _write_uncertainty(result, second, output)
    output.print_json({"run": str(run)} | values | report)


def _one_file(image: Path | None, data: Path | None) -> Path | None:
    """The file of --image or --data. Raises ``TensorarError`` for both, and for an image that is none by its name."""
    from tensorar import TensorarError
    from tensorar.utils.reading import PICTURE_ENDINGS, is_picture

    if image is not None and data is not None:
        raise TensorarError(expected="either --image or --data", got="both", remedy="leave one out")
    if image is not None and not is_picture(image):
        raise TensorarError(
            expected=f"--image to end in {', '.join(PICTURE_ENDINGS)}", got=repr(str(image)), remedy="use --data"
        )
    return image or data


def _write(path: Path, result: Completions, output: Output) -> None:
    """Write completions as the ending says: rows of the run's table, a file of each and a sheet, a picture, numbers."""
    from tensorar.tables import write_table
    from tensorar.workflows.table_rows import schema_of

    if result.run.schema is not None and holds_rows(path):
        write_table(path, result.frame(), schema_of(result.run).form)
        return
    if is_folder(path):
        write_files(path, result.pictures())
    sheet = path / "sheet.png" if is_folder(path) else path
    write(sheet, result.figure, result.completions, result.run, output)


def _log_evidence(result: Completions, output: Output) -> dict[str, Any]:
    """Print the log-probability of what is known, if there is one; returns it for JSON."""
    if result.log_evidence is None:
        return {}
    value, error = result.log_evidence.mean
    known = not math.isnan(error)  # of one completion it is not
    how = "" if result.log_evidence.exact.all() else f"{f' ± {error:.2g}' if known else ''} (estimate)"
    output.print(f"log p(known) {value:.2f} nats on average{how}")
    return {"log_evidence": value, "log_evidence_standard_error": error if known else None}


def _known(result: Completions) -> int | list[int]:
    """How many coefficients are known: one number if it is the same for all events."""
    counts = [int(mask.sum()) for mask in result.mask]
    return counts[0] if len(set(counts)) == 1 else counts


def _write_uncertainty(result: Completions, path: Path, output: Output) -> dict[str, Any]:
    """Write the uncertainty as the completions are written; returns the report."""
    found = result.uncertainty
    assert found is not None
    if path.suffix in PICTURES:
        write(path, result.uncertainty_figure, found.value, result.run, output)
    else:
        write_values(path, found.value, result.run)
    unknown = found.value[~result.mask]
    mean = None if found.is_mixed else float(unknown.mean()) if len(unknown) else 0.0
    output.print(f"{found}{'' if mean is None else f': {mean:.3g} on average'}, in {path}")
    return {"measure": found.measure, "mean": mean, "completions": found.completions, "path": str(path)}
