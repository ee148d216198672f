"""Lossless compression of test sets with trained runs, beside other compressors and the model's own likelihood.

    python tests/benchmarks/bench_coding.py RUN NAME [--events N] [--tiled N]
    python tests/benchmarks/bench_coding.py --grey pixelcnn:channels=32,blocks=5 [--events N]

codes the test events of a run, decodes them, compares, and records a row named NAME in coding.json. The time
of coding is that of the process, on the threads that torch has; ``sample``, encoding and decoding of a block are
timed in turns. The second form does that alone, for untrained networks over 256 grey levels; it records nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from statistics import median

import torch
from timing import interleaved

import tensorar
from tensorar.coding import decode_events, encode_events
from tensorar.workflows.other_compressors import other_sizes

RESULTS = Path(__file__).with_name("coding.json")
TURNS = 15
GREY_HEADS = ("logistic_mixture:levels=256", "categorical:levels=256")


def measure(run: tensorar.Run, events: int | None, tiled: int) -> dict:
    """The figures of one run."""
    model, test = run.model, run.dataset.test[:]
    spread = torch.linspace(0, len(test) - 1, min(events or len(test), len(test))).round().long()
    x = test[spread]
    began = time.process_time()
    found = encode_events(model, x)
    encoding = time.process_time() - began
    decoded = decode_events(model, found.archive)
    decoded.require_complete()
    assert torch.equal(decoded.events, x)
    blocks = found.header.blocks
    nats = float(sum(-model.log_prob(part).double().sum() for part in x.split(500)))
    some = test[torch.linspace(0, len(test) - 1, min(tiled, len(test))).round().long()]
    coded = sum(block.size for block in blocks)
    return {
        "backbone": str(run.recipe.backbone),
        "events": len(x),
        "blocks": len(blocks),
        "coded_bytes": coded,
        "likelihood_bytes": nats / math.log(2) / 8,
        "excess_bytes_per_block": (coded - nats / math.log(2) / 8) / len(blocks),
        "coded_bits_per_dim": 8 * coded / x.numel(),
        "bits_per_dim": nats / math.log(2) / x.numel(),
        "nats": nats / len(x),
        "seconds_per_event": encoding / len(x),
        **cost_over_sampling(model, x, found.header.batch),
        "header_bytes": len(found.archive.pack()) - coded,
        "weight_bytes": run.model_path.stat().st_size,
        "threads": torch.get_num_threads(),
        "tiled_events": len(some),
        "others": {size.name: [round(size.tiled, 4), round(size.each, 4)] for size in other_sizes(some, run.axes)},
    }


def cost_over_sampling(model: tensorar.AutoregressiveModel, x: torch.Tensor, batch: int) -> dict[str, float]:
    """CPU times of coding a block over those of drawing as many events: medians of turns, which are short."""
    some = x[:batch]
    archive = encode_events(model, some, batch=batch).archive

    tasks = {
        "sampling": lambda: model.sample(batch),
        "encoding": lambda: encode_events(model, some, batch=batch),
        "decoding": lambda: decode_events(model, archive),
    }
    seconds = interleaved(tasks, rounds=TURNS, clock=time.process_time)
    return {
        f"{task}_over_sampling": median(a / b for a, b in zip(seconds[task], seconds["sampling"], strict=True))
        for task in ("encoding", "decoding")
    }


def grey_costs(backbone: str, batch: int) -> dict[str, dict[str, float]]:
    """The cost of coding random images of 256 levels over that of sampling, by head."""
    x, costs = torch.randint(256, (batch, 1, 28, 28), generator=torch.Generator().manual_seed(0)), {}
    for head in GREY_HEADS:
        torch.manual_seed(0)
        model = tensorar.build((1, 28, 28), "raster", head, backbone).eval().requires_grad_(False)
        costs[head] = cost_over_sampling(model, x, batch)
    return costs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", nargs="?")
    parser.add_argument("name", nargs="?")
    parser.add_argument("--grey", metavar="BACKBONE")
    parser.add_argument("--events", type=int)
    parser.add_argument("--tiled", type=int, default=2000)
    options = parser.parse_args()
    if options.grey:
        print(json.dumps(grey_costs(options.grey, options.events or 50), indent=1))
        return
    row = measure(tensorar.Run.open(options.run), options.events, options.tiled)
    rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps(rows | {options.name: row}, indent=1) + "\n")
    print(json.dumps(row, indent=1))


if __name__ == "__main__":
    main()
