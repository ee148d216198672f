"""Output of commands: text for people, or one JSON object for scripts; progress goes to standard error."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from tensorar_cli.streams import visible

if TYPE_CHECKING:
    from tensorar import Likelihood
    from tensorar.generation import SamplingInfo
    from tensorar.workflows import ConditionalLikelihood, Solved

# rows of tables are not wrapped in files and pipes
PIPE_WIDTH = 1000
# seconds before the first line of progress without a terminal, and how much longer than the last one each lasts
FIRST_LINE, INTERVALS = 30.0, 1.5


class Output:
    """Prints text, or with ``as_json`` only the final result."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        from tensorar.utils.processes import is_main_process

        # of several processes, only one prints
        self.is_main = is_main_process()
        width = None if (sys.stderr if as_json else sys.stdout).isatty() else PIPE_WIDTH
        # soft wrapping keeps paths whole, so that they can be copied and grepped
        self.console = Console(stderr=as_json, highlight=False, soft_wrap=True, quiet=not self.is_main, width=width)
        self._lines = self.console

    def print(self, text: str, *, style: str | None = None) -> None:
        """Print a line (to standard error if the result is JSON), with foreign text in it escaped."""
        self._lines.print(visible(text), style=style, markup=False, soft_wrap=True)

    def print_lines(self, text: str) -> None:
        """Print text of several lines, each like a line of its own."""
        for line in text.splitlines():
            self.print(line)

    def print_table(self, table: Table) -> None:
        """Print a table (not if the result is JSON)."""
        if not self.as_json:
            self.console.print(table)

    def print_json(self, values: dict[str, Any]) -> None:
        """Print the result as one line of JSON, if requested (in the main process)."""
        if self.as_json and self.is_main:
            from tensorar.utils.files import json_line

            sys.stdout.write(json_line(values) + "\n")

    @contextmanager
    def progress(self, description: str) -> Iterator[Callable[..., None]]:
        """A progress bar with the time left, updated by calling the yielded function with (done, total, text).

        With another description as a fourth argument the bar begins anew: one thing after another.

        It is drawn on standard error, and removed at the end. Without a terminal, a line now and then says the same.
        """
        if not sys.stderr.isatty() and self.is_main:
            yield _ProgressLines(description).update
            return
        console = Console(stderr=True, highlight=False)
        columns = [
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[words]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        ]
        drawn = console.is_terminal and self.is_main
        if drawn and self.console.is_terminal:
            # only the bar's own console can print lines above the bar
            self._lines = console
        try:
            with Progress(*columns, console=console, transient=True, disable=not drawn, redirect_stdout=False) as bar:
                task = bar.add_task(description, words="")

                def update(done: float, total: float, words: str, what: str = description) -> None:
                    if what != bar.tasks[0].description:
                        bar.reset(task, description=what)
                    bar.update(task, completed=done, total=total, words=visible(words))

                yield update
        finally:
            self._lines = self.console


class _ProgressLines:
    """Lines on standard error, the first after half a minute, the others after ever more time."""

    def __init__(self, description: str) -> None:
        self.first = description
        self._begin(description)

    def _begin(self, description: str) -> None:
        self.description, self.started, self.next = description, time.monotonic(), FIRST_LINE
        self.before: tuple[float, float] | None = None

    def update(self, done: float, total: float, words: str, what: str | None = None) -> None:
        if (wanted := what or self.first) != self.description:
            self._begin(wanted)
        passed = time.monotonic() - self.started
        # what is resumed does not begin at nothing: the pace is that since the first update
        earlier, seconds = self.before or (0.0, 0.0)
        self.before = self.before or (done, passed)
        if passed >= self.next and earlier < done < total:
            left = duration((passed - seconds) * (total - done) / (done - earlier))
            share = f"{100 * done / total:.0f} %"
            sys.stderr.write(visible(f"{self.description}: {share} in {duration(passed)}, {left} left  {words}") + "\n")
            sys.stderr.flush()
            self.next = passed * INTERVALS


def table(*headers: str, rows: list[tuple[Any, ...]]) -> Table:
    """A plain table. Text in it is escaped, and is no markup; a rich ``Text`` is kept."""
    plain = Table(*headers, box=None, pad_edge=False, header_style="bold", show_header=any(headers))
    for row in rows:
        plain.add_row(*(cell if isinstance(cell, Text) else Text(visible(str(cell))) for cell in row))
    return plain


