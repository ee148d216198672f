"""Rows of metrics, and helpers for the files of a run."""

import tomli_w

from tensorar import Run, train
from tensorar.runs.recipe import recipe_document
from tensorar.runs.recipe_checksum import with_checksum
from tensorar.runs.tensors import read_tensors, write_tensors
from tests.training.helpers import registry


def metrics_row(step, **changed):
    """What an evaluation writes."""
    row = {"step": step, "seconds": 0.5, "train_nats": 9.0, "valid_nats": 10.0 / step, "valid_bits_per_dim": 1.5}
    row |= {"valid_perplexity": 2.5, "valid_exact": True, "valid_data_nats": None, "learning_rate": 1e-3}
    return row | changed


def opened(folder):
    return Run.open(folder, registry=registry())


def resume(folder):
    train(opened(folder), resume=True, device="cpu")


def rewritten(path, change):
    """A file of tensors with a change and the right checksum."""
    tensors, metadata = read_tensors(path)
    change(tensors, metadata)
    write_tensors(path, tensors, metadata)


def write_recipe(folder, recipe, provenance, registry):
    """A run's recipe with the right checksum."""
    document = with_checksum(recipe_document(recipe, provenance), registry)
    (folder / "recipe.toml").write_text(tomli_w.dumps(document))
