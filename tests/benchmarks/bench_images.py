"""Time of one core to train the networks that are chosen for images: ``python tests/benchmarks/bench_images.py``.

Each line has the processor time of the fastest of five steps on eight events, and the same by the rule of
``tensorar_plugins.backbones.pixelcnn.image_size``.
"""

import math
import time

import torch

from tensorar import build
from tensorar_plugins.backbones.pixelcnn.image_size import SECONDS, SIZES

EVENTS, STEPS = 8, 5
IMAGES = {(28, 28): ("bernoulli", 2), (16, 16, 3): ("logistic_mixture:levels=256", 256)}
IMAGES |= {(32, 32, 3): ("logistic_mixture:levels=256", 256)}


def main() -> None:
    """Print a line per shape and size."""
    torch.set_num_threads(1)
    for shape, (head, levels) in IMAGES.items():
        x = torch.randint(levels, (EVENTS, *shape))
        channel_count = math.prod(shape[2:])
        for channels, layers in SIZES:
            model = build(shape, "raster", head, f"gated_pixelcnn:channels={channels},layers={layers},kernel=3")
            seconds = []
            for _ in range(STEPS):
                start = time.process_time()
                model.loss(x).backward()
                seconds.append((time.process_time() - start) / EVENTS)
            rule = SECONDS * math.prod(shape[:2]) * (channel_count * channels) ** 2 * layers
            times = f"{1000 * min(seconds):.1f} ms per event, by the rule {1000 * rule:.1f} ms"
            print(f"{shape} channels={channels} layers={layers}: {times}")


if __name__ == "__main__":
    main()
