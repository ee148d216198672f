"""Shapes: the exact likelihood against enumeration, colors, kinds."""

from __future__ import annotations

import itertools

import pytest
import torch

from tensorar import ShapeError, SpecError, load_dataset
from tensorar_plugins.datasets.coloring import in_random_colors
from tensorar_plugins.datasets.shape_figures import KINDS, variants
from tensorar_plugins.datasets.shapes import Shapes


def enumerated(size):
    """Every image, and its probability."""
    found = {}
    sides = range(size // 5, size * 3 // 5 + 1)
    for kind, height, width in itertools.product(KINDS, sides, sides):
        if kind == "rectangle" or height == width:
            looks = variants(kind, height, width)
            positions = list(itertools.product(range(size - height + 1), range(size - width + 1)))
            choices = 4 * len(looks) * len(positions) * len(sides) ** (2 if kind == "rectangle" else 1)
            for look, (top, left) in itertools.product(looks, positions):
                image = torch.zeros(1, size, size, dtype=torch.uint8)
                image[0, top : top + height, left : left + width] = torch.from_numpy(look)
                key = image.numpy().tobytes()
                found[key] = (image, found.get(key, (image, 0))[1] + 1 / choices)
    return torch.stack([image for image, _ in found.values()]), torch.tensor([p for _, p in found.values()])


@pytest.mark.parametrize("size", [5, 9])
def test_probabilities_are_those_of_all_images(size):
    images, p = enumerated(size)
    assert p.sum().item() == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close(Shapes(size=size).log_prob(images).exp().float(), p)


def test_images_that_are_no_shapes():
    shapes = Shapes(size=8)
    images = torch.stack([torch.zeros(8, 8), torch.ones(8, 8), 2 * shapes.test[0, 0], shapes.test[0, 0] / 2])
    images = torch.cat([images, torch.eye(8)[None], torch.full((1, 8, 8), torch.nan)])
    assert shapes.log_prob(images[:, None]).tolist() == [-torch.inf] * 6


def test_every_drawn_image_is_possible_and_seeds_matter():
    shapes = Shapes(size=7)
    assert all(shapes.log_prob(part).isfinite().all() for part in (shapes.train, shapes.valid, shapes.test))
    assert torch.equal(shapes.test, Shapes(size=7).test)
    assert not torch.equal(shapes.test, Shapes(size=7, seed=1).test)
    assert not torch.equal(shapes.train[:2000], shapes.valid)


def test_colors():
    bits, colored = Shapes(size=8), Shapes(size=8, colours=3)
    assert colored.event_shape == (8, 8, 3)
    assert colored.train.unique().tolist() == [0, 1, 2]
    pairs = torch.log(torch.tensor(27.0 * 26)).double()
    background = colored.test[:, [0, 0, -1, -1], [0, -1, 0, -1]].median(1).values[:, None, None]
    figures = (colored.test != background).any(-1)[:, None].byte()
    torch.testing.assert_close(colored.log_prob(colored.test), bits.log_prob(figures) - pairs)
    third = colored.test.clone()
    third[:, 0, 0] = (third[:, 0, 0] + 1) % 3
    assert colored.log_prob(third).isinf().float().mean() > 0.9
    assert colored.log_prob(colored.test[:2] + 3).tolist() == [-torch.inf] * 2


def test_all_pairs_of_two_colors_are_equally_likely():
    n = 20_000
    figure = torch.tensor([[[True, False]]]).expand(n, 1, 2)
    drawn = in_random_colors(figure, 2, torch.Generator().manual_seed(0)).flatten(1)
    pairs, counts = drawn.unique(dim=0, return_counts=True)
    assert len(pairs) == 56
    # five standard deviations of a count
    assert ((counts - n / 56).abs() < 5 * (n / 56) ** 0.5).all()


def test_kinds_are_contexts():
    shapes = load_dataset("shapes:labels=true,size=10")
    assert shapes.class_names == list(KINDS)
    assert shapes.log_prob(shapes.test) is None
    rectangles = shapes.test[shapes.contexts.test[:, 1] == 1, 0]
    boxes = rectangles.any(1).sum(1) * rectangles.any(2).sum(1)
    assert torch.equal(rectangles.flatten(1).sum(1), boxes)
    assert torch.equal(shapes.parse_context("cross"), torch.tensor([0.0, 0, 0, 1]))


def test_invalid_arguments():
    for spec in ("shapes:size=4", "shapes:size=1000", "shapes:colours=1", "shapes:colours=300"):
        with pytest.raises(SpecError, match=" to be from "):
            load_dataset(spec)
    with pytest.raises(ShapeError, match=r"\(1, 20, 20\)"):
        Shapes().log_prob(torch.zeros(1, 20, 20))
