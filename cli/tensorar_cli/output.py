"""What a command prints: for people on a console, or one JSON object for scripts; progress always apart from it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

# where a launcher has started several processes, one speaks for all
MAIN = os.environ.get("RANK", "0") == "0"
# a file or a pipe has no edge at which to fold the rows of a table
WIDE = 1000


class Output:
    """Prints for people, or with ``as_json`` only the final result for scripts."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        width = None if (sys.stderr if as_json else sys.stdout).isatty() else WIDE
        # soft wrapping keeps paths whole, so that they can be copied and grepped
        self.console = Console(stderr=as_json, highlight=False, soft_wrap=True, quiet=not MAIN, width=width)
        self._lines = self.console

    def say(self, text: str, *, style: str | None = None) -> None:
        """A line for people (standard error where the result is JSON)."""
        self._lines.print(text, style=style, markup=False, soft_wrap=True)

    def show(self, table: Table) -> None:
        """A table for people."""
        if not self.as_json:
            self.console.print(table)

    def result(self, values: dict[str, Any]) -> None:
        """The result for scripts."""
        if self.as_json and MAIN:
            from tensorar.utils.files import json_line

            sys.stdout.write(json_line(values) + "\n")

    @contextmanager
    def progress(self, description: str, *, unit: str = "") -> Iterator[Callable[[float, float, str], None]]:
        """A progress bar with time left: call what you get with (done, total, a few words).

        Shown on terminals only, on standard error, and gone when it is done.
        """
        console = Console(stderr=True, highlight=False)
        columns = [
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[words]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        ]
        shown = console.is_terminal and MAIN
        if shown and self.console.is_terminal:
            # only the console of the bar knows how to write a line above it
            self._lines = console
        try:
            with Progress(*columns, console=console, transient=True, disable=not shown, redirect_stdout=False) as bar:
                task = bar.add_task(description, words=unit)

                def update(done: float, total: float, words: str) -> None:
                    bar.update(task, completed=done, total=total, words=words)

                yield update
        finally:
            self._lines = self.console


def table(*headers: str, rows: list[tuple[Any, ...]]) -> Table:
    """A plain table."""
    made = Table(*headers, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        made.add_row(*map(str, row))
    return made
