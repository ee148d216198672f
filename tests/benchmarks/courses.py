"""The tables of docs/courses.md: the tasks of courses, and the rows that do them."""

from __future__ import annotations

from rows import ours

from tensorar import Recipe, default_registry

COLUMNS = ("task", "row", "theirs", "ours", "training", "machine")
COURSES: dict[str, dict[str, str]] = {
    "Fleuret": {
        "toy sequences, the lecture's convnet": "toy-convnet",
        "toy sequences, a recurrent network": "toy-rnn",
        "MNIST in 256 gray levels, the lecture's convnet": "mnist-convnet",
    },
    "CS294-158": {
        "1a: a histogram": "cs294-histogram",
        "1b: a mixture of logistics": "cs294-logistics",
        "2a: points of a picture": "cs294-density",
        "2b: MADE, shapes": "cs294-shapes-made",
        "2b: MADE, MNIST": "cs294-made",
        "3a: PixelCNN, shapes": "cs294-shapes-pixelcnn",
        "3a: PixelCNN, MNIST": "cs294-pixelcnn",
        "3c: shapes in colors": "cs294-shapes-colours",
        "3c: MNIST in colors": "cs294-colour",
        "3d: MNIST given the digit": "cs294-class-conditional",
    },
    "UvA": {"gated PixelCNN, MNIST in 256 gray levels": "mnist-grey-gated-pixelcnn"},
    "CS236": {
        "FVSBN": "mnist-fvsbn",
        "NADE": "mnist-nade",
        "RNADE, red wine": "wine-red",
        "MADE": "mnist-made",
        "PixelCNN": "mnist-pixelcnn",
    },
}


def course_table(course: str) -> str:
    """The tasks of a course: the published figure, and the recorded one."""
    parts = default_registry().parts("recipe")
    rows = [_row(task, parts[name].part) for task, name in COURSES[course].items()]
    return "\n".join([f"| {' | '.join(COLUMNS)} |", f"|{' --- |' * len(COLUMNS)}", *rows])


def _row(task: str, recipe: Recipe) -> str:
    assert recipe.row is not None
    theirs = "" if recipe.row.theirs is None else f"{recipe.row.theirs:g} {recipe.row.unit}"
    figure, training, machine, _ = ours(recipe)
    return f"| {task} | `{recipe.name}` | {theirs} | {figure} | {training} | {machine} |"
