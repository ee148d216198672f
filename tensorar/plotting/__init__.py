"""Figures of events of any shape: every function returns a matplotlib ``Figure``, and ``save`` writes it.

Only this package imports matplotlib, and never ``pyplot``: drawing changes no global state.
"""

from tensorar.plotting.animation import frames_of, save_animation
from tensorar.plotting.class_rows import class_rows
from tensorar.plotting.conditional_means import samples_with_means
from tensorar.plotting.confusion import confusion_matrix
from tensorar.plotting.fan import fan_chart
from tensorar.plotting.grid import event_grid, side_by_side
from tensorar.plotting.inpainting import inpainting
from tensorar.plotting.order import order_masks
from tensorar.plotting.order_animation import save_order_animation
from tensorar.plotting.pixels import event_png, picture_limits
from tensorar.plotting.posterior import PosteriorStep, posterior
from tensorar.plotting.posterior_data import posterior_steps, visited_steps
from tensorar.plotting.receptive_field import receptive_field
from tensorar.plotting.save import save
from tensorar.plotting.stepping_page import page_steps, save_walk_page, walk_page
from tensorar.plotting.training import training_curve
from tensorar.plotting.uncertainty import uncertainty
from tensorar.plotting.view import View, view_of

__all__ = [
    "PosteriorStep",
    "View",
    "class_rows",
    "confusion_matrix",
    "event_grid",
    "event_png",
    "fan_chart",
    "frames_of",
    "inpainting",
    "order_masks",
    "page_steps",
    "picture_limits",
    "posterior",
    "posterior_steps",
    "receptive_field",
    "samples_with_means",
    "save",
    "save_animation",
    "save_order_animation",
    "save_walk_page",
    "side_by_side",
    "training_curve",
    "uncertainty",
    "view_of",
    "visited_steps",
    "walk_page",
]
