"""What is right for a command: a result, or a refusal in one line that leaves everything as it was."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .processes import Outcome

MEGABYTE = 1024**2
MAX_PEAK = 1500 * MEGABYTE
MAX_LINE = 2000
MAX_REFUSAL_SECONDS = 6.0
# of the address space that the limits leave
ERROR = re.compile(r"error: expected .+, got .+; .+")
# those of C0 and C1 but the newline and the tab of tables
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
NOT_FINITE = re.compile(r"(?:^|[\s:±(])(-?nan|-?inf(?:inity)?)(?=[\s,;)]|$)", re.IGNORECASE | re.MULTILINE)
WARNING = re.compile(r"\b\w*Warning: ")
KEPT = ("model.safetensors", "recipe.toml", "state.safetensors", "metrics.jsonl")
SIGNAL_CODES = (129, 130, 143)


@dataclass(frozen=True)
class Verdict:
    """How a trial ended: worked, refused, stopped, or unexpected with its faults."""

    kind: str
    faults: tuple[str, ...] = ()


def judge(
    outcome: Outcome, *, may_be_long: bool = False, codes: Iterable[int] = (), max_peak: int = MAX_PEAK
) -> Verdict:
    """The verdict; ``codes`` are further right exit codes, ``may_be_long`` lets a command be stopped by us."""
    faults = [*_text_faults(outcome), *_end_faults(outcome, may_be_long, tuple(codes)), *_leftover_faults(outcome)]
    if outcome.peak > max_peak:
        faults.append(f"more than {max_peak // MEGABYTE} MB of memory")
    if faults:
        return Verdict("unexpected", tuple(faults))
    if outcome.stopped is not None:
        return Verdict("stopped")
    return Verdict("refused" if outcome.code == 2 else "worked")


def training_began(outcome: Outcome) -> bool:
    """Whether the command wrote a run, which a later error leaves."""
    return re.search(r"^training .* in ", outcome.out + outcome.err, re.MULTILINE) is not None


def serves(outcome: Outcome) -> bool:
    """Whether the command served its page, which it does until it is stopped."""
    return outcome.arguments[:1] == ["serve"] and "http://127.0.0.1:" in outcome.out


def _text_faults(outcome: Outcome) -> list[str]:
    text = outcome.out + outcome.err
    found = {
        "traceback": "Traceback (most recent" in text,
        "internal error": "internal error" in text or "unexpected error" in text,
        "control characters": CONTROL.search(text) is not None,
        "warning": WARNING.search(outcome.err) is not None,
    }
    return [fault for fault, holds in found.items() if holds]


def _end_faults(outcome: Outcome, may_be_long: bool, codes: tuple[int, ...]) -> list[str]:
    if outcome.stopped == 9:
        return ["does not stop"]
    if outcome.stopped is not None:
        long = may_be_long or training_began(outcome) or serves(outcome)
        right = (0,) if serves(outcome) else (143, -15)
        return ([] if long else ["does not end"]) + (
            [] if outcome.code in right else [f"exit code {outcome.code} after SIGTERM"]
        )
    if outcome.code == 2:
        return _refusal_faults(outcome)
    if outcome.code in (0, *codes):
        return _result_faults(outcome)
    return [f"exit code {outcome.code}"]


def _refusal_faults(outcome: Outcome) -> list[str]:
    lines = outcome.err.splitlines()
    if not lines and outcome.out.lstrip().startswith("Usage:"):
        return []  # a group without a command shows its help
    if not lines or not ERROR.fullmatch(lines[-1]):
        return ["no line: expected, got, remedy"]
    began = training_began(outcome)
    found = {
        "more than one line": sum(line.startswith("error:") for line in lines) > 1 or (len(lines) > 1 and not began),
        "a line of more than 2000 characters": len(lines[-1]) > MAX_LINE,
        "output beside the error": bool(outcome.out) and not began,
        "late refusal": not began and outcome.seconds > MAX_REFUSAL_SECONDS,
    }
    return [fault for fault, holds in found.items() if holds]


def _result_faults(outcome: Outcome) -> list[str]:
    faults = ["an error line beside exit code 0"] if "error:" in outcome.err and outcome.code == 0 else []
    # descriptions of parts name NaN where they take it
    if outcome.arguments[:1] != ["plugins"] and NOT_FINITE.search(outcome.out):
        faults.append("a result that is not finite")
    if "--json" in outcome.arguments and outcome.code == 0 and "--help" not in outcome.arguments:
        faults += _json_faults(outcome.out)
    return faults


def _json_faults(out: str) -> list[str]:
    try:
        found: Any = json.loads(out, parse_constant=_refuse)
    except ValueError:
        return ["no single JSON object"]
    if isinstance(found, dict) and found.get("nats", 0.0) is None:
        return ["a result that is not finite"]
    return [] if out.count("\n") == 1 else ["no single JSON object"]


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _leftover_faults(outcome: Outcome) -> list[str]:
    new, changed = outcome.changes.get("new", []), outcome.changes.get("changed", [])
    resumed = any(word.startswith("--resume") for word in outcome.arguments)
    found = {
        "hidden files": any(path.rpartition("/")[2].startswith(".") for path in new),
        "files after a refusal": outcome.code == 2 and bool(new) and not training_began(outcome),
        "a run is changed": not resumed and any(path.endswith(KEPT) for path in changed),
        "files are gone": bool(outcome.changes.get("gone")),
    }
    return [fault for fault, holds in found.items() if holds]


@dataclass
class Tally:
    """The figures of many trials, and the faults by family with an example each."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    slowest_refusal: float = 0.0
    peak: int = 0
    families: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, outcome: Outcome, verdict: Verdict, label: str) -> None:
        """Count a trial."""
        self.counts[verdict.kind] += 1
        self.seconds += outcome.seconds
        self.peak = max(self.peak, outcome.peak)
        if verdict.kind == "refused" and not training_began(outcome):
            self.slowest_refusal = max(self.slowest_refusal, outcome.seconds)
        for fault in verdict.faults:
            # at once, since a campaign takes long
            sys.stderr.write(f"{label}: {fault}\n")
            self._add_example(fault, outcome, label)

    def _add_example(self, fault: str, outcome: Outcome, label: str) -> None:
        line = (outcome.err.splitlines() or [""])[-1][:300]
        family = self.families.setdefault(f"{fault} | {signature(line)}", {"count": 0, "examples": []})
        family["count"] += 1
        if len(family["examples"]) < 4:
            example = {"trial": label, "arguments": [_short(a) for a in outcome.arguments], "code": outcome.code}
            family["examples"].append(example | {"line": line, "changes": outcome.changes})

    def figures(self) -> dict[str, Any]:
        """The figures, for a file of JSON."""
        kinds = ("worked", "refused", "stopped", "unexpected")
        figures: dict[str, Any] = {"tried": self.counts.total()} | {kind: self.counts[kind] for kind in kinds}
        figures |= {"seconds": round(self.seconds, 1), "slowest refusal": round(self.slowest_refusal, 2)}
        return figures | {"memory": round(self.peak / MEGABYTE)}

    def report(self) -> str:
        """The families of faults, the most frequent first, as text."""
        families = sorted(self.families.items(), key=lambda item: -item[1]["count"])
        return "\n".join(f"{found['count']:5} {name}\n      {found['examples'][0]}" for name, found in families)


def signature(line: str) -> str:
    """An error line without what depends on the trial."""
    line = re.sub(r"'[^']*'|\"[^\"]*\"", "'…'", line)
    return re.sub(r"\d+(\.\d+)?(e[+-]?\d+)?", "N", line)[:160]


def _short(argument: str) -> str:
    return argument if len(argument) < 300 else f"{argument[:40]}…({len(argument)} characters)"
