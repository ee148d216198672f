"""A step in several passes is the step of the whole batch."""

import pytest
import torch

from tensorar import SpecError, TrainingSettings, train
from tensorar.runs.tensors import read_tensors

from .helpers import new_run


@pytest.fixture
def in_float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


# passes of equal size, of others, and of one event each
@pytest.mark.parametrize("accumulate", [2, 5, 40])
def test_passes_add_up_to_the_batch(tmp_path, in_float64, accumulate):
    found = []
    for passes in (1, accumulate):
        run = new_run(tmp_path / f"{passes}", backbone="made:hidden=8", accumulate=passes)
        train(run, device="cpu")
        found.append((read_tensors(run.folder / "model.safetensors")[0], run.metrics()))
    (whole, rows), (parts, others) = found
    assert whole.keys() == parts.keys()
    for name in whole:
        assert whole[name].dtype == torch.float64
        torch.testing.assert_close(parts[name], whole[name], rtol=1e-9, atol=1e-11)
    for row, other in zip(rows, others, strict=True):
        assert other["train_nats"] == pytest.approx(row["train_nats"], rel=1e-11)


def test_passes_are_counted_in_whole_numbers():
    with pytest.raises(SpecError, match="accumulate"):
        TrainingSettings(accumulate=0)
