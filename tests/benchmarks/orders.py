"""What an order is worth: one network in many orders, and one network trained for each fixed order.

Run: python tests/benchmarks/orders.py FOLDER              (train in FOLDER, evaluate, record in orders.json)
     python tests/benchmarks/orders.py FOLDER --quick      (tiny data and networks; nothing is recorded)

Data: static binarized MNIST, every second row and column (14 x 14), and Caltech silhouettes (16 x 16). Each coefficient
that is kept is a bit of the published data, and the likelihood is that of a marginal of its distribution; pooling would
make new bits. The network of all orders is an MLP trained under ``shuffled``: it is the cheapest one that adaptive
rules accept (a pass per step), and serves every other order exactly. The networks of one order are FVSBNs: their loss
under a fixed order is exact (an MLP sees one step of each event there), it is convex, and a minute minimizes it.

A training that was interrupted goes on, and one that is finished is not repeated. All orders are evaluated on the same
test events; the standard error of a difference from raster is that of the mean of paired differences.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from make_tables import ORDERS, ORDERS_COLUMNS, header, orders_row
from timing import machine

from tensorar import AutoregressiveModel, Dataset, PartSpec, load_dataset
from tensorar.build import reordered
from tensorar.workflows import resume, train

FIXED = ("raster", "snake", "hilbert", "diagonal", "interlaced", "coarse_to_fine", "random")
RULES = ("min-entropy", "max-probability", "max-margin", "max-entropy")
ADAPTIVE = tuple(f"adaptive:rule={rule}" for rule in RULES)
CALTECH = "npz:path=$TENSORAR_DATA/caltech_silhouettes/caltech_silhouettes_16.npz,packed=true"
# as in the recipes of the FVSBN
OWN_SETTINGS = {"learning_rate": 1e-2, "weight_decay": 0.0}
CHUNK = 100


@dataclass(frozen=True)
class Study:
    """Data, networks, and steps of training: ``shared_steps`` of the network of all orders, ``own_steps`` of others."""

    name: str
    spec: str
    shared_steps: int
    own_steps: int
    dropout: float = 0.0
    hidden: int = 500
    events: int = 2000

    @property
    def shared_network(self) -> str:
        """The network of all orders."""
        return f"mlp:hidden={self.hidden},layers=2,dropout={self.dropout}"

    @property
    def own_network(self) -> str:
        """The network that is trained for each fixed order."""
        return "fvsbn"


def studies(folder: Path, *, quick: bool) -> list[Study]:
    """What is measured; the data that are made for it are written to the folder."""
    if quick:
        return [Study("stripes 4 x 4", _stripes(folder), 20, 10, hidden=16, events=20)]
    digits = _every_second(load_dataset("mnist:binarize=static"), folder / "mnist14.npz")
    return [
        Study("MNIST 14 x 14", digits, 24_000, 5_000),
        Study("Caltech 16 x 16", CALTECH, 4_000, 2_000, dropout=0.2),
    ]


def _every_second(dataset: Dataset, file: Path) -> str:
    """Write every second row and column of a dataset of images; the spec of the file."""
    splits = {name: getattr(dataset, name)[..., ::2, ::2].byte().numpy() for name in ("train", "valid", "test")}
    np.savez_compressed(file, **splits)
    return f"npz:path={file}"


def _stripes(folder: Path) -> str:
    """Write images of 4 x 4 bits with random rows of ones and one flipped bit; the spec of the file."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(2, (600, 4, 1), generator=generator).expand(-1, 4, 4)
    flipped = torch.nn.functional.one_hot(torch.randint(16, (600,), generator=generator), 16).reshape(-1, 4, 4)
    parts = (rows ^ flipped).byte().split([400, 100, 100])
    np.savez_compressed(folder / "stripes.npz", **dict(zip(("train", "valid", "test"), parts, strict=True)))
    return f"npz:path={folder / 'stripes.npz'}"


def trained(study: Study, ordering: str, folder: Path) -> AutoregressiveModel:
    """The best model of a training, which is begun, continued, or finished already."""
    backbone, steps, settings = study.shared_network, study.shared_steps, {}
    if ordering != "shuffled":
        backbone, steps, settings = study.own_network, study.own_steps, OWN_SETTINGS
    run = folder / f"{study.name.replace(' ', '')}-{ordering}-{PartSpec.parse(backbone).name}"
    if (run / "recipe.toml").exists():
        result = resume(run, device="cpu")
    else:
        parts = {"ordering": ordering, "head": "bernoulli", "backbone": backbone}
        print(f"+ tensorar train {study.spec}", *(f"--{kind} {spec}" for kind, spec in parts.items()), flush=True)
        settings = {"evaluate_every": max(20, steps // 20), **settings}
        result = train(study.spec, out=run, steps=steps, settings=settings, device="cpu", **parts)
    if result.interrupted is not None:
        raise SystemExit(128 + result.interrupted)
    return result.run.model


@torch.no_grad()
def nats(model: AutoregressiveModel, x: torch.Tensor) -> torch.Tensor:
    """The exact negative log-likelihood of each event."""
    return -torch.cat([model.log_prob(some).double() for some in x.split(CHUNK)])


def compared(found: torch.Tensor, raster: torch.Tensor) -> dict[str, float]:
    """Mean nats with their standard error, and those of the differences from raster."""
    root = math.sqrt(len(found))
    difference = found - raster
    return {
        "nats": float(found.mean()),
        "standard_error": float(found.std()) / root,
        "difference": float(difference.mean()),
        "paired_error": float(difference.std()) / root,
    }


def measure(study: Study, folder: Path) -> Iterator[dict]:
    """A row for each order: the network of all orders, and the one of that order if it is fixed."""
    test = load_dataset(study.spec).test
    x = test[torch.randperm(len(test), generator=torch.Generator().manual_seed(0))[: study.events]]
    shared = trained(study, "shuffled", folder)
    raster: dict[str, torch.Tensor] = {}
    for ordering in (*FIXED, *ADAPTIVE):
        found = {"shared": nats(reordered(shared, ordering), x)}
        if ordering in FIXED:
            found["own"] = nats(trained(study, ordering, folder), x)
        raster = raster or found
        yield {
            "data": study.name,
            "order": ordering,
            "events": len(x),
            "networks": {"shared": study.shared_network, "own": study.own_network},
            "steps": {"shared": study.shared_steps, "own": study.own_steps},
            **{column: compared(values, raster[column]) for column, values in found.items()},
            "machine": machine(),
        }


def main(arguments: list[str] | None = None) -> list[dict]:
    """Train, measure and print; record unless it is the quick form."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, help="folder of the trainings and of the data made for them")
    parser.add_argument("--quick", action="store_true", help="tiny data and networks, without recording")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    found = []
    print(header(ORDERS_COLUMNS), flush=True)
    for study in studies(options.folder, quick=options.quick):
        for row in measure(study, options.folder):
            found.append(row)
            print(orders_row(row), flush=True)
    if not options.quick:
        ORDERS.write_text(json.dumps(found, indent=2) + "\n")
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
