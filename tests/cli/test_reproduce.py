"""``tensorar reproduce``: rows are trained, evaluated once on the whole test set, and written with what they took."""

import json
import math
import re
from pathlib import Path

import pytest

from tensorar import Run, RunError, default_registry, load_dataset
from tensorar.runs.result import read_result
from tensorar.workflows.rows import find_row, list_rows

from .commands import call, done, refused, report

PLUGIN = ["--plugin", str(Path(__file__).parent / "rows_plugin.py")]
ROWS = [row.name for row in list_rows()]
# the toy needs no data, and these read small files
BRIEF = {"toy-convnet", "toy-rnn", "mnist-made-32", "mushrooms-made-orders", "wine-red", "caltech16"}


@pytest.fixture
def toy(tmp_path):
    """A reproduced row, and its folder."""
    return report("reproduce", "row-toy", "--out", tmp_path / "toy", *PLUGIN)["result"], tmp_path / "toy"


def test_the_list_has_theirs_ours_and_the_cost():
    rows = {row["name"]: row for row in report("reproduce", "--list")["rows"]}
    assert rows["toy-convnet"]["theirs"] == 20.9
    assert rows["mnist-pixelcnn"]["machine"] == "gpu"
    recorded = {name for name in ROWS if find_row(name).recorded is not None}
    assert {name for name, row in rows.items() if row["ours"] is not None} == recorded
    assert "mnist-pixelcnn" in done("reproduce", "--list").stdout


def test_a_result_has_the_figure_and_all_that_it_took(toy):
    result, folder = toy
    assert json.loads((folder / "result.json").read_text()) == result
    evaluated = report("evaluate", folder)
    assert result["figure"] == pytest.approx(evaluated["nats"] / 8)
    assert result["standard_error"] == pytest.approx(evaluated["standard_error"] / 8)
    assert result["events"] == len(load_dataset("toy:length=8,fixed=40").test)
    (model,) = result["models"]
    assert [row[0] for row in model["curve"]] == [3, 6]
    assert model["best"]["valid_nats"] == min(row[3] for row in model["curve"])
    assert result["recipe"]["parts"]["backbone"] == "fvsbn"
    assert set(result["versions"]) == {"tensorar", "torch", "python"}
    assert result["command"] == "tensorar reproduce row-toy"


def test_a_row_says_what_it_compares_and_why_it_misses(tmp_path):
    text = done("reproduce", "row-toy", "--out", tmp_path / "toy", *PLUGIN).stdout
    assert re.search(r"^theirs +2 *$", text, flags=re.MULTILINE)
    assert "(exact); theirs: a paper" in text
    assert "note: smaller" in text
    assert "more than 1 % above the published figure: no reason is known" in text


def test_the_evaluation_shows_its_progress(tmp_path, monkeypatch):
    monkeypatch.setattr("tensorar_cli.output.FIRST_LINE", 0)
    monkeypatch.setattr("tensorar_cli.output.INTERVALS", 0)
    shown = done("reproduce", "row-toy", "--out", tmp_path / "toy", *PLUGIN).stderr
    assert re.search(r"^training: \d+ % in .*, .* left", shown, re.M)
    assert re.search(r"^evaluating: \d+ % in .*, .* left +[\d.]+ nats$", shown, re.M)


def test_a_finished_row_is_not_evaluated_again(toy):
    result, folder = toy
    before = (folder / "result.json").stat().st_mtime_ns
    assert report("reproduce", "--resume", folder, *PLUGIN)["result"] == result
    assert "is finished: nothing to do" in done("reproduce", "--resume", folder, *PLUGIN).stdout
    assert (folder / "result.json").stat().st_mtime_ns == before


def test_an_interrupted_row_goes_on(toy, tmp_path):
    """A run that train made of the recipe is a row that is not evaluated yet."""
    done("train", "--recipe", "row-toy", "--out", tmp_path / "again", *PLUGIN)
    found = report("reproduce", "--resume", tmp_path / "again", *PLUGIN)["result"]
    assert (found["figure"], found["seed"]) == (toy[0]["figure"], 0)


