"""What all tests share. Shapes in signatures are checked at run time, so the import hook comes before tensorar."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import pytest
import torch
from hypothesis import HealthCheck, Phase, settings

from tests import shape_checks

jaxtyping.install_import_hook(["tensorar", "tensorar_plugins"], f"{shape_checks.__name__}.check")
torch.set_num_threads(1)

settings.register_profile(
    "quick",
    derandomize=True,
    deadline=None,
    max_examples=15,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
)
settings.register_profile("thorough", settings.get_profile("quick"), derandomize=False, max_examples=300)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(autouse=True)
def _same_noise_every_time() -> None:
    """A test that draws without a generator draws the same whatever ran before it."""
    torch.manual_seed(0)


@pytest.fixture
def without_shape_checks() -> Iterator[None]:
    """What a user without the test tools sees: the library's own errors, not those of the import hook."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of downloaded datasets, for tests on real data."""
    folder = os.environ.get("TENSORAR_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("real data: set TENSORAR_DATA to the folder that holds the datasets")
    return Path(folder)
