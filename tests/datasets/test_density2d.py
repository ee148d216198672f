"""Densities of pictures: of the built-in one, and of the user's."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from PIL import Image

from tensorar import Evidence, ShapeError, SpecError, SupportError, load_dataset
from tensorar_plugins.datasets.density2d import Density2d
from tests.datasets.data_errors import check_error


@pytest.fixture
def picture(tmp_path):
    gray = np.array([[0, 10], [30, 60]], dtype=np.uint8)
    Image.fromarray(gray).save(tmp_path / "picture.png")
    return f"density2d:levels=2,path={tmp_path / 'picture.png'}"


def test_brightness_is_density(picture):
    data = load_dataset(picture)
    torch.testing.assert_close(data.probabilities, torch.tensor([[0, 0.1], [0.3, 0.6]], dtype=torch.float64))
    points, counts = data.train.unique(dim=0, return_counts=True)
    assert points.tolist() == [[0, 1], [1, 0], [1, 1]]
    torch.testing.assert_close(counts / counts.sum(), torch.tensor([0.1, 0.3, 0.6]), rtol=0, atol=0.01)


def test_conditionals(picture):
    data = load_dataset(picture)
    nothing = data.conditional(Evidence.none(1, (2,))).probs
    torch.testing.assert_close(nothing, torch.tensor([[0.1, 0.9]], dtype=torch.float64))
    rows = Evidence(torch.tensor([[True, False]] * 2), torch.tensor([[0.0, 0], [1.0, 0]]))
    given = data.conditional(rows).probs
    torch.testing.assert_close(given, torch.tensor([[0, 1], [1 / 3, 2 / 3]], dtype=torch.float64))


def test_the_built_in_picture_is_normalized():
    data = Density2d(levels=25)
    points = torch.tensor(list(itertools.product(range(25), repeat=2)))
    assert data.log_prob(points).exp().sum().item() == pytest.approx(1, abs=1e-12)
    assert data.log_prob(data.test).isfinite().all()
    assert data.log_prob(torch.tensor([[0, 0], [-1, 3], [25, 3]])).tolist() == [-torch.inf] * 3
    assert data.log_prob(torch.tensor([[12.5, 3], [torch.nan, 3]])).tolist() == [-torch.inf] * 2


def test_invalid_arguments(tmp_path):
    data = Density2d(levels=25)
    with pytest.raises(SupportError, match="probability 0"):
        data.conditional(Evidence(torch.tensor([[True, False]]), torch.zeros(1, 2)))
    with pytest.raises(ShapeError, match="unknown column"):
        data.conditional(Evidence(torch.tensor([[False, True]]), torch.ones(1, 2)))
    with pytest.raises(ShapeError, match=r"\(2,\)"):
        data.log_prob(torch.zeros(1, 3))
    with pytest.raises(SpecError, match="from 2 to 1024"):
        load_dataset("density2d:levels=1")
    Image.new("L", (5, 5)).save(tmp_path / "black.png")
    check_error(lambda: load_dataset(f"density2d:path={tmp_path / 'black.png'}").train, "black picture")
    check_error(lambda: load_dataset(f"density2d:path={tmp_path / 'none.png'}").train, "none.png")
