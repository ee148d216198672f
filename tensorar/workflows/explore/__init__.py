"""Questions to a run's model about evidence that somebody paints: what ``tensorar serve`` answers."""

from tensorar.workflows.explore.completing import Completed
from tensorar.workflows.explore.describe import RunView
from tensorar.workflows.explore.explorer import Explorer
from tensorar.workflows.explore.predicting import Predictive
from tensorar.workflows.explore.question import Question
from tensorar.workflows.explore.shelf import Shelf

__all__ = ["Completed", "Explorer", "Predictive", "Question", "RunView", "Shelf"]
