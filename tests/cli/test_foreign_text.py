"""Text from files, names and plugins reaches the terminal escaped, and is no markup."""

import re

import pytest

from .commands import SHORT, call, done, refused

ESCAPE, OVERRIDE = "\x1b]0;title\x07\x1b[31m", "\u202e"
PLUGIN = '''
import tensorar, torch
from dataclasses import dataclass

@dataclass(frozen=True, kw_only=True)
class Order(tensorar.Ordering):
    """First line \\x1b[31m[bold]kept[/bold] \\u202e.

    More \\x07.

    Options:
        size: \\x1b[2J meaning [link=x]
    """
    name = "evil\\x1b[31m"
    size: int = 1
    def visits(self, event_shape):
        return torch.arange(torch.Size(event_shape).numel())

@tensorar.hookimpl
def tensorar_orderings():
    return [Order]
'''


def clean(text):
    """The text, which must hold nothing that a terminal interprets."""
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", text), repr(text)
    return text


@pytest.fixture
def evil(tmp_path):
    path = tmp_path / "evil.py"
    path.write_text(PLUGIN, encoding="utf-8")
    return path


def test_parts(evil):
    listed = clean(done("plugins", "list", "ordering", "--plugin", evil).stdout)
    assert r"evil\x1b[31m" in listed
    assert r"First line \x1b[31m[bold]kept[/bold] \u202e." in listed
    shown = clean(done("plugins", "show", "evil\x1b[31m", "--plugin", evil).stdout)
    assert r"More \x07." in shown
    assert r"\x1b[2J meaning [link=x]" in shown


@pytest.mark.parametrize("arguments", [
    ["train", f"to{ESCAPE}y"],
    ["train", "toy", "--head", f"b{OVERRIDE}eta"],
    ["train", "toy", "--resume", f"run{ESCAPE}"],
    ["train", "toy", "--set", f"x{ESCAPE}=1"],
    ["train", "toy", f"--he{ESCAPE}ad=1"],
    ["train", "toy", f"more{ESCAPE}\nerror: fake"],
    [f"no{ESCAPE}command"],
    ["evaluate", f"no{ESCAPE}{OVERRIDE}\nrun"],
    ["sample", "run", "--out", f"x{ESCAPE}.jpg"],
    ["train", "toy", "--plugin", f"{ESCAPE}.py"],
    ["order", "show", "raster", "--shape", ESCAPE],
    ["plugins", "show", ESCAPE],
    ["plugins", "new", "head", ESCAPE],
    ["train", "\udcff\udcfe"],
    ["evaluate", "\udcff\udcfe"],
], ids=range(15))  # fmt: skip
def test_arguments(arguments):
    clean(refused(call(*arguments)))


def test_names_of_folders(bits, tmp_path):
    folder = tmp_path / f"run{ESCAPE}{OVERRIDE}\nnext: fake"
    printed = clean(done("train", f"npy:path={bits}", *SHORT, "--out", folder).stdout)
    assert not re.search("^next: fake", printed, flags=re.MULTILINE)
    clean(done("evaluate", folder).stdout)
    clean(done("sample", folder, "-n", "2").stdout)
    clean(done("posterior", folder, "--steps", "1").stdout)


@pytest.mark.parametrize("text", ['ordering = "ra\\u001b[31mster"', "dataset = \"npy:path='\\u202e\\u001b[2J.npy'\""])
def test_recipes(text, bits_run):
    recipe = bits_run / "recipe.toml"
    kind = text.split(" ")[0]
    recipe.write_text(re.sub(rf"^{kind} = .*$", lambda _: text, recipe.read_text(), flags=re.MULTILINE))
    assert "\\" in clean(refused(call("evaluate", bits_run)))


def test_paths_that_no_system_takes(tmp_path):
    for path in ("x" * 5000, "a/" * 3000 + "x"):
        clean(refused(call("evaluate", path)))
        refused(call("train", f"npy:path={path}.npy"))
        refused(call("train", "toy", *SHORT, "--out", path))
        refused(call("order", "show", "raster", "--shape", "2", "--out", f"{path}.png"))
        refused(call("plugins", "new", "head", "name", "--out", path))
        refused(call("train", "toy", "--plugin", f"{path}.py"))
        refused(call("train", "--recipe", f"{path}.toml"))
    recipe = tmp_path / "null.toml"
    parts = 'dataset = "npy:path=\'a\\u0000b.npy\'"\nordering = "raster"\nhead = "bernoulli"\nbackbone = "mlp"\n'
    recipe.write_text(f"format = 3\n[parts]\n{parts}")
    assert r"a\x00b.npy" in clean(refused(call("train", "--recipe", recipe)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["null.toml"]
