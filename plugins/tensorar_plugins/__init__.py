"""The built-in parts: an ordinary plugin, found through the entry point and using only public names."""

from tensorar import Backbone, Dataset, Head, Ordering, Recipe, hookimpl


@hookimpl
def tensorar_orderings() -> list[type[Ordering]]:
    """All built-in orderings."""
    from tensorar_plugins import orderings

    return orderings.ALL


@hookimpl
def tensorar_heads() -> list[type[Head]]:
    """All built-in heads, those with the narrowest support first."""
    from tensorar_plugins import heads

    return heads.ALL


@hookimpl
def tensorar_backbones() -> list[type[Backbone]]:
    """All built-in backbones."""
    from tensorar_plugins import backbones

    return backbones.ALL


@hookimpl
def tensorar_datasets() -> list[type[Dataset]]:
    """All built-in datasets."""
    from tensorar_plugins import datasets

    return datasets.ALL


@hookimpl
def tensorar_recipes() -> list[Recipe]:
    """All built-in recipes."""
    from tensorar_plugins import recipes

    return recipes.ALL
