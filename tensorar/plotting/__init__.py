"""Pictures of events of any shape: every function returns a matplotlib ``Figure``, and ``save`` writes it.

Matplotlib is imported here and nowhere else in ``tensorar``, and never ``pyplot``: drawing changes no global state.
"""

from tensorar.plotting.grid import event_grid, side_by_side
from tensorar.plotting.inpainting import inpainting
from tensorar.plotting.order import order_masks
from tensorar.plotting.posterior import PosteriorStep, posterior
from tensorar.plotting.posterior_data import posterior_steps
from tensorar.plotting.probabilities import samples_with_probabilities
from tensorar.plotting.save import save
from tensorar.plotting.training import curve_of_training
from tensorar.plotting.view import View, view_of

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
