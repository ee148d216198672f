"""Commands on damaged files: the damage is reported in a line, or makes no difference."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from .damages import BYTES, PATHS, Damage, moved, other_file
from .judge import MEGABYTE, Tally, Verdict, judge
from .lies import LIES
from .processes import Outcome
from .stage import SHORT, Stage

MAX_PEAK = 900 * MEGABYTE
TRAIN = [*SHORT, "--json", "--out", "new"]
SAMPLE = ["-n", "4", "--seed", "1", "--out", "x.npy"]
WRITTEN = ("x.npy", "x.csv", "new/model.safetensors", "stopped/model.safetensors", "stopped/training/state.safetensors")
# fields that depend on the clock
CLOCK = ("seconds",)


@dataclass(frozen=True)
class Target:
    """A file that is damaged, and a command that reads it.

    A ``sealed`` file has a checksum, so a damage that is not reported must make no difference to the result.
    """

    file: str
    format: str
    command: list[str]
    sealed: bool = False


def _targets() -> list[Target]:
    resume = ["train", "--resume", "stopped", "--device", "cpu", "--json"]
    digits = ["train", "mnist:path=digits,labels=true", "--head", "gaussian", "--backbone", "mlp:hidden=4", *TRAIN]
    return [
        Target("bits/model.safetensors", "safetensors", ["sample", "bits", *SAMPLE], True),
        Target("bits/model.safetensors", "safetensors", ["evaluate", "bits", "--json"], True),
        Target("toy/model.safetensors", "safetensors", ["inpaint", "toy", "--events", "2", "--out", "x.npy"], True),
        *[Target("stopped/training/state.safetensors", "safetensors", resume, True)] * 3,
        Target("stopped/model.safetensors", "safetensors", resume, True),
        Target("bits/recipe.toml", "toml", ["evaluate", "bits", "--json"], True),
        Target("reals/recipe.toml", "toml", ["sample", "reals", *SAMPLE], True),
        Target("stopped/recipe.toml", "toml", resume, True),
        Target("stopped/metrics.jsonl", "jsonl", resume),
        Target("bits/metrics.jsonl", "jsonl", ["posterior", "bits", "--steps", "1", "--json", "--out", "x.png"], True),
        Target(
            "bits/recipe.toml",
            "toml",
            ["train", "--recipe", "bits/recipe.toml", "--device", "cpu", "--json", "--out", "new"],
        ),
        Target("bits.npy", "npy", ["train", "npy:path=bits.npy", *TRAIN]),
        Target("reals.npy", "npy", ["evaluate", "reals", "--data", "npy:path=reals.npy", "--json"]),
        Target("data.npz", "npz", ["train", "npz:path=data.npz", *TRAIN], True),
        Target("splits.npz", "npz", ["train", "npz:path=splits.npz", *TRAIN], True),
        Target("packed.npz", "npz", ["train", "npz:path=packed.npz,packed=true", *TRAIN], True),
        Target("table.csv", "csv", ["train", "table:path=table.csv", *TRAIN]),
        Target("table.csv", "csv", ["evaluate", "reals", "--data", "table:path=table.csv", "--json"]),
        Target("digits/train-images-idx3-ubyte.gz", "idx", digits, True),
        Target("digits/train-labels-idx1-ubyte.gz", "idx", digits, True),
        Target("digits/t10k-images-idx3-ubyte", "idx", ["evaluate", "digits", "--json"]),
        Target("digits/t10k-labels-idx1-ubyte", "idx", ["inpaint", "digits", "--events", "2", "--out", "x.npy"]),
        Target("mask.npy", "npy", ["inpaint", "bits", "--mask", "mask.npy", "--events", "2", "--out", "x.npy"]),
        Target("people.csv", "csv", ["train", "table:path=people.csv,target=city", *TRAIN]),
        Target("people.csv", "csv", ["score", "people", "people.csv", "--columns", "--json", "--out", "x.csv"]),
        Target("new.csv", "csv", ["impute", "people", "new.csv", "--draws", "20", "--json", "--out", "x.csv"]),
        Target("people/schema.json", "json", ["sample", "people", "-n", "3", "--given", "sex=f", "--out", "x.csv"]),
        Target("people/schema.json", "json", ["score", "people", "new.csv", "--json", "--out", "x.csv"]),
        Target("waves.csv", "csv", ["forecast", "waves", "--horizon", "4", "--draws", "4", "--json", "--out", "x.csv"]),
        Target("digits/t10k-images-idx3-ubyte", "idx", ["classify", "digits", "--json", "--picture", "x.png"]),
        Target("bits/model.safetensors", "safetensors", ["compare", "bits", "stopped", "--json"], True),
        Target("bits/model.safetensors", "safetensors", ["show", "bits", "--json", "--out", "x.png"], True),
        Target("bits/metrics.jsonl", "jsonl", ["runs", "list", ".", "--json"]),
        Target("few.npy", "npy", ["compress", "bits", "few.npy", "--json", "--out", "x.tar"]),
        *[Target("few.tar", "tar", ["decompress", "few.tar", "--run", "bits", "--out", "x.npy"], True)] * 2,
        Target("plugin.py", "py", ["order", "show", "raster", "--shape", "3,3", "--plugin", "plugin.py", "--json"]),
    ]


TARGETS = _targets()


def try_files(stage: Stage, trials: int, seed: int) -> Tally:
    """Damage a file in each trial, in turn, and run the command that reads it."""
    tally = Tally()
    sound = [run_sound(stage, target) for target in TARGETS[:trials]]
    for number in range(trials):
        index = number % len(TARGETS)
        outcome, verdict, damage = try_file(stage, TARGETS[index], f"{seed} {number}", sound[index])
        tally.add(outcome, verdict, f"{seed} {number}: {damage} of {TARGETS[index].file}")
    return tally


def run_sound(stage: Stage, target: Target) -> str:
    """What the command does with the sound file."""
    outcome, found = _run(stage, target)
    if outcome.code:
        raise RuntimeError(f"{' '.join(target.command)} fails: {outcome.err}")
    return found


def try_file(stage: Stage, target: Target, seed: str, sound: str) -> tuple[Outcome, Verdict, str]:
    """The outcome, the verdict and the name of the damage."""
    chance = random.Random(seed)
    kinds: tuple[tuple[Damage, ...], ...] = (BYTES, BYTES, LIES[target.format] or BYTES, PATHS)
    damage = chance.choice(chance.choices(kinds, (4, 2, 4, 1))[0])
    return *try_damage(stage, target, damage, chance, sound), damage.__name__


def try_damage(
    stage: Stage, target: Target, damage: Damage, chance: random.Random, sound: str
) -> tuple[Outcome, Verdict]:
    """Damage the file and run the command; ``sound`` is what it does with the sound file."""
    damage(chance, stage.folder / target.file)
    outcome, found = _run(stage, target)
    verdict = judge(outcome, max_peak=MAX_PEAK)
    # another sound file of data is no damage that a checksum could find
    other_data = target.format in ("idx", "npz") and damage in (*LIES[target.format], other_file)
    if verdict.kind == "worked" and target.sealed and not other_data and found != sound:
        verdict = Verdict("unexpected", (f"a silent difference: {damage.__name__} of {target.file}",))
    if damage is moved and verdict.kind == "refused":
        verdict = Verdict("unexpected", ("a sound file is refused",))
    return outcome, verdict


def _run(stage: Stage, target: Target) -> tuple[Outcome, str]:
    stage.settle()
    child = stage.start(target.command)
    outcome = child.wait(seconds=6, clock=30)
    outcome.changes = stage.changes()
    found = fingerprint(stage.folder, outcome)
    stage.restore()
    return outcome, found


def fingerprint(folder: Path, outcome: Outcome) -> str:
    """All that a command computed: its JSON, the numbers that it wrote, and the weights of a run that it resumed."""
    found: dict[str, Any] = {"out": _without_clock(outcome.out)}
    for name in (
        "x.npy",
        "x.csv",
        "new/model.safetensors",
        "stopped/model.safetensors",
        "stopped/training/state.safetensors",
    ):
        if (folder / name).is_file():
            found[name] = _digest(folder / name)
    return json.dumps(found)


def _without_clock(text: str) -> Any:
    try:
        result = json.loads(text)
    except ValueError:
        return text
    if isinstance(result, dict):
        result.pop("cost", None)  # of a training, as timed
    rows = result.get("metrics", []) if isinstance(result, dict) else []
    for row in rows:
        for field in CLOCK:
            row.pop(field, None)
    return result


def _digest(path: Path) -> str:
    if path.suffix != ".safetensors":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return tensors_digest(path)


def tensors_digest(path: Path) -> str:
    """A digest of the names, dtypes, shapes and bytes of the tensors of a file, and of the state but its clock."""
    try:
        tensors = load_file(path)
        with safe_open(path, framework="pt") as file:
            state = json.loads((file.metadata() or {}).get("state", "{}"))
    except (SafetensorError, ValueError, OSError):
        return "unreadable"
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(bytes(tensor.contiguous().flatten().view(torch.uint8).tolist()) if tensor.numel() else b"")
    kept = {key: value for key, value in state.items() if key not in CLOCK} if isinstance(state, dict) else state
    digest.update(json.dumps(kept, sort_keys=True).encode())
    return digest.hexdigest()
