"""The four kinds of trials, each with the number of its long form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .command_lines import command_line, commands
from .concurrent_trials import try_concurrency
from .file_trials import try_files
from .judge import Tally, judge
from .kill_trials import try_kills
from .stage import Stage
from .stream_trials import try_streams


@dataclass(frozen=True)
class Campaign:
    """Trials of a kind: ``run(stage, trials, seed)``, with the numbers of trials of its forms."""

    title: str
    run: Callable[[Stage, int, int], Tally]
    short: int
    trials: int


def try_command_lines(stage: Stage, trials: int, seed: int) -> Tally:
    """Command lines of all commands, with valid and nasty values."""
    tally, known = Tally(), commands()
    for number in range(trials):
        line = command_line(seed, number, known)
        outcome = stage.run(line.arguments)
        codes = (1,) if line.arguments[:2] == ["plugins", "check"] else ()
        verdict = judge(outcome, may_be_long=line.may_be_long, codes=codes)
        tally.add(outcome, verdict, f"{seed} {number}")
    return tally


CAMPAIGNS = {
    "command_lines": Campaign("command lines", try_command_lines, 12, 500),
    "files": Campaign("damaged files", try_files, 8, 700),
    "streams": Campaign("odd standard outputs", try_streams, 6, 60),
    "kills": Campaign("killed trainings", try_kills, 3, 60),
    "concurrency": Campaign("commands at once", try_concurrency, 3, 60),
}
