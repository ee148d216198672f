"""Write the tables of docs/benchmarks.md and docs/orderings.md from the recorded figures.

Run: python tests/benchmarks/make_tables.py    (after a benchmark has recorded something)
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
LIKELIHOODS, SAMPLING = FOLDER / "results.json", FOLDER / "sampling.json"
SAMPLING_ON_GPU, PARTICLES = FOLDER / "sampling_gpu.json", FOLDER / "particles.json"
LARGE_EVENTS = FOLDER / "large_events.json"
ORDERS = FOLDER / "orders.json"
TABLES = FOLDER / "tables.json"
TRAINING = FOLDER / "training.json"
DOCS = FOLDER.parents[1] / "docs"

LIKELIHOOD_COLUMNS = ("command", "training", "test nats", "bits/dim", "perplexity", "exact nats", "threads")
SAMPLING_COLUMNS = (
    *("backbone", "event", "batch", "forward, s", "naive, s", "cached, s", "fixed-point, s (passes)"),
    *("cached / forward", "µs per step", "naive / cached"),
)

PARTICLES_COLUMNS = (
    "backbone",
    "known",
    "particles",
    "sample, s",
    "smc, s",
    "smc / sample",
    "lowest effective sample size",
)

ORDERS_COLUMNS = (
    *("data", "order", "one network of all orders, nats", "minus raster"),
    *("a network of its own, nats", "minus raster"),
)


def header(columns: tuple[str, ...]) -> str:
    """The two lines that begin a table."""
    return f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}"


def likelihood_row(recipe: str, found: dict) -> str:
    """One trained and evaluated recipe."""
    estimated = "" if found["exact"] else " (estimate)"
    data_nats = "" if found["data_nats"] is None else f"{found['data_nats']:.2f}"
    threads = re.search(r"(\d+) threads", found["machine"]).group(1)
    return (
        f"| `tensorar train --recipe {recipe}` | {found['training_seconds'] / 60:.1f} min "
        f"| {found['nats']:.2f} ± {found['standard_error']:.2f}{estimated} | {found['bits_per_dim']:.3f} "
        f"| {found['perplexity']:.3f} | {data_nats} | {threads} |"
    )


def sampling_row(found: dict) -> str:
    """One backbone and batch size; ``~`` marks a naive time that is estimated."""
    shape, steps = "x".join(map(str, found["shape"])), 1
    for size in found["shape"]:
        steps *= size
    forward, cached = found["forward"], found["cached"]
    naive, estimated = found.get("naive", forward * steps), "" if "naive" in found else "~"
    return (
        f"| `{found['backbone']}` | {shape} | {found['batch']} | {forward:.3g} | {estimated}{naive:.3g} "
        f"| {cached:.3g} | {found['fixed_point']:.3g} ({found['passes']}) "
        f"| {cached / forward:.2f} | {1e6 * cached / steps:.0f} | {naive / cached:.0f} |"
    )


LARGE_EVENTS_COLUMNS = (
    *("backbone", "weights", "step of 4 events, s"),
    *("likelihood of an event, s", "sample, s", "memory, GB"),
)


def large_events_row(found: dict) -> str:
    """One backbone on events of 100,000 coefficients, or why it was refused."""
    if "refused" in found:
        return f"| `{found['backbone']}` | {found['refused'].partition(';')[0]} | | | | |"
    seconds = " | ".join(f"{found[key]:.3g}" if key in found else "" for key in ("step", "log_prob", "sample"))
    return f"| `{found['backbone']}` | {found['weights']:,} | {seconds} | {found['memory'] / 1e9:.2f} |"


def particles_row(found: dict) -> str:
    """Sequential Monte Carlo with one backbone."""
    return (
        f"| `{found['backbone']}` | {found['known']} | {found['particles']} "
        f"| {found['sample']:.3g} | {found['smc']:.3g} "
        f"| {found['smc'] / found['sample']:.2f} | {found['effective_sample_size']:.0f} |"
    )


TRAINING_COLUMNS = ("compared", "network", "ours, ms", "plain, ms", "ours / plain", "asked")


def training_row(found: dict) -> str:
    """One comparison of a training step, a likelihood or samples with plain ones."""
    ours, plain = found["ours"], found["plain"]
    return (
        f"| {found['what']} | {found['size']} | {1e3 * ours:.2f} | {1e3 * plain:.2f} | {ours / plain:.2f} "
        f"| {found['goal']:.2f} |"
    )


def orders_row(found: dict) -> str:
    """One order of one dataset."""
    cells = [cell for column in ("shared", "own") for cell in _compared(found.get(column))]
    return f"| {found['data']} | `{found['order']}` | {' | '.join(cells)} |"


def _compared(found: dict | None) -> tuple[str, str]:
    """Nats, and their difference from raster, each with its standard error; nothing where nothing was measured."""
    if found is None:
        return "", ""
    difference = f"{found['difference']:+.2f} ± {found['paired_error']:.2f}" if found["paired_error"] else ""
    return f"{found['nats']:.2f} ± {found['standard_error']:.2f}", difference


def likelihoods() -> str:
    """The table of results.json."""
    rows = [likelihood_row(recipe, found) for recipe, found in json.loads(LIKELIHOODS.read_text()).items()]
    return "\n".join([header(LIKELIHOOD_COLUMNS), *rows])


def sampling(file: Path = SAMPLING) -> str:
    """The table of sampling.json, or of another such file."""
    return "\n".join([header(SAMPLING_COLUMNS), *map(sampling_row, json.loads(file.read_text()))])


def large_events() -> str:
    """The table of large_events.json."""
    return "\n".join([header(LARGE_EVENTS_COLUMNS), *map(large_events_row, json.loads(LARGE_EVENTS.read_text()))])


def particles() -> str:
    """The table of particles.json."""
    return "\n".join([header(PARTICLES_COLUMNS), *map(particles_row, json.loads(PARTICLES.read_text()))])


def orders() -> str:
    """The table of orders.json."""
    return "\n".join([header(ORDERS_COLUMNS), *map(orders_row, json.loads(ORDERS.read_text()))])


TABLES_COLUMNS = (
    *("table", "test rows", "model", "mixture of 16 orders", "independent", "Gaussian", "mixture", "copula"),
    *("imputation error", "coverage of 90 %"),
)


def tables_row(name: str, found: dict) -> str:
    """One table, and the imputation of half of its cells where it was measured."""
    baselines = " | ".join(f"{found[key]:.2f}" for key in ("independent", "gaussian", "mixture", "copula"))
    imputed = "imputation_mse" in found
    filled = f"{found['imputation_mse']:.3f} | {100 * found['coverage']:.1f} %" if imputed else "|"
    return (
        f"| {name} | {found['rows']} | {found['nats']:.2f} ± {found['standard_error']:.2f} "
        f"| {found['mixture_nats']:.2f} | {baselines} | {filled} |"
    )


def training() -> str:
    """The table of training.json."""
    return "\n".join([header(TRAINING_COLUMNS), *map(training_row, json.loads(TRAINING.read_text()))])


def tables() -> str:
    """The table of tables.json."""
    rows = [tables_row(name, found) for name, found in json.loads(TABLES.read_text()).items()]
    return "\n".join([header(TABLES_COLUMNS), *rows])


PAGES: dict[str, dict[str, Callable[[], str]]] = {
    "benchmarks.md": {
        "likelihoods": likelihoods,
        "sampling": sampling,
        "GPU sampling": lambda: sampling(SAMPLING_ON_GPU),
        "training": training,
        "particles": particles,
        "large events": large_events,
        "tables of mixed kinds": tables,
    },
    "orderings.md": {"orders": orders},
}


def with_tables(page: str, name: str) -> str:
    """The page with each region between ``<!-- TABLE table -->`` and ``<!-- end of table -->`` written anew."""
    for title, table in PAGES[name].items():
        begin, end = f"<!-- {title} table -->\n", "\n<!-- end of table -->"
        if page.count(begin) != 1:
            raise SystemExit(f"expected one comment {begin.strip()} in {name}; restore it")
        before, after = page.split(begin)
        page = f"{before}{begin}\n{table()}\n{after[after.index(end) :]}"
    return page


if __name__ == "__main__":
    for name in PAGES:
        (DOCS / name).write_text(with_tables((DOCS / name).read_text(), name))
