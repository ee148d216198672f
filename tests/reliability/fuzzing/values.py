"""Values for options: valid ones by what an option means, and nasty ones for all of them."""

from __future__ import annotations

import random

LONG = "x" * 5000
# fmt: off
HUGE = (
    "1000000000000", "99999999999999999999", "9223372036854775807", "9223372036854775808", "2147483648", "100000000",
)
NUMBERS = (
    "0", "-1", "-0", "1", "2", "3", "0.5", "1.5", "-0.5", "1e-400", "1e999", "-1e999", "nan", "inf", "-inf", "NaN",
    "1e3", "1e308", "1e-308", "3.0", "+3", " 3 ", "1_000", "0x10", "1j", "007", "²", "٣", "\uff11", *HUGE,
)
TEXTS = (
    "", " ", "\t", "none", "None", "true", "false", "True", "é", "日本語", "e\u0301", "\udcff", "a\udc80b", "\ufeff",
    "\x1b[31mred\x1b[0m", "\x07", "a\nb", "a\r\nb", "a\tb", "\x9b31m", "\x7f", "\u202eabc", "\u2028", "[red]x[/red]",
    "[/]", "[bold", "[/red]", "%s%n", "{0}", "{name}", "$HOME", "$NO_SUCH", "${", "~", "~nobody", "-", "--", "-x",
    "'", '"', "a'b\"c", "`a`", "\\", "\\n", ",", ":", "=", ";", "a=b", "a:b", "a:b=", "a:b=c", ":=", "*", "?", "(",
    "self",
    "__class__", "import", "no", "yes", "null", "undefined", "error: expected", "🎲", "x" * 300, LONG,
    "x," * 1500, "[" * 2000,
)
PATHS = (
    "/dev/null", "/dev/full", "/dev/zero", "/dev/stdin", "/proc", ".", "..", "/etc/passwd", "/proc/self/mem",
    "/proc/1/x",
    "folder", "folder/", "notes.txt", "notes.txt/x", "nowhere/x", "../beside/x", "bits", "toy", "bits.npy",
    "bits/recipe.toml", "bits/model.safetensors", "table.csv", "x" * 255, "x" * 256, "/".join(["d"] * 3000), "a\x1bb",
    "a b", "é.png", "\udcff.png", "out.png", "out.npy", "out.csv", "out.PNG", ".png", "folder.png/", "~/x.png",
    "x.py",
)

DATASETS = (
    "toy:length=8", "npy:path=bits.npy", "npy:path=levels.npy", "npy:path=reals.npy", "npy:path=float32.npy",
    "npy:path=counts.npy", "npz:path=splits.npz", "npz:path=data.npz", "npz:path=packed.npz,packed=true",
    "table:path=table.csv", "table:path=people.csv,target=city", "series:path=waves.csv,window=6",
    "mnist:path=digits", "mnist:path=digits,labels=true", "mnist:path=digits,binarize=dynamic",
)
RUNS = ("bits", "toy", "reals", "digits", "people", "waves", "stopped")
ODD_RUNS = ("folder", "nowhere", "bits.npy", "bits/", "./bits", "bits/training", "bits/recipe.toml", "digits/..")
DEVICES = (
    "cpu", "auto", "cuda", "cuda:1", "cuda:99", "cuda:-1", "cpu:0", "cpu:7", "meta", "mps", "xla", "hpu", "xpu",
    "privateuseone", "vulkan", "ort", "ideep", "CPU", "cpu ", "cuda:", "cpu:x", "lazy", "mtia", "fpga", "maia",
)
REGIONS = (
    "top half", "left third", "center box", "border", "random 0.3", "bottom quarter", "right half", "random 1",
    "random 0", "random nan", "random inf", "top", "half", "top half half", "TOP HALF", "random", "random -1",
)
SHAPES = (
    "3,3", "2,3,4", "5", "1,4,4", "4x4", "(2,2)", "1", "", "()", "x", "4,x", ",4", "4,,4", "4,", "0", "-1,2", "4 4",
    "1000000000000", "1000000,1000000", "65536,65536", ",".join(["1"] * 100), ",".join(["2"] * 30), "2.5,2", "1e3",
    "99999999999999999999", "٣,٣", "3,3;3", "[3,3]", "100000", "3000,3000", "4,x4", "x,x", "1,1",
)
KINDS = (
    "ordering", "head", "backbone", "dataset", "recipe", "orderings", "heads", "ordering ", "Head", "part", "s",
    "headss",
)
NAMES = (
    "mine", "my_part", "Mine", "my-part", "class", "none", "raster", "x" * 40, "x" * 41, "a/b", "..", "1a", "_a",
    "a_",
)
CONTEXTS = ("3", "0", "9", "10", "-1", "0,1", "1,0,0,0,0,0,0,0,0,0", "nan", "1,nan", "three", ",", "1,,2", "1e400")
STEPS = (
    "0", "1", "0,1", "0,1,5", "15", "16", "-1", "1,1,1", "1,", ",", "1.5", "0;1", "0-5", " 1 , 2 ", "1,2,3,4,5,6,7",
)
PLUGIN_FILES = (
    "plugin.py", "broken.py", "empty.py", "exits.py", "odd.py", "colors.py", "latin.py", "folder",
    "nowhere.py", "bits.npy", "notes.txt", "", "/dev/null", "/dev/zero", "x.txt", "plugin", ".py",
)
METHODS = ("auto", "cached", "naive", "fixed-point", "fixed_point", "AUTO", "greedy", "beam", "none")
SPLITS = ("train", "valid", "test", "validation", "Train", "all")
MASKS = (
    "mask.npy", "bits.npy", "splits.npz", "notes.txt", "folder", "nowhere.npy", "/dev/null", "/dev/zero", "reals.npy",
)
RECIPES = (
    "toy-mlp", "toy-fvsbn", "toy-nothing", "bits/recipe.toml", "toy/recipe.toml", "nowhere.toml", "notes.txt",
    "folder", ".toml", "/dev/zero", "TOY-MLP", "mnist-convnet", "caltech16-fvsbn", "/dev/null",
)
TABLES = ("people.csv", "new.csv", "table.csv", "waves.csv")
ODD_FILES = (*TABLES, "bits.npy", "few.npy", "few.tar", "notes.txt", "folder", "nowhere.csv", "digits", "/dev/zero", "")
GIVEN = ("sex=f", "age=30,sex=m", "city=Rom", "height=170.5", *REGIONS[:3])
ODD_GIVEN = ("sex=x", "age=old", "=", "sex", "sex=", "weight=3", "city=Paris", "sex=f,sex=m", "age=nan", *REGIONS)
QUANTILES = ("0.1,0.5,0.9", "0.5", "0.05", "0,1", "0.5,0.5", "-0.1", "1.1", "nan", "", ",", "x", "0.9,0.1")
CONDITIONINGS = ("auto", "exact", "smc", "clamp", "AUTO", "mcmc")
ROWS = ("cs294-histogram", "nothing", "cs294-", "bits", "CS294-HISTOGRAM")
SORTS = ("name", "nats", "date", "bits", "seconds", "size", "NAME")
COUNTS = ("1", "2", "3", "7")
# fmt: on