def test_every_fold_has_a_model_and_the_figure_is_their_mean(tmp_path):
    result = report("reproduce", "row-folds", "--out", tmp_path / "folds", *PLUGIN)["result"]
    nats = [report("evaluate", tmp_path / "folds" / f"fold-{k}")["nats"] for k in range(3)]
    assert result["figure"] == pytest.approx(sum(nats) / 3)
    assert result["events"] == 120
    errors = [model["likelihood"]["standard_error"] for model in result["models"]]
    assert result["standard_error"] == pytest.approx(math.sqrt(sum(e**2 for e in errors)) / 3)
    # two standard normals: the entropy is 2.84, whatever the fold
    assert result["baseline"] == pytest.approx(2.84, abs=0.2)
    shown = done("reproduce", "--resume", tmp_path / "folds", *PLUGIN).stdout
    assert re.search(r"^one gaussian, theirs +2.8 *$", shown, flags=re.MULTILINE)


def test_folds_that_are_done_are_not_trained_again(tmp_path):
    done("train", "--recipe", "row-folds", "--out", tmp_path / "folds" / "fold-0", *PLUGIN)
    weights = (tmp_path / "folds" / "fold-0" / "model.safetensors").stat().st_mtime_ns
    result = report("reproduce", "--resume", tmp_path / "folds", *PLUGIN)["result"]
    assert len(result["models"]) == 3
    assert (tmp_path / "folds" / "fold-0" / "model.safetensors").stat().st_mtime_ns == weights


def test_a_quick_trial_is_no_result(tmp_path):
    found = done("reproduce", "row-gpu", "--quick", "--out", tmp_path / "quick", *PLUGIN)
    assert "this is not the figure" in found.stdout
    assert not (tmp_path / "quick" / "result.json").exists()
    with pytest.raises(RunError, match="got that of a quick trial"):
        read_result(tmp_path / "quick" / "quick.json")
    assert "without a row" in refused(call("reproduce", "--resume", tmp_path / "quick", *PLUGIN))


def test_a_row_that_wants_a_gpu_says_so_beforehand(tmp_path):
    lines = done("reproduce", "row-gpu", "--out", tmp_path / "gpu", "--device", "cpu", *PLUGIN).stdout.splitlines()
    assert lines[0].startswith("note: row-gpu wants a GPU, on which it takes about 7 minutes")


def test_missing_data_are_said_before_anything_is_trained(monkeypatch, tmp_path):
    monkeypatch.setenv("TENSORAR_DATA", str(tmp_path))
    (tmp_path / "uci_binary").mkdir()
    (tmp_path / "uci_binary" / "adult.npz").write_bytes(b"damaged")
    assert "adult.npz" in refused(call("reproduce", "adult-made", "--out", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "one of NAME, --list and --resume FOLDER, got none"),
        (["row-toy", "--list"], "got NAME and --list"),
        (["--list", "--quick"], "no --quick with --list"),
        (["toy-convnett"], "did you mean 'toy-convnet'"),
        (["toy-convnet", "--device", "abacus"], "abacus"),
    ],
)
def test_bad_arguments(arguments, message):
    assert message in refused(call("reproduce", *arguments))


def test_a_changed_recipe_is_no_row(tmp_path):
    done("train", "--recipe", "row-toy", "--steps", "2", "--out", tmp_path / "changed", *PLUGIN)
    assert "without a row" in refused(call("reproduce", "--resume", tmp_path / "changed", *PLUGIN))
    done("train", "--recipe", "row-toy", "--out", tmp_path / "longer", *PLUGIN)
    done("train", "--resume", tmp_path / "longer", "--steps", "2")
    assert "the provenance continued" in refused(call("reproduce", "--resume", tmp_path / "longer", *PLUGIN))
    done("train", "--from", tmp_path / "longer", "--steps", "2", "--out", tmp_path / "from")
    assert Run.open(tmp_path / "from").recipe.row is None


@pytest.mark.parametrize(
    "name", [name if name in BRIEF else pytest.param(name, marks=pytest.mark.slow) for name in ROWS]
)
def test_every_row_has_a_quick_form(name, tmp_path, request):
    if not name.startswith(("toy", "cs294-histogram", "cs294-logistics")):
        request.getfixturevalue("data_folder")
    result = report("reproduce", name, "--quick", "--out", tmp_path / "quick", "--device", "cpu")["result"]
    assert result["quick"]
    assert math.isfinite(result["figure"])
    assert sum(model["parameters"] for model in result["models"]) < 3_000_000


def test_rows_of_the_table_are_recipes_that_can_be_built():
    """Networks of rows that want a GPU are built here, without storage."""
    registry = default_registry()
    for name in ROWS:
        recipe = registry.find("recipe", name).part
        for kind in ("dataset", "ordering", "head", "backbone"):
            registry.options(kind, getattr(recipe, kind))
        assert recipe.row.source
        assert recipe.row.minutes > 0
