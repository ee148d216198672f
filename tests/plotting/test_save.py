from __future__ import annotations

import subprocess
import sys

import pytest
from matplotlib.figure import Figure

from tensorar import RunError
from tensorar.plotting import event_grid, save
from tensorar.plotting.save import save_gif
from tests.plotting.figure_helpers import counting

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def figure():
    return event_grid(counting(1, (2, 2)))


def test_figures_are_png_files_whatever_their_names(figure, tmp_path):
    for name in ("picture.png", "picture", "picture.jpg"):
        save(figure, tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(PNG)
    assert len(list(tmp_path.iterdir())) == 3


def test_the_same_figure_gives_the_same_bytes(figure, tmp_path):
    save(figure, str(tmp_path / "a.png"))
    save(figure, str(tmp_path / "b.png"))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_missing_folder_is_created(figure, tmp_path):
    save(figure, tmp_path / "missing" / "picture.png")
    assert (tmp_path / "missing" / "picture.png").read_bytes().startswith(PNG)


def test_a_file_where_the_folder_should_be_is_an_error(figure, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="expected to write"):
        save(figure, tmp_path / "file" / "picture.png")


def test_a_folder_in_the_way_is_an_error_and_nothing_is_left(figure, tmp_path):
    (tmp_path / "picture.png").mkdir()
    with pytest.raises(RunError):
        save(figure, tmp_path / "picture.png")
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]


@pytest.mark.parametrize("failing", ["os.fsync", "pathlib.Path.replace"])
def test_a_failure_to_write_keeps_the_old_file(figure, tmp_path, monkeypatch, failing):
    def full_disk(*_):
        raise OSError(28, "No space left on device")

    path = tmp_path / "picture.png"
    path.write_bytes(b"old")
    monkeypatch.setattr(failing, full_disk)
    with pytest.raises(RunError, match="No space left"):
        save(figure, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_to_draw_writes_nothing(tmp_path):
    figure = Figure()
    figure.text(0, 0, r"$\nonsense$")
    with pytest.raises(ValueError):
        save(figure, tmp_path / "picture.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [ValueError("no such frame"), KeyboardInterrupt()])
@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_in_a_frame_is_the_error_and_writes_nothing(figure, tmp_path, failing, error):
    def draw(k):
        if k == failing:
            raise error

    with pytest.raises(type(error)):
        save_gif(figure, draw, 2, tmp_path / "x.gif", fps=6, dpi=50)
    assert not list(tmp_path.iterdir())


def test_drawing_never_imports_pyplot():
    code = "import sys, tensorar.plotting; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
