"""Command lines of all commands and options, from the Typer application itself, with valid and nasty values."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .specs import part_spec
from .values import HUGE, MEANINGS, WORK, nasty, value

# commands by how often they are tried (others: 2); the last three take seconds each
WEIGHTS = {"train": 9, "evaluate": 4, "sample": 4, "inpaint": 4, "posterior": 3, "order show": 3, "plugins check": 1}
WEIGHTS |= {"demo": 1, "reproduce": 1}
# valid arguments that make a command quick
QUICK: dict[str, list[list[str]]] = {
    "train": [["--steps", "2"], ["--batch-size", "4"], ["--set", "valid_events=4"], ["--device", "cpu"]],
    "demo": [["--minutes", "0.001"], ["--device", "cpu"]],
    "sample": [["-n", "2"]],
    "inpaint": [["--events", "2"], ["--completions", "2"]],
    "posterior": [["--steps", "1"]],
    "order show": [["--shape", "3,3"]],
    "impute": [["--draws", "20"]],
    "forecast": [["--horizon", "3"], ["--draws", "4"]],
    "decompress": [["--run", "bits"], ["--out", "new.npy"]],
    "reproduce": [["--quick"], ["--device", "cpu"]],
}
ODD = 0.45
SETTINGS = (
    "ema",
    "clip",
    "warmup",
    "patience",
    "weight_decay",
    "evaluate_every",
    "valid_events",
    "precision",
    "steps",
    "seed",
)
SETTINGS += ("minutes", "epochs", "batch_size", "learning_rate", "nothing", "self")


@dataclass(frozen=True)
class CommandLine:
    """A command line, and whether it may rightly take long."""

    arguments: list[str]
    may_be_long: bool


def commands() -> dict[str, list[Any]]:
    """The options and arguments of each command, by the words that name it."""
    from typer.main import get_command

    from tensorar_cli.app import app

    return dict(_commands(get_command(app), ()))


def _commands(group: Any, words: tuple[str, ...]) -> Iterator[tuple[str, list[Any]]]:
    if not hasattr(group, "commands"):
        yield " ".join(words), group.params
    for name, command in getattr(group, "commands", {}).items():
        yield from _commands(command, (*words, name))


def command_line(seed: int, number: int, known: dict[str, list[Any]] | None = None) -> CommandLine:
    """The command line of that number: the same for the same seed, application and parts."""
    chance, known = random.Random(f"{seed} {number}"), known or commands()
    name = chance.choices(list(known), [WEIGHTS.get(command, 2) for command in known])[0]
    groups = _arguments(chance, name, known[name])
    words = name.split()
    long = name in ("demo", "plugins check", "reproduce") or any(_is_long(group) for group in groups)
    if chance.random() < 0.06:
        words, groups = _disarranged(chance, words, groups)
    return CommandLine([*words, *(word for group in groups for word in group)], long)


def _arguments(chance: random.Random, command: str, parameters: list[Any]) -> list[list[str]]:
    """The values of arguments, options that keep it quick, and up to four others."""
    arguments = [p for p in parameters if p.param_type_name == "argument"]
    options = [p for p in parameters if p.param_type_name != "argument"]
    chosen = chance.sample(options, min(len(options), chance.choice((0, 1, 1, 1, 2, 2, 3, 4))))
    names = {p.name for p in chosen}
    given = [p for p in arguments if _is_given(chance, p, names)]
    # mostly one odd value: of several, all but the first that is refused would be hidden
    odd_one = chance.choice([*given, *chosen, *chosen, None]) if given or chosen else None
    others = chance.choice((0.0, 0.0, 0.0, ODD))
    odd = {p.name: 0.8 if p is odd_one else others for p in [*given, *chosen]}
    quick = [group for group in QUICK.get(command, []) if not _names(options, group[0]) & names or group[0] == "--set"]
    if "resume" in names:
        quick, given = [["--device", "cpu"]], given if chance.random() < 0.1 else []
    values = [[_value(chance, command, p, odd[p.name])] for p in given]
    return [*values, *quick, *(_option(chance, command, p, odd[p.name]) for p in chosen)]


def _is_given(chance: random.Random, parameter: Any, names: set[str]) -> bool:
    if chance.random() < 0.03 or (parameter.name == "data" and "recipe" in names):
        return chance.random() < 0.2
    return bool(parameter.required) or parameter.name == "data" or chance.random() < 0.6


def _names(options: list[Any], spelling: str) -> set[str]:
    return {p.name for p in options if spelling in p.opts}


def _option(chance: random.Random, command: str, parameter: Any, odd: float) -> list[str]:
    spelling = chance.choice([*parameter.opts, *parameter.secondary_opts])
    if parameter.is_flag:
        return [spelling if chance.random() > odd / 8 else f"{spelling}=x"]
    text = _value(chance, command, parameter, odd)
    if spelling.startswith("--") and chance.random() < 0.4:
        return [f"{spelling}={text}"]
    again = [spelling, _value(chance, command, parameter, odd)] if chance.random() < 0.1 else []
    return [spelling, text, *again]


def _value(chance: random.Random, command: str, parameter: Any, odd: float) -> str:
    name = parameter.name
    if name in ("ordering", "head", "backbone"):
        return part_spec(chance, name, odd=odd)
    if (command, name) in MEANINGS:
        return value(chance, MEANINGS[command, name], odd=odd)
    if name == "data":
        return part_spec(chance, "dataset", odd=odd)
    if name == "setting":
        return (
            f"{chance.choice(SETTINGS)}={value(chance, 'set', odd=odd)}" if chance.random() > odd / 4 else nasty(chance)
        )
    if (command, name) in (("plugins check", "name"), ("plugins show", "name")):
        return _part_name(chance, command, odd)
    return value(chance, name, odd=odd)


def _part_name(chance: random.Random, command: str, odd: float) -> str:
    if chance.random() < max(odd, 0.3):
        return value(chance, "plugin", odd=0.5)
    kind = chance.choice(("ordering", "head", "backbone", "dataset"))
    spec = part_spec(chance, kind, odd=odd)
    return spec if command == "plugins check" else spec.partition(":")[0]


def _is_long(group: list[str]) -> bool:
    """Whether an option asks for much work."""
    option, _, text = group[0].partition("=")
    name = option.lstrip("-").replace("-", "_").replace("set", "setting") if len(group) > 1 or text else ""
    many = any(huge in word for word in group for huge in (*HUGE, "1e3", "1e9", "inf", "1_000", "0x10"))
    return option == "--thorough" or (many and (name in WORK or name == "n"))


def _disarranged(chance: random.Random, words: list[str], groups: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Something missing, doubled, unknown, or in another order."""
    how = chance.randrange(7)
    if how == 0:
        return words[:-1], groups
    if how == 1:
        return [*words[:-1], nasty(chance)], groups
    if how == 2:
        return words, [*groups, [chance.choice(("--nothing", "-z", "--", "--help", "--version", "-h", "---", "-nx"))]]
    if how == 3:
        chance.shuffle(groups)
        return words, groups
    if how == 4:
        return words, groups + groups
    if how == 5:
        return words, [*groups, [nasty(chance)]]
    return words, [group[:1] for group in groups]
