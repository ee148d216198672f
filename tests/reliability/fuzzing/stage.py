"""A folder of small data files, plugins and runs in which commands are tried, restored after each of them."""

from __future__ import annotations

import contextlib
import gzip
import shutil
import struct
from pathlib import Path

import numpy as np

from .processes import Child, Outcome, Server

SHORT = ["--steps", "3", "--batch-size", "8", "--set", "valid_events=8", "--device", "cpu"]
LONGER = [
    "--steps",
    "24",
    "--batch-size",
    "8",
    "--set",
    "valid_events=8",
    "--set",
    "evaluate_every=4",
    "--device",
    "cpu",
]
# stops a training at a step, as by a signal
STOP = """
import os, signal
from tensorar import workflows
train = workflows.train
def stopping(*arguments, on_update, **options):
    def update(progress):
        on_update(progress)
        if progress.state.step == {step}:
            os.kill(os.getpid(), signal.SIGTERM)
    return train(*arguments, on_update=update, **options)
workflows.train = stopping
"""
RUNS = {
    "bits": ["npy:path=bits.npy", "--backbone", "mlp:hidden=8", *SHORT],
    "toy": ["toy:length=8,fixed=40", "--backbone", "made:hidden=8", *SHORT],
    "reals": ["npy:path=reals.npy", "--backbone", "rnn:hidden=4", *SHORT],
    "digits": ["mnist:path=digits,labels=true", "--backbone", "mlp:hidden=4", "--head", "gaussian", *SHORT],
    "people": ["table:path=people.csv,target=city", "--backbone", "mlp:hidden=4", *SHORT],
    "waves": ["series:path=waves.csv,window=6", "--backbone", "made:hidden=4", *SHORT],
    "stopped": ["npy:path=bits.npy", "--backbone", "mlp:hidden=8,dropout=0.1", *LONGER],
}
STOPPED_AT = 10
# of the clock
COMMAND_SECONDS, SERVING_SECONDS = 120, 15
PLUGINS = {
    "plugin.py": (
        "from tensorar import Order, Ordering, hookimpl\n"
        "class Backwards(Ordering):\n"
        '    """From the last coefficient to the first."""\n\n'
        '    name = "backwards"\n\n'
        "    def order(self, event_shape):\n"
        "        import math, torch\n"
        "        return Order(torch.arange(math.prod(event_shape)).flip(0), event_shape)\n"
        "@hookimpl\n"
        "def tensorar_orderings():\n"
        "    return [Backwards]\n"
    ),
    "broken.py": "broken\n",
    "empty.py": "",
    "exits.py": "import sys\nsys.exit(3)\n",
    "odd.py": "class Odd(BaseException): pass\nraise Odd('\\x1b[31mred')\n",
    "colors.py": "raise ValueError('\\x1b[31m' + 'long ' * 5000)\n",
}


class Stage:
    """The folder of a user, with ``home`` and ``work``: ``template`` stays as it was built, commands run in a copy."""

    def __init__(self, server: Server, parent: Path) -> None:
        self.server, self.template, self.root = server, parent / "template", parent / "stage"
        self.folder = self.root / "work"
        work = self.template / "work"
        work.mkdir(parents=True)
        (self.template / "home" / ".cache").mkdir(parents=True)
        write_files(work)
        for name, arguments in RUNS.items():
            prelude = STOP.format(step=STOPPED_AT) if name == "stopped" else ""
            ended = server.run(["train", *arguments, "--out", name], work, prelude=prelude)
            if ended.code != (143 if prelude else 0):
                raise RuntimeError(f"the run {name} cannot be trained: {ended.out}{ended.err}")
        packed = server.run(["compress", "bits", "few.npy", "--out", "few.tar"], work)
        if packed.code:
            raise RuntimeError(f"few.npy cannot be compressed: {packed.out}{packed.err}")
        shutil.copytree(self.template, self.root)
        self._before, self._damaged = self._listing(), False

    def start(self, arguments: list[str], **options: str) -> Child:
        """Start a command in the folder; the options are those of ``Server.start``."""
        return self.server.start(arguments, self.folder, HOME=str(self.root / "home"), **options)

    def run(self, arguments: list[str], **options: str) -> Outcome:
        """Run a command in the folder, note what it changed, and restore the folder."""
        # serving takes no CPU time, and does not end
        clock = SERVING_SECONDS if arguments[:1] == ["serve"] else COMMAND_SECONDS
        outcome = self.start(arguments, **options).wait(clock=clock)
        outcome.changes = self.changes()
        self.restore()
        return outcome

    def _listing(self) -> dict[str, tuple[int, ...]]:
        found = {}
        for path in self.root.rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                at = path.lstat()
                stamp = () if path.is_dir() and not path.is_symlink() else (at.st_size, at.st_mtime_ns, at.st_ino)
                found[str(path.relative_to(self.root))] = (at.st_mode, *stamp)
        return found

    def changes(self) -> dict[str, list[str]]:
        """The files and folders that are new, changed and gone since the last ``restore``."""
        now = self._listing()
        return {
            "new": sorted(now.keys() - self._before.keys()),
            "changed": sorted(name for name in now.keys() & self._before.keys() if now[name] != self._before[name]),
            "gone": sorted(self._before.keys() - now.keys()),
        }

    def settle(self) -> None:
        """Count changes from now on, such as those after a file was damaged."""
        self._damaged = any(self.changes().values())
        self._before = self._listing()

    def restore(self) -> None:
        """Make the folder as it was built."""
        if self._damaged or any(self.changes().values()):
            self._damaged = False
            shutil.rmtree(self.root)
            shutil.copytree(self.template, self.root, symlinks=True)
            self._before = self._listing()


