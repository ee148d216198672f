"""Recipes: the experiments of the lecture and of the papers, each one command."""

from __future__ import annotations

from tensorar import PartSpec, Recipe, TrainingSettings


def _recipe(name, description, *, dataset, head, backbone, ordering="raster", **training):
    parts = {"dataset": dataset, "ordering": ordering, "head": head, "backbone": backbone}
    specs = {kind: PartSpec.parse(spec) for kind, spec in parts.items()}
    return Recipe(name=name, description=description, training=TrainingSettings(**training), **specs)


ALL = [
    _recipe(
        "toy-convnet",
        "The lecture's toy sequences with its convnet: minutes on a laptop.",
        dataset="toy",
        head="categorical:levels=64",
        backbone="convnet",
        minutes=2.0,
        batch_size=250,
        learning_rate=1e-2,
    ),
    _recipe(
        "mnist-convnet",
        "MNIST in 256 grey levels with the lecture's convnet.",
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
        "Caltech-101 silhouettes, 16 x 16, with the same; reads caltech_silhouettes_16.npz in $TENSORAR_DATA.",
        dataset="npz:path=$TENSORAR_DATA/caltech_silhouettes/caltech_silhouettes_16.npz,packed=true",
        head="bernoulli",
        backbone="fvsbn",
        epochs=50.0,
        learning_rate=1e-2,
        weight_decay=0.0,
        evaluate_every=200,
        valid_events=10_000,
    ),
]
