"""``tensorar classify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tensorar_cli import options
from tensorar_cli.export import PICTURES, check_extension
from tensorar_cli.output import Output, decimal, table, with_error

if TYPE_CHECKING:
    from rich.table import Table

    from tensorar.workflows import Classification

# of a table of one class per line
MAX_PRINTED_CLASSES = 30


def classify(
    run: options.RunFolder,
    split: options.Split = "test",
    data: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|DATA",
            help="A file whose events are all classified, or the spec of another dataset, with or without labels. "
            "Default: the run's own.",
        ),
    ] = None,
    events: Annotated[
        int | None,
        typer.Option(help="Use only this many events: the first of a file, else drawn with the seed.", min=1),
    ] = None,
    out: Annotated[
        Path | None,
        options.out("Write the class of each event and its probabilities to this file.", "FILE.csv"),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="The confusion matrix. Default: confusion.png in the run folder."),
    ] = None,
    exact: options.Exact = None,
    samples_per_event: options.SamplesPerEvent = 16,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Classify events with a run trained with labels, by Bayes' rule: the class with the largest p(x | c) p(c)."""
    from tensorar import plotting, workflows

    output, path = Output(as_json=json), check_extension(picture or run / "confusion.png", PICTURES)
    if out is not None:
        check_extension(out, (".csv",))
    with output.progress("classifying") as update:
        found = workflows.classify(
            run,
            split,
            data=data,
            events=events,
            exact=exact,
            samples_per_event=samples_per_event,
            seed=seed,
            device=device,
            progress=lambda done, total: update(done, total, ""),
        )
    drawn = None
    if found.labels is not None:
        plotting.save(found.figure(), path)
        drawn = path
    if out is not None:
        _write_rows(found, out)
    _print(output, found, out, drawn)
    paths = {"path": None if out is None else str(out), "picture": None if drawn is None else str(drawn)}
    output.print_json({**found.as_dict(), **paths})


def _print(output: Output, found: Classification, out: Path | None, drawn: Path | None) -> None:
    from tensorar.utils.words import counted

    output.print(f"{found.run.folder} on {counted(len(found.rows), 'event')} of {found.data}")
    output.print_table(_results(found))
    if found.confusion is not None and len(found.classes) <= MAX_PRINTED_CLASSES:
        output.print_table(_by_class(found))
    if not found.exact:
        output.print(
            "note: likelihoods are estimates, so that probabilities of classes are biased; --exact computes all"
        )
    for note in found.notes:
        output.print(f"note: {note}")
    if drawn is not None:
        output.print(f"confusion matrix in {drawn}")
    if out is not None:
        output.print(f"the class of each event in {out}")


def _results(found: Classification) -> Table:
    rows = [("nats per event, over all classes", with_error(found.nats, found.nats_error))]
    if found.accuracy is not None and found.log_loss is not None:
        commonest = float(found.classes.shares.max())
        accuracy = f"{100 * found.accuracy:.2f} % ± {100 * (found.accuracy_error or 0):.2f} %"
        rows = [("accuracy", accuracy), ("log-loss, nats per label", decimal(found.log_loss, 4)), *rows]
        rows.append(("share of the commonest class in training", f"{100 * commonest:.2f} %"))
    return table("", "value", rows=rows)


def _by_class(found: Classification) -> Table:
    assert found.confusion is not None
    counts = found.confusion.double()
    of_class, taken, right = counts.sum(1).tolist(), counts.sum(0).tolist(), counts.diagonal().tolist()
    rows = [
        (name, f"{n:.0f}", _share(hits, n), _share(hits, m))
        for name, n, m, hits in zip(found.classes.names, of_class, taken, right, strict=True)
    ]
    return table("class", "events", "found (recall)", "right (precision)", rows=rows)


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else ""


def _write_rows(found: Classification, path: Path) -> None:
    """A line per event: its number in the split, its class if it is known, the predicted one, all probabilities."""
    import csv
    import io

    from tensorar.utils.files import write_atomically

    names, text = found.classes.names, io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    labels = None if found.labels is None else [names[k] for k in found.labels.tolist()]
    own = [] if labels is None else ["class"]
    writer.writerow(["event", *own, "predicted", *(f"p({name})" for name in names)])
    probabilities = found.log_probabilities.exp().tolist()
    for i, (row, k) in enumerate(zip(found.rows.tolist(), found.predicted.tolist(), strict=True)):
        known = [] if labels is None else [labels[i]]
        writer.writerow([row, *known, names[k], *(f"{p:.6g}" for p in probabilities[i])])
    write_atomically(path, text.getvalue().encode())
