"""``tensorar serve``."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from tensorar_cli import options
from tensorar_cli.output import Output


def serve(
    runs: Annotated[Path, typer.Argument(metavar="RUNS", help="The folder of a run, or a folder of runs.")],
    port: Annotated[int, typer.Option(help="Port on this machine; 0: a free one.", min=0, max=65535)] = 0,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Look at runs in the browser: paint evidence, and see completions and predictive distributions."""
    from tensorar import TensorarError
    from tensorar.utils.words import counted
    from tensorar.workflows.explore import Shelf

    try:
        from tensorar_web.server import PageServer
    except ModuleNotFoundError as error:
        raise TensorarError(
            expected="starlette and uvicorn, which serve the page",
            got=f"no module {error.name}",
            remedy="pip install tensorar[serve]",
        ) from error
    output, shelf = Output(as_json=json), Shelf(runs, device)
    server, count = PageServer(shelf, port), counted(len(shelf), "run")
    output.print(f"{count} at {server.url} (on this machine only; Ctrl-C ends it)")
    output.print_json({"url": server.url, "runs": shelf.names})
    # a pipe is read while the server runs
    sys.stdout.flush()
    if open_page:
        webbrowser.open(server.url)
    server.run()
    output.print("stopped")
