"""Pictures of events of any shape: every function returns a matplotlib ``Figure``, and ``save`` writes it.

Matplotlib is imported here and nowhere else in ``tensorar``, and never ``pyplot``: drawing changes no global state.
"""

from tensorar.pictures.grid import event_grid, side_by_side
from tensorar.pictures.inpainting import inpainting
from tensorar.pictures.order import order_masks
from tensorar.pictures.posterior import PosteriorStep, posterior
from tensorar.pictures.probabilities import samples_with_probabilities
from tensorar.pictures.save import save
from tensorar.pictures.study import posterior_steps
from tensorar.pictures.training import curve_of_training
from tensorar.pictures.view import View, view_of

__all__ = [
    "PosteriorStep",
    "View",
    "curve_of_training",
    "event_grid",
    "inpainting",
    "order_masks",
    "posterior",
    "posterior_steps",
    "samples_with_probabilities",
    "save",
    "side_by_side",
    "view_of",
]
