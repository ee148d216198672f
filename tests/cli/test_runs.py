"""``tensorar runs list``: what is in a folder, damaged runs included."""

from __future__ import annotations

import pytest

from tensorar import Run
from tensorar_cli.commands.runs import HEADERS, fitting

from .commands import call, done, refused, report


@pytest.fixture
def folder(tmp_path, bits_run, toy_run):
    runs = tmp_path / "runs" / "sweep"
    runs.mkdir(parents=True)
    bits_run.rename(runs / "bits")
    toy_run.rename(tmp_path / "runs" / "toy")
    (tmp_path / "runs" / "notes").mkdir()
    return tmp_path / "runs"


def test_runs_are_listed_with_their_parts_and_progress(folder):
    found = {run["name"]: run for run in report("runs", "list", folder)["runs"]}
    assert list(found) == [str(folder / "sweep" / "bits"), str(folder / "toy")]
    toy, run = found[str(folder / "toy")], Run.open(folder / "toy")
    assert toy["status"] == "finished" and toy["steps"] == 3 and toy["problem"] is None
    assert toy["nats"] == min(row["valid_nats"] for row in run.metrics())
    assert (toy["data"], toy["backbone"], toy["ordering"]) == ("toy:length=8,fixed=40", "mlp:hidden=8", "raster")
    assert toy["parameters"] == sum(tensor.numel() for tensor in run.model.state_dict().values())
    lines = done("runs", "list").stdout.splitlines()
    assert lines[0].split()[:3] == ["run", "status", "data"] and len(lines) == 3


def test_a_narrow_terminal_shows_whole_names_and_numbers_and_says_what_it_hides():
    row = ("runs/a-rather-long-name", "finished", "table:path=/home/someone/people.csv,target=class", "regression")
    row += ("shuffled", "12.345", "1.2345", "123456", "1000", "12 s", "2026-11-28 10:00:00")
    headers, (cells,), hidden = fitting(HEADERS, [row], 80)
    assert (cells[0], cells[headers.index("nats")]) == (row[0], "12.345")
    assert sum(map(len, cells)) + 2 * (len(cells) - 1) <= 80
    assert cells[headers.index("data")] == "table:path=…target=class"
    assert set(headers) | set(hidden) == set(HEADERS) and hidden[0] == "date"
    assert fitting(HEADERS, [row], 1000)[1] == [row]
    assert fitting(HEADERS, [], 1000)[0] == list(HEADERS)


@pytest.mark.parametrize("key", ["nats", "parameters", "backbone", "date"])
def test_runs_are_sorted_and_unknown_values_come_last(folder, key):
    (folder / "toy" / "model.safetensors").write_bytes(b"x")
    up = [run[key] for run in report("runs", "list", "--sort", key)["runs"]]
    down = [run[key] for run in report("runs", "list", "--sort", key, "--reverse")["runs"]]
    known = [value for value in up if value is not None]
    assert known == sorted(known) and [value for value in down if value is not None] == known[::-1]
    assert None not in up[: len(known)] and None not in down[: len(known)]


@pytest.mark.parametrize("file", ["recipe.toml", "metrics.jsonl", "model.safetensors", "training/state.safetensors"])
def test_damaged_runs_are_listed_as_such(folder, file):
    path = folder / "toy" / file
    path.write_bytes(b"\x1b[31m" + path.read_bytes()[:-40] + b"\n[\n")
    found = {run["name"]: run for run in report("runs", "list")["runs"]}
    toy = found["runs/toy"]
    assert (toy["status"], found["runs/sweep/bits"]["status"]) == ("damaged", "finished")
    assert file.split("/")[-1] in toy["problem"]
    printed = done("runs", "list").stdout
    assert "\x1b" not in printed and "runs/toy: expected" in printed


def test_a_recipe_that_is_gone_is_said(folder):
    (folder / "toy" / "recipe.toml").unlink()
    (toy,) = (run for run in report("runs", "list")["runs"] if run["name"] == "runs/toy")
    assert toy["status"] == "damaged" and "recipe.toml" in toy["problem"]


def test_a_folder_and_a_field_that_do_not_exist(folder):
    assert "the folder nowhere, got no such folder" in refused(call("runs", "list", "nowhere"))
    assert "--sort to be one of name, status" in refused(call("runs", "list", "--sort", "nast"))
    assert report("runs", "list", "runs/notes")["runs"] == []


def test_a_later_stage_that_was_killed_before_its_first_save_is_not_finished(folder):
    run = Run.open(folder / "toy")
    run.train_on({"steps": 9}, step=3, seconds=1.0)
    run.save_recipe()
    found = {run["name"]: run["status"] for run in report("runs", "list")["runs"]}
    assert found["runs/toy"] == "interrupted"
    assert report("train", "--resume", folder / "toy", "--device", "cpu")["was_finished"] is False
