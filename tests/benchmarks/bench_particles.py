"""Sequential Monte Carlo against plain sampling: seconds for P particles over seconds for P events, per backbone.

Run: python tests/benchmarks/bench_particles.py            (measure everything, record in particles.json)
     python tests/benchmarks/bench_particles.py --only made nade             (measure and replace only these rows)

The evidence is the bottom half of an image of 28 x 28 bits, or a random half, where the effective sample size is
computed at every fourth step and resampling selects rows of every cache. Both are measured in turns in one process, in
processor seconds of one thread, and the ratio is that of the medians. Networks are untrained, and the data are their
own samples.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import time

import torch
from make_tables import PARTICLES, PARTICLES_COLUMNS, header, particles_row
from timing import interleaved, machine

from tensorar import Evidence, SamplingInfo, build, region

SHAPE = (1, 28, 28)
COUNT, ROUNDS, QUICK = 64, 5, ("fvsbn", "nade", "made")
SPECS = (
    *QUICK,
    *("pixelcnn:blocks=12,channels=128", "gated_pixelcnn:layers=12,channels=64"),
    *("rnn", "row_lstm", "diagonal_bilstm", "transformer"),
)
REGIONS = ("bottom half", "random 50 %")


def measure(spec: str, known: str) -> dict:
    """The figures of one backbone and region of known coefficients."""
    torch.manual_seed(0)
    model = build(SHAPE, "raster", "bernoulli", spec).eval()
    evidence = Evidence(region(known, SHAPE)[None], model.sample(1))
    info = SamplingInfo()
    options = {"conditioning": "smc", "particles": COUNT, "info": info, "memory": 2**34}
    seconds = interleaved(
        {"sample": lambda: model.sample(COUNT), "smc": lambda: model.sample(evidence=evidence, **options)},
        # of the quick ones a median of few rounds is noise
        rounds=5 * ROUNDS if spec in QUICK else ROUNDS,
        clock=time.process_time,
    )
    return {
        "backbone": spec,
        "known": known,
        "particles": COUNT,
        **{name: statistics.median(times) for name, times in seconds.items()},
        "effective_sample_size": info.conditioning.effective_sample_size,
        "machine": machine(),
    }


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="*", help="backbone specs to measure; the rows of others are kept")
    only = parser.parse_args().only
    found = []
    print(header(PARTICLES_COLUMNS), flush=True)
    for spec, known in itertools.product(only or SPECS, REGIONS):
        found.append(measure(spec, known))
        print(particles_row(found[-1]), flush=True)
    kept = [] if only is None else [row for row in json.loads(PARTICLES.read_text()) if row["backbone"] not in only]
    listed = {spec: place for place, spec in enumerate(SPECS)}
    rows = sorted(found + kept, key=lambda row: listed.get(row["backbone"], len(listed)))
    PARTICLES.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
