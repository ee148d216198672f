"""Time to quality: test nats of what ``tensorar train DATA`` chooses beside those of our backbones in the same time.

    python tests/benchmarks/time_to_quality.py --seconds 120 --record [--only mnist toy] [--backbones made nade]

Everything is as it comes: orders, training settings and sizes are those that are used where nothing is given. Seconds
are processor seconds of this process, with one thread (``--threads``), so that a busy machine gives about the figures
of a quiet one. The weights are those of the best validation; the test set is used once, for the figure. The pick is
good if it is within 3 % of the best. ``--valid`` prints validations only, for choosing defaults.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from make_tables import TIME_TO_QUALITY

from tensorar import TensorarError, workflows

UCI = "npz:path=$TENSORAR_DATA/uci_binary/{0}.npz,packed=true"
CALTECH = "npz:path=$TENSORAR_DATA/caltech_silhouettes/caltech_silhouettes_{0}.npz,packed=true"
DATASETS = {
    "mnist": "mnist:binarize=static",
    "caltech16": CALTECH.format(16),
    "caltech28": CALTECH.format(28),
    **{name: UCI.format(name) for name in ("adult", "connect4", "mushrooms")},
    "toy": "toy",
    "wine-red": "uci:table=wine_red",
    "wine-white": "uci:table=wine_white",
    **{name: f"table:path=$TENSORAR_DATA/tables/{name}.csv" for name in ("mpg", "penguins")},
}
PICK = "pick"
BACKBONES = ("fvsbn", "nade", "made", "mlp", "rnn", "transformer", "pixelcnn", "gated_pixelcnn", "diagonal_bilstm")


def measure(data: str, backbone: str, seconds: float, folder: Path, settings: dict[str, Any], valid: bool) -> dict:
    """Train one network for so many processor seconds and evaluate it."""
    chosen = None if backbone == PICK else backbone
    result = workflows.train(
        data, backbone=chosen, minutes=seconds / 60, out=folder, settings={"valid_events": 10_000} | settings
    )
    recipe, last = result.run.recipe, result.metrics[-1]
    found = {"backbone": str(recipe.backbone), "ordering": str(recipe.ordering), "valid_nats": result.best_nats}
    found |= {"steps": last["step"], "batch_size": recipe.training.batch_size, "best_step": best_step(result.metrics)}
    if not valid:
        likelihood = workflows.evaluate(result.run).likelihood
        found |= {"nats": likelihood.nats, "standard_error": likelihood.standard_error}
    return found


def best_step(rows: list[dict[str, Any]]) -> int:
    """The step of the best validation."""
    return min(rows, key=lambda row: row["valid_nats"])["step"]


def recorded() -> dict[str, Any]:
    """What was measured before."""
    return json.loads(TIME_TO_QUALITY.read_text()) if TIME_TO_QUALITY.exists() else {}


def record(name: str, seconds: float, backbone: str, found: dict[str, Any]) -> None:
    """Replace one entry of the file."""
    everything = recorded()
    everything.setdefault(name, {}).setdefault(f"{seconds:g}", {})[backbone] = found
    TIME_TO_QUALITY.write_text(json.dumps(everything, indent=1) + "\n")


def main(given: argparse.Namespace) -> None:
    """Measure, print, and record each figure as soon as it is there."""
    torch.set_num_threads(given.threads)
    # everything that measures time counts the seconds that the processors work for this process
    time.perf_counter = time.process_time
    settings = dict(item.split("=") for item in given.set)
    settings = {key: float(value) if set(value) & set(".e") else int(value) for key, value in settings.items()}
    for name in given.only:
        for backbone in given.backbones:
            with tempfile.TemporaryDirectory() as folder:
                data = os.path.expandvars(DATASETS.get(name, name))
                try:
                    found = measure(data, backbone, given.seconds, Path(folder) / "run", settings, given.valid)
                except TensorarError as error:
                    print(name, backbone, error, flush=True)
                    continue
            print(name, backbone, json.dumps(found), flush=True)
            if given.record:
                record(name, given.seconds, backbone, found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=list(DATASETS))
    parser.add_argument("--backbones", nargs="+", default=[PICK, *BACKBONES])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--valid", action="store_true")
    parser.add_argument("--record", action="store_true")
    main(parser.parse_args())
