"""The size of a Gated PixelCNN for images of a shape that this machine trains in a reasonable time."""

from __future__ import annotations

import math
from typing import Any

import torch

# channels and layers, the largest first, with kernels of 3
SIZES = ((64, 8), (48, 6), (32, 5), (24, 5), (16, 5))
# distances between taps, one layer after another: five layers then see digits whole (docs/benchmarks.md)
DILATION = "1 2 4 8"
# seconds that one core trains, per pixel, squared channels of a pixel and layer: tests/benchmarks/bench_images.py
SECONDS = 2.4e-9
# an epoch of 50,000 then takes a few minutes; a GPU is worth so many cores
SECONDS_PER_EVENT, CORES_PER_GPU = 0.004, 200


def image_size(event_shape: tuple[int, ...]) -> tuple[dict[str, Any], str]:
    """Options of the largest network of ``SIZES`` that trains an event in time, else the smallest; and for what."""
    cores, machine = (CORES_PER_GPU, "a GPU") if torch.cuda.is_available() else (torch.get_num_threads(), "")
    machine = machine or f"{cores} CPU core{'s' * (cores > 1)}"
    pixels = sorted(event_shape)[-2:]
    per_pixel = math.prod(event_shape) // math.prod(pixels)

    def seconds(channels: int, layers: int) -> float:
        return SECONDS * math.prod(pixels) * (per_pixel * channels) ** 2 * layers / cores

    fitting = [size for size in SIZES if seconds(*size) <= SECONDS_PER_EVENT]
    channels, layers = fitting[0] if fitting else SIZES[-1]
    milliseconds = 1000 * seconds(channels, layers)
    words = f"sized for {machine}, about {milliseconds:.2g} ms of training per image"
    return {"channels": channels, "layers": layers, "kernel": 3, "dilation": DILATION}, words
