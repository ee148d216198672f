"""Recipes: experiments of the lecture and of papers, one command each."""

from __future__ import annotations

from typing import Any

from tensorar import PartSpec, Recipe, TrainingSettings


def _recipe(
    name: str, description: str, *, dataset: str, head: str, backbone: str, ordering: str = "raster", **training: Any
) -> Recipe:
    parts = {"dataset": dataset, "ordering": ordering, "head": head, "backbone": backbone}
    specs = {kind: PartSpec.parse(spec) for kind, spec in parts.items()}
    return Recipe(name=name, description=description, training=TrainingSettings(**training), **specs)


def _toy(name: str, backbone: str, *, minutes: float = 2.0, **training: Any) -> Recipe:
    """The toy with another network in the same time; the levels are encoded one-hot."""
    settings: dict[str, Any] = {"batch_size": 64, "learning_rate": 2e-3, "ema": 0.99} | training
    return _recipe(
        f"toy-{name}",
        f"The lecture's toy sequences with {backbone}.",
        dataset="toy",
        head="categorical:levels=64,one_hot=true",
        backbone=backbone,
        minutes=minutes,
        **settings,
    )


ALL: list[Recipe] = [
    _recipe(
        "toy-convnet",
        "The lecture's toy sequences with its convnet: two minutes on a laptop.",
        dataset="toy",
        head="categorical:levels=64",
        backbone="convnet",
        minutes=2.0,
        batch_size=250,
        learning_rate=1e-2,
    ),
    _recipe(
        "mnist-convnet",
        "MNIST in 256 gray levels with the lecture's convnet.",
        dataset="mnist",
        head="categorical:levels=256",
        backbone="convnet",
        minutes=20.0,
        batch_size=100,
        learning_rate=2e-3,
    ),
    _recipe(
        "mnist-fvsbn",
        "Static binarized MNIST with the fully visible sigmoid belief network.",
        dataset="mnist:binarize=static",
        head="bernoulli",
        backbone="fvsbn",
        epochs=10.0,
        learning_rate=1e-2,
        weight_decay=0.0,
        evaluate_every=1000,
        valid_events=10_000,
    ),
    _recipe(
        "caltech16-fvsbn",
        "Caltech-101 silhouettes, 16 x 16, with the FVSBN, from $TENSORAR_DATA/caltech_silhouettes.",
        dataset="npz:path=$TENSORAR_DATA/caltech_silhouettes/caltech_silhouettes_16.npz,packed=true",
        head="bernoulli",
        backbone="fvsbn",
        epochs=50.0,
        learning_rate=1e-2,
        weight_decay=0.0,
        evaluate_every=200,
        valid_events=10_000,
    ),
    _toy("rnn", "rnn:layers=1", minutes=10.0, learning_rate=1e-2),
    _toy("transformer", "transformer:channels=64,layers=3", learning_rate=5e-3),
    _toy("gated-pixelcnn", "gated_pixelcnn:channels=64,layers=8"),
    _toy("pixelcnn", "pixelcnn:channels=128,blocks=6"),
    _toy("diagonal-bilstm", "diagonal_bilstm:channels=64,layers=2", learning_rate=5e-3),
    _toy("row-lstm", "row_lstm:channels=64,layers=2", learning_rate=5e-3),
    _toy("nade", "nade"),
    _toy("made", "made:hidden=1000"),
    _toy("fvsbn", "fvsbn", learning_rate=1e-2),
    _toy("mlp", "mlp:hidden=1024", batch_size=250),
    _toy("unet", "unet", batch_size=250),
]
