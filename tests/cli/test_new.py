"""``tensorar plugins new``: creates a plugin package that passes its own tests, and overwrites nothing."""

import subprocess
import sys
import tomllib

import pytest

from .commands import SHORT, call, contents, done, environment, refused, report

KINDS = ("ordering", "head", "backbone", "dataset")


MODULES = {kind: ["tensorar_my_first_one.py"] for kind in KINDS}
MODULES["dataset"] += ["tensorar_my_first_one.csv"]


# the templates of heads and backbones are checked by the same kit as the built-in ones, which takes long
SLOW = ("head", "backbone")


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.slow if kind in SLOW else []) for kind in KINDS])
def test_a_new_plugin_passes_its_own_tests(kind, tmp_path):
    result = report("plugins", "new", kind, "my_first_one")
    folder = tmp_path / "tensorar_my_first_one"
    assert result == {
        "folder": "tensorar_my_first_one",
        "kind": kind,
        "name": "my_first_one",
        "files": ["pyproject.toml", "README.md", *MODULES[kind], "tests/test_my_first_one.py"],
    }
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    ran = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout
    assert "passed" in ran.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_is_complete(kind, tmp_path):
    done("plugins", "new", kind, "mine", "--out", "below/here")
    folder = tmp_path / "below" / "here"
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["tensorar"] == {"mine": "tensorar_mine"}
    assert project["project"]["name"] == "tensorar-mine"
    installed = project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    assert sorted(installed) == sorted(path.name for path in folder.glob("tensorar_mine.*"))
    assert f"class Mine({kind.capitalize()}" in (folder / "tensorar_mine.py").read_text().replace("Causal", "")
    assert [path for path in (tmp_path / "below").iterdir() if path != folder] == []
    assert folder.stat().st_mode & 0o777 == (tmp_path / "below").stat().st_mode & 0o777
    shown = report("plugins", "show", "mine", "--plugin", folder / "tensorar_mine.py")
    assert [part["kind"] for part in shown["parts"]] == [kind]


def test_the_template_of_a_dataset_reads_a_file_and_refuses_others(tmp_path):
    done("plugins", "new", "dataset", "mine")
    plugin = tmp_path / "tensorar_mine" / "tensorar_mine.py"
    (tmp_path / "mine.csv").write_text("".join(f"{i},{i * i}\n" for i in range(30)))
    for text in ("1,2\n3\n", "a,b\n" * 20, "1,2\n" * 9, ""):
        (tmp_path / "bad.csv").write_text(text)
        arguments = ("train", "mine:path=bad.csv", "--plugin", plugin, *SHORT)
        assert "bad.csv" in refused(call(*arguments))
    done("train", "mine:path=mine.csv", "--plugin", plugin, "--out", "run", *SHORT)
    assert str(tmp_path / "mine.csv") in (tmp_path / "run" / "recipe.toml").read_text(), "the run may be moved"


def test_the_next_command_is_printed(tmp_path):
    shown = done("plugins", "new", "head", "mine").stdout
    assert "tensorar plugins check tensorar_mine/tensorar_mine.py" in shown


def test_nothing_is_overwritten(tmp_path):
    done("plugins", "new", "head", "mine")
    before = contents(tmp_path)
    assert "tensorar_mine" in refused(call("plugins", "new", "ordering", "mine"))
    (tmp_path / "a_file").write_text("kept")
    refused(call("plugins", "new", "head", "other", "--out", "a_file"))
    (tmp_path / "a_file").unlink()
    assert contents(tmp_path) == before


NO_NAMES = ["Mine", "my-part", "2fast", "a.b", "../up", "with space", "é", "x" * 60, "mine_", "x__"]


@pytest.mark.parametrize("name", [*NO_NAMES, "class", "none", "true", "false"])
def test_invalid_names(name, tmp_path):
    assert "a lowercase identifier" in refused(call("plugins", "new", "head", name))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("kind", "name", "message"), [("head", "bernoulli", "builtin"), ("head", "plugins", "module")])
def test_existing_names(kind, name, message, tmp_path):
    assert message in refused(call("plugins", "new", kind, name))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["heads", "datasets", "recipe"])
def test_invalid_kinds(kind):
    assert "ordering, head, backbone or dataset" in refused(call("plugins", "new", kind, "mine"))


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("no folder")
    refused(call("plugins", "new", "head", "mine", "--out", "file/inside"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