def write_files(folder: Path) -> None:
    """Data files of every kind, plugins, masks and a recipe."""
    random = np.random.default_rng(0)
    bits = random.integers(0, 2, (60, 4, 4), dtype=np.uint8)
    np.save(folder / "bits.npy", bits)
    np.save(folder / "levels.npy", random.integers(0, 7, (60, 6)))
    reals = random.normal(3, 2, (60, 3))
    np.save(folder / "reals.npy", reals)
    np.save(folder / "float32.npy", reals.astype(np.float32))
    np.save(folder / "counts.npy", random.poisson(3, (60, 5)))
    np.savez(folder / "splits.npz", train=bits[:40], valid=bits[40:50], test=bits[50:])
    np.savez_compressed(folder / "data.npz", data=bits)
    packed = np.packbits(bits.reshape(60, 16), axis=1)
    np.savez(folder / "packed.npz", data=packed, shape=np.array([4, 4]))
    lines = ["height,weight,age", *(",".join(f"{v:.4f}" for v in row) for row in reals)]
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    write_tables(folder, random)
    np.save(folder / "few.npy", bits[:3])
    np.save(folder / "mask.npy", random.integers(0, 2, (4, 4)).astype(bool))
    for name, text in PLUGINS.items():
        (folder / name).write_text(text)
    (folder / "latin.py").write_bytes(b"x = '\xe9'\n")
    (folder / "notes.txt").write_text("notes\n")
    (folder / "folder").mkdir()
    write_digits(folder / "digits", random)


def write_tables(folder: Path, random: np.random.Generator) -> None:
    """A table of mixed kinds with a class, other rows of it with empty cells, and a series with times."""
    ages, heights = random.integers(18, 80, 60), random.normal(170, 9, 60)
    rows = [
        f"{'fm'[i % 2]},{age},{height:.1f},{('Bern', 'Rom', 'Wien')[i % 3]}"
        for i, (age, height) in enumerate(zip(ages, heights, strict=True))
    ]
    (folder / "people.csv").write_text("\n".join(["sex,age,height,city", *rows]) + "\n")
    (folder / "new.csv").write_text("city,age,height,sex\nRom,,171.5,f\nBern,40,,\nWien,33,168.2,m\n")
    days = np.arange("2020-01-01", "2020-03-31", dtype="datetime64[D]")
    steps = [f"{day},{value:.3f}" for day, value in zip(days, random.normal(0, 1, len(days)).cumsum(), strict=True)]
    (folder / "waves.csv").write_text("\n".join(["day,level", *steps]) + "\n")


def write_digits(folder: Path, random: np.random.Generator) -> None:
    """The four files of MNIST with few and small images, two of them gzipped."""
    folder.mkdir()
    for name, count, pack in (("train", 40, gzip.compress), ("t10k", 12, bytes)):
        images = random.integers(0, 256, (count, 3, 3), dtype=np.uint8)
        labels = random.integers(0, 10, count, dtype=np.uint8)
        suffix = ".gz" if pack is gzip.compress else ""
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
            (folder / f"{name}-{kind}-ubyte{suffix}").write_bytes(pack(header + array.tobytes()))
