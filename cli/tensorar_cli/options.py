"""Options that several commands share, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def _load_plugins(files: list[Path] | None) -> list[Path] | None:
    if files:
        from tensorar import default_registry

        for file in files:
            default_registry().load_file(file)
    return files


Plugins = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        metavar="FILE.py",
        help="Load a single-file plugin (may be repeated).",
        callback=_load_plugins,
        is_eager=True,
    ),
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run, as tensorar train printed it.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
Seed = Annotated[int, typer.Option(help="Seed of all random numbers.", min=0, max=2**32 - 1)]
Device = Annotated[str, typer.Option(help="Where to compute: auto, cpu, cuda, cuda:1, mps.")]
NewRun = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="The run's folder; by default a new one in runs.")
]
Picture = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FILE", help="The picture to write (.png); by default in the run."),
]
PictureOrNumbers = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="FILE", help="A picture (.png) or numbers (.npy, .csv); by default a picture in the run."
    ),
]
Method = Annotated[
    str,
    typer.Option(
        help="How to sample, always exactly: cached, fixed-point, plain; auto is the first of these that the model has."
    ),
]
Contexts = Annotated[
    list[str] | None,
    typer.Option(
        "--context",
        help="What to condition on: a digit for mnist:labels=true, else numbers with commas. "
        "May be repeated: samples, or events to complete, take turns. Default: the contexts of the events shown, for "
        "samples those of training events.",
    ),
]
Split = Annotated[str, typer.Option(help="Which part of the dataset: train, valid or test.")]
