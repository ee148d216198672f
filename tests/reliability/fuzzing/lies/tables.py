"""IDX files and tables that claim something else."""

from __future__ import annotations

import random
import struct
from pathlib import Path

from ..damages import on_header_then_bomb
from ..values import TEXTS


def idx_header(chance: random.Random, path: Path) -> None:
    """Another type, number of axes or size."""
    sizes = chance.choice(
        ((40, 3, 3), (2**32 - 1,) * 3, (0, 3, 3), (40, 0, 3), (40,), (41, 3, 3), (39, 3, 3), (9, 40), (1,) * 255)
    )
    kind = chance.choice((8, 8, 8, 9, 11, 12, 13, 14, 0, 255))
    start = bytes([chance.choice((0, 0, 0, 1)), 0, kind, chance.choice((len(sizes), len(sizes), 0, 4, 255))])
    path.write_bytes(start + struct.pack(f">{len(sizes)}I", *sizes) + chance.randbytes(360))


def idx_bomb(chance: random.Random, path: Path) -> None:
    """A gzip file with a small header of IDX, and five gigabytes behind it; or a large header."""
    sizes = chance.choice(((12, 3, 3), (80, 8192, 8192)))
    path.write_bytes(on_header_then_bomb(bytes([0, 0, 8, 3]) + struct.pack(">3I", *sizes)))


def cells(chance: random.Random, path: Path) -> None:
    """Odd cells, rows and line ends of a table."""
    rows = [line.split(",") for line in path.read_text().splitlines()]
    odd = (
        *TEXTS,
        "nan",
        "inf",
        "-inf",
        "1e999",
        "1e-400",
        "1e30",
        "1e300",
        "0x10",
        "1_0",
        "٣",
        "1,2",
        '"',
        '"1"',
        "1e40",
        "x" * 200000,
    )
    for _ in range(chance.choice((1, 1, 5))):
        row = chance.choice(rows)
        row[chance.randrange(len(row))] = chance.choice(odd)
    if chance.random() < 0.2:
        rows.insert(chance.randrange(len(rows)), chance.choice(([], ["1"], ["1"] * 4, ["1"] * 100000, ["# note"])))
    text = chance.choice(("\n", "\n", "\r\n", "\r")).join(",".join(row) for row in rows)
    path.write_bytes(text.encode(chance.choice(("utf-8", "utf-8", "utf-16", "utf-8-sig")), "surrogatepass"))
