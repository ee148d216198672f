"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def _load_plugins(files: list[Path] | None) -> list[Path] | None:
    if files:
        from tensorar import default_registry

        for file in files:
            default_registry().load_file(file)
    return files


def out(help_text: str, metavar: str = "FILE") -> Any:
    """The option that names what a command writes."""
    return typer.Option("--out", "-o", metavar=metavar, help=help_text)


Plugins = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        metavar="FILE.py",
        help="Load a single-file plugin (repeatable).",
        callback=_load_plugins,
        is_eager=True,
    ),
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, as printed by tensorar train.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
Seed = Annotated[int, typer.Option(help="Seed of all random numbers.", min=0, max=2**32 - 1)]
Device = Annotated[str, typer.Option(help="Device: auto (a GPU if there is one), cpu, cuda, cuda:1, mps.")]
NewRun = Annotated[Path | None, out("The run folder. Default: a new one in runs.", "FOLDER")]
PictureOrNumbers = Annotated[
    Path | None,
    out(
        "The picture (.png) or numbers (.npy, .csv) to write, or a folder for a picture of each event, pixel by "
        "pixel; for a run on a table also rows of any kind of table (.xlsx, ...). Default: in the run folder.",
    ),
]
Rows = Annotated[
    Path,
    typer.Argument(metavar="ROWS", help="A table with the same columns: csv, tsv, Parquet, Excel."),
]
TableOut = Annotated[Path | None, out("The table to write: .csv, .tsv, .csv.gz, .parquet or .xlsx. Default: in RUN.")]
OtherData = Annotated[
    str | None, typer.Option(help="Another dataset to use: its spec, a file or a folder. Default: the run's own.")
]
MaxEvents = Annotated[int | None, typer.Option(help="Use only this many events, drawn with the seed.", min=1)]
Exact = Annotated[
    bool | None,
    typer.Option(
        "--exact/--estimate",
        help="Evaluate all conditionals, or estimate from sampled prefixes. Default: exact where that takes under a "
        "minute.",
    ),
]
SamplesPerEvent = Annotated[int, typer.Option(help="Prefixes sampled per event when estimating.", min=1)]
Method = Annotated[
    str,
    typer.Option(
        help="Sampling method: cached, fixed-point or naive, all with the same samples; auto is the fastest one "
        "available."
    ),
]
Conditioning = Annotated[
    str,
    typer.Option(
        help="How completions depend on what is known: exact (an order visits it first, or few values are unknown "
        "before it), smc (weighted particles, exact in the limit of many), clamp (biased: ignores what is known after "
        "something unknown), or auto: exact, or else smc."
    ),
]
# that of tensorar.conditioning, which --help need not import
DEFAULT_PARTICLES = 64
Particles = Annotated[int, typer.Option(help="Particles of each completion for --conditioning smc.", min=1)]
Proposal = Annotated[
    Path | None,
    typer.Option(
        metavar="RUN",
        help="Another run on the same data with --ordering shuffled, which sees all that is known: it draws the "
        "particles, and their weights keep the answer that of RUN.",
    ),
]
Temperature = Annotated[
    float,
    typer.Option(
        help="Sharpen (< 1) or flatten (> 1) every conditional. Unless it is 1, samples do not follow the model's "
        "distribution."
    ),
]
TopK = Annotated[
    int | None,
    typer.Option(help="Draw from the k most likely values only (discrete heads). Not the model's distribution.", min=1),
]
TopP = Annotated[
    float | None,
    typer.Option(
        help="Draw from the most likely values with total probability p only (discrete heads). Not the model's "
        "distribution."
    ),
]
Contexts = Annotated[
    list[str] | None,
    typer.Option(
        "--context",
        help="Context to condition on: a class by number or name for mnist and idx, else numbers separated by commas. "
        "Repeatable: samples or events cycle through them. Default: the events' own contexts; for samples, "
        "those of training events.",
    ),
]
Split = Annotated[str, typer.Option(help="Split of the dataset: train, valid or test.")]
