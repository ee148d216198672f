"""A training that was interrupted, for tests that damage its files."""

import pytest

from tensorar import train
from tests.training.helpers import new_run


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    run = new_run(tmp_path_factory.mktemp("damage") / "run", steps=6, evaluate_every=2, minutes=60.0)
    with pytest.raises(KeyboardInterrupt):
        train(run, device="cpu", on_update=_stop)
    return run.folder


def _stop(update):
    if update.state.step == 5:
        raise KeyboardInterrupt


@pytest.fixture
def interrupted(trained, tmp_path):
    """The folder with a copy of an interrupted run."""
    for path in trained.rglob("*"):
        if path.is_file():
            copy = tmp_path / path.relative_to(trained)
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(path.read_bytes())
    return tmp_path
