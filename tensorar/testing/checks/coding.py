"""Lossless coding with a head: what is encoded comes back, at the size that the likelihood promises."""

from __future__ import annotations

from contextlib import suppress

import torch
from torch import Tensor

from tensorar.coding.alphabet import Alphabet
from tensorar.coding.alphabets import LevelAlphabet, alphabet_of
from tensorar.coding.streams import SymbolReader, SymbolWriter, load_constriction
from tensorar.errors import SpecError, TensorarError
from tensorar.head import Head
from tensorar.testing.generate.head_inputs import Parameters, conditional, extremes
from tensorar.testing.generate.head_options import small_and_default
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped
from tensorar.utils.random_state import seed_all

# parameters of standard deviation 3 give narrow and wide distributions
SPREADS = (0.3, 3.0)
EXAMPLES = 40
# nats for each value; counts outside a window of likely ones take more
TOLERANCE = 1e-4


@check("head", by_kind=True)
def coded_values_come_back(part: PartUnderTest) -> None:
    """Values of whole numbers that are coded come back, likely and extreme ones, in ``-log_prob`` nats."""
    variants = [variant for variant in small_and_default(part) if _can_be_coded(variant.head)]
    if not variants:
        raise CheckSkipped("values of this head have no code: they are not whole numbers, or too many")
    for variant in variants:
        for seed, spread in enumerate(SPREADS):
            try:
                _require_values(variant.head, Parameters(spread, seed, torch.float64))
            except CheckFailed as failed:
                where = f"({variant.description}, parameters of standard deviation {spread:g})"
                raise CheckFailed(f"{failed} {where}") from None


# --- helpers ---------------------------------------------------------------------------------------------------------


def _can_be_coded(head: Head) -> bool:
    try:
        load_constriction()
    except TensorarError as missing:
        raise CheckSkipped(str(missing)) from missing
    with suppress(SpecError):
        return bool(alphabet_of(head))
    return False


def _require_values(head: Head, drawn: Parameters) -> None:
    """Require that samples, and then extreme values, come back; samples at the size of their likelihood."""
    alphabet = alphabet_of(head)
    parameters = drawn.of(head, min(EXAMPLES, alphabet.rows))
    seed_all(0)
    samples = conditional(head, parameters).sample()
    nats, expected = _coded(head, alphabet, parameters, samples), conditional(head, parameters).log_prob(samples)
    excess, allowed = nats + float(expected.sum()), TOLERANCE * len(samples)
    # counts outside of the window of likely ones take more
    if excess < -allowed or (isinstance(alphabet, LevelAlphabet) and excess > allowed):
        raise CheckFailed(f"{len(samples)} samples take {nats:.6g} nats, by log_prob {nats - excess:.6g}")
    ends = extremes(head)
    _coded(head, alphabet, parameters, ends[torch.arange(len(parameters)) % len(ends)])


def _coded(head: Head, alphabet: Alphabet, parameters: Tensor, values: Tensor) -> float:
    """Code a value of each example; the distribution is asked for twice, as by encoder and decoder. Returns nats."""
    writer = SymbolWriter()
    alphabet.code(writer, conditional(head, parameters), values.long().numpy())
    found = torch.from_numpy(alphabet.code(SymbolReader(writer.content()), conditional(head, parameters), None))
    wrong = (found != values.long()).nonzero()[:, 0]
    if len(wrong):
        first = int(wrong[0])
        raise CheckFailed(f"the value {values[first].item():g} was decoded as {found[first].item()}")
    return writer.nats
