"""Names of files and folders that no dataset takes as they are: the error says which one reads them, and how."""

import numpy as np
import pytest

from tensorar import DataError, SpecError, load_dataset
from tensorar.tables.lines import marked_lines, within_quotes
from tensorar_plugins.datasets.sound_files import wav


@pytest.mark.parametrize("ending", ["json", "jsonl", "xls", "ods", "xml"])
def test_a_table_of_another_kind_names_those_that_are_read(tmp_path, ending):
    path = tmp_path / f"x.{ending}"
    path.write_text('[{"a": 1}, {"a": 2}]\n' * 3)
    with pytest.raises(DataError, match=rf"\.csv, \.tsv.*\.parquet.*\.xlsx.*got a file that ends in \.{ending}"):
        load_dataset(f"table:path={path}").splits  # noqa: B018


def test_an_empty_table_names_the_kinds_too(tmp_path):
    (tmp_path / "x.csv").write_text("")
    with pytest.raises(DataError, match=r"got none; pass a table with a row per event: .*\.csv.*\.xlsx"):
        load_dataset(f"table:path={tmp_path / 'x.csv'}").splits  # noqa: B018


def test_a_folder_of_arrays_is_read_by_two_datasets(tmp_path):
    for name in ("a", "b", "c"):
        np.save(tmp_path / f"{name}.npy", np.zeros((4, 3, 2), np.uint8))
    with pytest.raises(SpecError) as raised:
        load_dataset(str(tmp_path))
    remedy = raised.value.remedy
    for spec, count, shape in ((f"npy:path={tmp_path}", 12, (3, 2)), (f"volumes:path={tmp_path}", 3, (4, 3, 2))):
        assert spec in remedy
        splits = load_dataset(spec).splits
        assert sum(len(part) for part in (splits.train, splits.valid, splits.test)) == count
        assert tuple(splits.train.shape[1:]) == shape


def test_a_folder_of_nothing_known_is_refused(tmp_path):
    (tmp_path / "x.bin").write_bytes(b"x")
    with pytest.raises(SpecError, match=r"write NAME:path=FOLDER"):
        load_dataset(str(tmp_path))


def test_quotes_are_followed_from_line_to_line():
    lines = ['a,"b\n', "# still b\n", '",c\n', '# a "comment\n', "d,e\n"]
    assert within_quotes(lines) == [False, True, True, False, True]
    assert within_quotes(lines, comments=True) == [False, True, True, False, False]
    assert marked_lines(lines) == [3]


def folder_of_volumes(folder, count):
    for k in range(count):
        np.save(folder / f"{k:02}.npy", np.full((2, 3, 4), k, np.uint8))


def folder_of_sounds(folder, count):
    for k in range(count):
        (folder / f"{k:02}.wav").write_bytes(wav(np.arange(k, 40 + k, dtype=np.uint8), 8000))


FOLDERS = {
    "volumes:path={}": (folder_of_volumes, "npy"),
    "audio:path={},window=8": (folder_of_sounds, "wav"),
}


@pytest.mark.parametrize("content", [b"", b"no such file"])
@pytest.mark.parametrize("spec", FOLDERS)
def test_a_file_that_does_not_open_is_skipped_and_named(tmp_path, spec, content):
    fill, ending = FOLDERS[spec]
    fill(tmp_path, 40)
    whole = load_dataset(spec.format(tmp_path))
    assert not any("skipped" in note for note in whole.notes)
    # the first one, whose shape and rate are those of the others
    for name in ("00", "17"):
        (tmp_path / f"{name}.{ending}").write_bytes(content)
    dataset = load_dataset(spec.format(tmp_path))
    assert dataset.event_shape == whole.event_shape
    (note,) = [note for note in dataset.notes if "skipped" in note]
    assert note.startswith("skipped 2 of 40") and f"00.{ending}: " in note and f"17.{ending}: " in note
    assert dataset.event_file(dataset.train[0])


@pytest.mark.parametrize("spec", FOLDERS)
def test_more_than_a_share_is_refused(tmp_path, spec):
    fill, ending = FOLDERS[spec]
    fill(tmp_path, 40)
    for name in ("00", "17", "25"):
        (tmp_path / f"{name}.{ending}").write_bytes(b"")
    with pytest.raises(DataError, match=r"at most 5 % of the 40 .* got 3 of 40 .* or set max_skipped=0\.0[89]"):
        load_dataset(spec.format(tmp_path)).splits  # noqa: B018
    assert load_dataset(spec.format(tmp_path) + ",max_skipped=0.09").event_shape
    with pytest.raises(SpecError, match="max_skipped"):
        load_dataset(spec.format(tmp_path) + ",max_skipped=2")


@pytest.mark.parametrize("spec", FOLDERS)
def test_files_none_of_which_opens_are_refused_whatever_the_share(tmp_path, spec):
    fill, _ = FOLDERS[spec]
    fill(tmp_path, 3)
    for file in tmp_path.iterdir():
        file.write_bytes(b"")
    with pytest.raises(DataError, match=r"got 3 of 3 .* that do not open"):
        load_dataset(spec.format(tmp_path) + ",max_skipped=1").splits  # noqa: B018
