from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tensorar import Order, RunError, ShapeError
from tensorar.plotting import PosteriorStep, frames_of, save_animation, view_of
from tensorar.plotting.animation import MAX_FRAMES, Frames
from tests.plotting.figure_helpers import draw, shapes


def step_of(event_shape, t, support=3, **others):
    order = Order.raster(event_shape)
    values = torch.arange(math.prod(event_shape)).reshape(event_shape).float()
    probabilities = torch.rand(support, generator=torch.Generator().manual_seed(t)) * 10.0 ** -min(t, 12)
    support = torch.arange(float(support))
    return PosteriorStep(order.mask_before(t), values, int(order.visits[t]), support, probabilities, **others)


@given(st.integers(1, 10_000))
def test_frames_are_few_distinct_and_cover_the_order(n):
    frames = frames_of(n)
    assert frames[0] == 0 and frames[-1] == n - 1 and len(frames) == min(n, MAX_FRAMES)
    gaps = {b - a for a, b in pairwise(frames)}
    assert not gaps or (min(gaps) >= 1 and max(gaps) - min(gaps) <= 1)


@settings(max_examples=5)
@given(shapes, st.booleans())
def test_events_of_any_shape(event_shape, density):
    size = math.prod(event_shape)
    steps = [step_of(event_shape, t, density=density, truth=1.0) for t in sorted({0, min(size // 2, 40)})]
    frames = Frames(steps)
    for k in range(len(steps)):
        frames.draw(k)
        draw(frames.figure)
    assert len(frames.axes) == 3
    assert view_of(event_shape).kind in ("curve", "number") or len(frames.axes[1].images) == 1


def test_only_the_content_moves():
    steps = [step_of((2, 3), t, support) for t, support in ((0, 3), (2, 9), (5, 2))]
    frames, seen = Frames(steps), []
    for k in range(3):
        frames.draw(k)
        draw(frames.figure)
        last = frames.axes[2]
        seen.append(([axes.get_position().bounds for axes in frames.axes], last.get_xlim(), last.get_ylim()))
        assert f"step {steps[k].mask.sum()}:" in frames.axes[0].get_title()
        assert len(frames.figure.legends) == 1
        assert len(last.patches) == len(steps[k].support), "earlier frames are erased"
    assert seen[0] == seen[1] == seen[2]
    assert seen[0][1][0] < -0.5 and seen[0][1][1] > 8.5, "every support fits"


def test_a_gif_with_a_frame_per_step(tmp_path):
    seen = []
    save_animation([step_of((3, 3), t) for t in (0, 4, 8)], tmp_path / "x.gif", lambda *done: seen.append(done))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    with Image.open(tmp_path / "x.gif") as animation:
        assert (animation.format, animation.n_frames, animation.info["loop"]) == ("GIF", 3, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["x.gif"]


def test_what_cannot_be_drawn_or_written_is_an_error(tmp_path):
    with pytest.raises(ShapeError, match="at least one step"):
        save_animation([], tmp_path / "x.gif")
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="file"):
        save_animation([step_of((2,), 0)], tmp_path / "file" / "x.gif")
