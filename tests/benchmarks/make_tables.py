"""Write the tables of docs/benchmarks.md and other pages from the recorded figures and results.

Run: python tests/benchmarks/make_tables.py    (after a benchmark has recorded something)
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from courses import COURSES, course_table
from rows import rows_of_results

FOLDER = Path(__file__).resolve().parent
EARLIER, SAMPLING = FOLDER / "earlier.json", FOLDER / "sampling.json"
SAMPLING_ON_GPU, PARTICLES = FOLDER / "sampling_gpu.json", FOLDER / "particles.json"
LARGE_EVENTS = FOLDER / "large_events.json"
ORDERS, HALVES = FOLDER / "orders.json", FOLDER / "halves.json"
TABLES = FOLDER / "tables.json"
TIME_TO_QUALITY, SETTINGS_SEARCH = FOLDER / "time_to_quality.json", FOLDER / "settings_search.json"
TRAINING, PROCESSES = FOLDER / "training.json", FOLDER / "processes.json"
CODING, SERVE = FOLDER / "coding.json", FOLDER / "serve.json"
DOCS = FOLDER.parents[1] / "docs"

EARLIER_COLUMNS = ("recipe", "training", "test nats", "bits/dim", "perplexity", "exact nats", "threads")
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


def earlier_row(recipe: str, found: dict) -> str:
    """A recipe that was trained and evaluated before results were files."""
    estimated = "" if found["exact"] else " (estimate)"
    data_nats = "" if found["data_nats"] is None else f"{found['data_nats']:.2f}"
    threads = re.search(r"(\d+) threads", found["machine"]).group(1)
    return (
        f"| `{recipe}` | {found['training_seconds'] / 60:.1f} min "
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


HALVES_COLUMNS = ("nats of", "the model of all orders", "the model of a fixed order", "the same, clamped")


def halves_row(found: dict) -> str:
    """One half given the other, by each of the models."""
    return f"| {found['half']} | {' | '.join(_given(found[way]) for way in ('any_order', 'fixed', 'clamped'))} |"


def _given(found: dict) -> str:
    """Nats with their standard error over the events, and the part of it that comes from particles."""
    particles = "" if found["exact"] else f", {found['estimate_error']:.2f} by particles"
    return f"{found['nats']:.2f} (± {found['standard_error']:.2f}{particles})"


def earlier() -> str:
    """The table of earlier.json, of rows that have no result yet."""
    trained = {path.stem for path in (DOCS / "results").glob("*.json")}
    found = json.loads(EARLIER.read_text())
    rows = [earlier_row(recipe, figures) for recipe, figures in found.items() if recipe not in trained]
    return "\n".join([header(EARLIER_COLUMNS), *rows])


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


def halves() -> str:
    """The table of halves.json."""
    return "\n".join([header(HALVES_COLUMNS), *map(halves_row, json.loads(HALVES.read_text())["halves"])])


TABLES_COLUMNS = (
    *("table", "test rows", "model", "mixture of 16 orders (spread of trainings)"),
    *("independent", "Gaussian", "mixture", "copula", "imputation error", "coverage of 90 %"),
)


def tables_row(name: str, found: dict) -> str:
    """One table, and the imputation of half of its cells where it was measured."""
    baselines = " | ".join(f"{found[key]:.2f}" for key in ("independent", "gaussian", "mixture", "copula"))
    imputed = "imputation_mse" in found
    filled = f"{found['imputation_mse']:.3f} | {100 * found['coverage']:.1f} %" if imputed else "|"
    return (
        f"| {name} | {found['rows']:.0f} | {found['nats']:.2f} ± {found['standard_error']:.2f} "
        f"| {found['mixture_nats']:.2f} ({found['mixture_spread']:.2f}) | {baselines} | {filled} |"
    )


PROCESSES_COLUMNS = ("network", "batch", "one process, examples/s", "two processes, examples/s", "two / one")


def processes_row(found: dict) -> str:
    """One network, with one process and with two."""
    one, two = (found["examples_per_second"][count] for count in ("1", "2"))
    return f"| `{found['backbone']}` | {found['batch']} | {one:.0f} | {two:.0f} | {two / one:.2f} |"


def processes() -> str:
    """The table of processes.json."""
    return "\n".join([header(PROCESSES_COLUMNS), *map(processes_row, json.loads(PROCESSES.read_text()))])


def training() -> str:
    """The table of training.json."""
    return "\n".join([header(TRAINING_COLUMNS), *map(training_row, json.loads(TRAINING.read_text()))])


def tables() -> str:
    """The table of tables.json."""
    rows = [tables_row(name, found) for name, found in json.loads(TABLES.read_text()).items()]
    return "\n".join([header(TABLES_COLUMNS), *rows])


QUALITY_COLUMNS = ("data", "seconds", "chosen", "test nats", "best of the others", "test nats", "chosen / best")


def quality_row(data: str, seconds: str, found: dict) -> str:
    """What is chosen for some data, and the best network of the others in the same time, by validation, if measured."""
    pick = found["pick"]
    others = [entry for name, entry in found.items() if name != "pick"]
    start = f"| {data} | {seconds} | {network_and_nats(pick)}"
    if not others:
        return f"{start} | not measured |  |  |"
    best = min(others, key=lambda entry: entry["valid_nats"])
    return f"{start} | {network_and_nats(best)} | {pick['nats'] / best['nats']:.3f} |"


def network_and_nats(found: dict) -> str:
    """A network with its order, and nats with their standard error."""
    return f"`{found['backbone']}`, {found['ordering']} | {found['nats']:.2f} ± {found['standard_error']:.2f}"


def time_to_quality() -> str:
    """The table of time_to_quality.json: data for which a pick was measured."""
    rows = [
        quality_row(data, seconds, found)
        for data, times in json.loads(TIME_TO_QUALITY.read_text()).items()
        for seconds, found in times.items()
        if "pick" in found
    ]
    return "\n".join([header(QUALITY_COLUMNS), *rows])


SEARCH_COLUMNS = ("data", "network", "order", "seconds", "learning rate", "batch", "steps", "validation nats")


def settings_search() -> str:
    """The table of settings_search.json: validations of settings from which the recommended ones were taken."""
    rows = [
        f"| {found['data']} | `{found['backbone']}` | {found['ordering']} | {found['seconds']:g} "
        f"| {found['settings']['learning_rate']:g} | {found['settings'].get('batch_size', 100)} | {found['steps']} "
        f"| {found['valid_nats']:.2f} |"
        for found in json.loads(SETTINGS_SEARCH.read_text())
    ]
    return "\n".join([header(SEARCH_COLUMNS), *rows])


CODING_COLUMNS = (
    *("test events", "network", "number", "nats", "bits/dim", "bits/dim, coded", "excess, bytes per block"),
    *("encode / sample", "decode / sample", "best other, tiled", "best other, a file each"),
)


def coding_row(name: str, found: dict) -> str:
    """A test set that was coded, and the best of the other compressors."""
    best = []
    for place in (0, 1):
        other = min(found["others"], key=lambda key: found["others"][key][place])
        best.append(f"{found['others'][other][place]:.4f} ({other})")
    return (
        f"| {name} | `{found['backbone']}` | {found['events']} | {found['nats']:.2f} | {found['bits_per_dim']:.4f} "
        f"| {found['coded_bits_per_dim']:.4f} | {found['excess_bytes_per_block']:.1f} "
        f"| {found['encoding_over_sampling']:.2f} | {found['decoding_over_sampling']:.2f} | {best[0]} | {best[1]} |"
    )


def coding() -> str:
    """The table of coding.json."""
    return "\n".join([header(CODING_COLUMNS), *(coding_row(*row) for row in json.loads(CODING.read_text()).items())])


SERVE_COLUMNS = ("question", "network", "median, ms", "least, ms", "asked, ms")


def serve_row(found: dict) -> str:
    """What the page of a run asks of an image model."""
    milliseconds = " | ".join(f"{1e3 * found[key]:.1f}" for key in ("median", "least"))
    return f"| {found['question']} | `{found['backbone']}` | {milliseconds} | {found['asked'] or ''} |"


def serve() -> str:
    """The table of serve.json."""
    return "\n".join([header(SERVE_COLUMNS), *map(serve_row, json.loads(SERVE.read_text()))])


PAGES: dict[str, dict[str, Callable[[], str]]] = {
    "benchmarks.md": {
        "rows": rows_of_results,
        "earlier": earlier,
        "sampling": sampling,
        "GPU sampling": lambda: sampling(SAMPLING_ON_GPU),
        "training": training,
        "processes": processes,
        "particles": particles,
        "large events": large_events,
        "tables of mixed kinds": tables,
        "time to quality": time_to_quality,
        "settings": settings_search,
    },
    "courses.md": {course: partial(course_table, course) for course in COURSES},
    "orderings.md": {"orders": orders},
    "conditioning.md": {"halves": halves},
    "how-to/compress.md": {"coding": coding},
    "how-to/serve.md": {"serve": serve},
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