# valid values by the names of options and arguments (others: counts), and odd ones beside those of all
VALID: dict[str, tuple[str, ...]] = {
    "run": RUNS,
    "resume": ("stopped", "stopped", *RUNS),
    "device": ("cpu", "cpu", "auto", "cpu:0"),
    "evidence": REGIONS[:8],
    "shape": SHAPES[:7],
    "kind": KINDS[:3],
    "context": ("3", "0", "9"),
    "plugin": ("plugin.py",),
    "method": METHODS[:4],
    "split": SPLITS[:3],
    "mask": ("mask.npy",),
    "recipe": (*RECIPES[:2], "bits/recipe.toml", "reals/recipe.toml"),
    "out": ("new.png", "new.npy", "new.csv", "new", "deep/er/new.png"),
    "minutes": ("0.001", "0.002"),
    "epochs": ("0.1", "1"),
    "temperature": ("0.5", "1", "2", "1e-6", "1e6"),
    "top_p": ("0.5", "0.9", "1", "1e-9"),
    "learning_rate": ("0.01", "1e-3", "1e-30"),
    "name": NAMES[:2],
    "step list": STEPS[:4],
    "runs": RUNS,
    "rows": TABLES[:2],
    "prefix": ("waves.csv",),
    "events file": ("few.npy", "bits.npy", "people.csv"),
    "file": ("few.tar",),
    "given": GIVEN,
    "quantiles": QUANTILES[:3],
    "statistic": ("mean", "median", "mode"),
    "conditioning": CONDITIONINGS[:4],
    "proposal": ("bits", "reals"),
    "picture": ("new.png",),
    "coefficient": ("0", "1", "1,2", "3,3"),
    "against": ("best", "first"),
    "folder": (".", "..", "bits"),
    "sort": SORTS[:5],
    "row": ROWS[:1],
    "set": ("0", "0.5", *COUNTS),
}
ODD: dict[str, tuple[str, ...]] = {
    "run": ODD_RUNS,
    "resume": ODD_RUNS,
    "device": DEVICES,
    "evidence": REGIONS,
    "shape": SHAPES,
    "kind": KINDS,
    "context": CONTEXTS,
    "plugin": PLUGIN_FILES,
    "method": METHODS,
    "split": SPLITS,
    "mask": MASKS,
    "recipe": RECIPES,
    "out": PATHS,
    "name": NAMES,
    "step list": STEPS,
    "runs": ODD_RUNS,
    **dict.fromkeys(("rows", "prefix", "events file", "file"), ODD_FILES),
    "given": ODD_GIVEN,
    "quantiles": QUANTILES,
    "conditioning": CONDITIONINGS,
    "proposal": (*RUNS, *ODD_RUNS),
    "picture": PATHS,
    "folder": (*ODD_RUNS, *PATHS),
    "sort": SORTS,
    "row": ROWS,
}
# options and arguments that mean something else in one command
MEANINGS = {
    ("posterior", "steps"): "step list",
    ("compress", "data"): "events file",
    ("reproduce", "name"): "row",
    ("reproduce", "resume"): "run",
}
# options whose large values rightly take long
WORK = ("steps", "epochs", "minutes", "samples_per_event", "number", "completions", "masks", "setting", "batch_size")
WORK += ("draws", "horizon", "orders", "particles")


def nasty(chance: random.Random) -> str:
    """A value that hardly any option takes."""
    return chance.choice(chance.choice((NUMBERS, TEXTS, PATHS)))


def value(chance: random.Random, name: str, *, odd: float) -> str:
    """A value for the option of that name, an odd one with that probability."""
    if chance.random() >= odd:
        return chance.choice(VALID.get(name, COUNTS))
    return nasty(chance) if chance.random() < 0.5 else chance.choice(ODD.get(name, NUMBERS))
