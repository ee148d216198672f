"""The built-in parts: an ordinary plugin, found through the entry point and using only public names."""

from tensorar import hookimpl


@hookimpl
def tensorar_orderings():
    """Every built-in ordering."""
    from tensorar_plugins import orderings

    return orderings.ALL


@hookimpl
def tensorar_heads():
    """Every built-in head, the narrowest support first."""
    from tensorar_plugins import heads

    return heads.ALL


@hookimpl
def tensorar_backbones():
    """Every built-in backbone."""
    from tensorar_plugins import backbones

    return backbones.ALL


@hookimpl
def tensorar_datasets():
    """Every built-in dataset."""
    from tensorar_plugins import datasets

    return datasets.ALL


@hookimpl
def tensorar_recipes():
    """Every built-in recipe."""
    from tensorar_plugins import recipes

    return recipes.ALL