def decimal(value: float, digits: int) -> str:
    """A number with ``digits`` decimals; one that is too large or too small for them in scientific notation.

    >>> decimal(12.3456, 3), decimal(4.06e22, 3), decimal(4.2184e-25, 3)
    ('12.346', '4.06e+22', '4.22e-25')
    """
    fits = value == 0 or 10.0**-digits <= abs(value) < 1e9
    return f"{value:.{digits}f}" if fits else f"{value:.{digits}g}"


def duration(seconds: float) -> str:
    """A time in the unit that suits it; see ``tensorar.utils.words``."""
    from tensorar.utils import words

    return words.duration(seconds)


def likelihood_table(likelihood: Likelihood) -> Table:
    """A likelihood as a table."""
    from tensorar.utils.words import counted

    kind = "exact" if likelihood.exact else "unbiased estimate"
    over = likelihood.over_orders
    of_observed = "" if likelihood.observed is None else ", of what was observed"
    observed = "" if likelihood.observed is None else "observed "
    rows = [
        (
            f"nats per event{of_observed}" + (f", mixture of {counted(over.orders, 'order')}" if over else ""),
            with_error(likelihood.nats, likelihood.standard_error),
        ),
        (f"bits per {observed}dimension", decimal(likelihood.bits_per_dim, 4)),
        (f"perplexity per {observed}coefficient", decimal(likelihood.perplexity, 4)),
        ("events", f"{likelihood.events} ({kind})"),
    ]
    if likelihood.exact_seconds is not None:
        rows.append(("exact, with --exact", f"about {duration(likelihood.exact_seconds)}"))
    if over is not None:
        what = f"nats per event, mean over {counted(over.orders, 'order')} (a bound)"
        rows.insert(1, (what, with_error(over.mean_nats, over.mean_standard_error)))
        gain = with_error(over.mean_nats - over.mixture_nats, over.gain_standard_error)
        measured = "" if over.mixture_events is None else f", measured on {counted(over.mixture_events, 'event')}"
        rows.insert(2, (f"what mixing gains{measured}", gain))
    if likelihood.observed is not None:
        rows.append(("observed coefficients per event", f"{likelihood.observed:.2f}"))
    if likelihood.data_nats is not None:
        rows.append(("exact nats of the data", decimal(likelihood.data_nats, 3)))
        rows.append(("gap to the exact nats", f"{decimal(likelihood.nats - likelihood.data_nats, 3)} nats"))
    return table("", "value", rows=rows)


def solved_line(solved: Solved) -> str:
    """The share of puzzles solved, in a line."""
    from tensorar.utils.words import counted

    share = f"{100 * solved.share:.1f} % ± {100 * solved.standard_error:.1f} %"
    return f"solved: {share} of {counted(solved.events, 'event')} completed as in the data, from the dataset's evidence"


def with_error(nats: float, standard_error: float | None) -> str:
    """Nats with their standard error, which the mean of a single event does not have."""
    return decimal(nats, 3) + (
        "" if standard_error is None or math.isnan(standard_error) else f" ± {decimal(standard_error, 3)}"
    )


def conditional_table(found: ConditionalLikelihood) -> Table:
    """The likelihood of a part of each event given the rest, as a table."""
    rows = [
        ("nats of the rest per event", with_error(found.nats, found.standard_error)),
        ("known, unknown coefficients", f"{found.known:.4g}, {found.unknown:.4g}"),
        ("events", str(found.events)),
        ("conditioning", _way(found)),
    ]
    return table("", "value", rows=rows)


def _way(found: ConditionalLikelihood) -> str:
    if found.conditioning == "clamp":
        return "clamp (biased: ignores what is known after something unknown)"
    if found.exact:
        return "exact"
    return f"smc (an estimate; the particles contribute ± {decimal(found.estimate_error, 3)})"


def sampling_report(info: SamplingInfo) -> dict[str, Any]:
    """How samples were drawn, for JSON."""
    report: dict[str, Any] = {"method": info.method, "passes": info.passes, "exact": info.exact}
    return report | ({"conditioning": info.conditioning.as_dict()} if info.conditioning.way else {})
