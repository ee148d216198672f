"""Tables of many levels: short ones for the digits of each, which multiply to the probability of the level."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tensorar import default_registry
from tensorar.coding.alphabets import ENTRIES_OF_TWO, MANY_LEVELS, alphabet_of
from tensorar.coding.streams import SymbolReader, SymbolStream, SymbolWriter


class Recorded(SymbolStream):
    """Keeps the probability of each symbol, and the number of entries of the tables."""

    def __init__(self):
        super().__init__()
        self.log_prob, self.entries = 0.0, 0

    def code(self, symbols, probabilities):
        np.testing.assert_array_less(symbols, probabilities.shape[1])
        given = probabilities[np.arange(len(symbols)), symbols]
        self.log_prob = self.log_prob + np.log(given / probabilities.sum(1))
        self.entries += probabilities.shape[1]
        return symbols

    def code_uniform(self, number, count):
        raise AssertionError("levels have no other numbers")


def distributions(levels, n, spread=1.0, same=False):
    head = default_registry().create("head", f"logistic_mixture:levels={levels},components=3")
    parameters = spread * torch.randn(n, 9, generator=torch.Generator().manual_seed(levels), dtype=torch.float64)
    return alphabet_of(head), head.distribution(parameters[:1].expand(n, 9) if same else parameters, torch.tensor(0))


@pytest.mark.parametrize("levels", [MANY_LEVELS, 100, 256, 257, 1000, 2000])
def test_short_tables_multiply_to_the_probability_of_every_level(levels):
    alphabet, same = distributions(levels, levels, same=True)
    every = torch.arange(levels)
    expected, found = same.log_prob(every.double()), Recorded()
    assert np.array_equal(alphabet.code(found, same, every.numpy()), every.numpy())
    np.testing.assert_allclose(found.log_prob, expected.numpy(), rtol=0, atol=1e-8)
    digits = 2 if levels * levels**0.5 <= ENTRIES_OF_TWO else 3
    assert found.entries <= digits * (round(levels ** (1 / digits), 9) + 1)


@pytest.mark.parametrize(("levels", "n"), [(256, 3), (256, 300), (100, 3)])
def test_the_lowest_level_of_all_examples_takes_one_short_table(levels, n):
    alphabet, distribution = distributions(levels, n)
    lowest, one_higher = np.zeros(n, np.int64), np.arange(n) // (n - 1)
    few, more = Recorded(), Recorded()
    for found, values in ((few, lowest), (more, one_higher)):
        assert np.array_equal(alphabet.code(found, distribution, values), values)
        expected = distribution.log_prob(torch.from_numpy(values).double()).numpy()
        np.testing.assert_allclose(found.log_prob, expected, rtol=0, atol=1e-8)
    assert few.entries < more.entries


def test_few_levels_and_distributions_without_a_cdf_have_one_table():
    for levels, head in ((MANY_LEVELS - 1, "logistic_mixture"), (256, "categorical")):
        made = default_registry().create("head", f"{head}:levels={levels}")
        parameters, found = torch.zeros(2, made.parameter_count, dtype=torch.float64), Recorded()
        alphabet_of(made).code(found, made.distribution(parameters, torch.tensor(0)), np.array([0, levels - 1]))
        assert found.entries == levels


@pytest.mark.parametrize("levels", [100, 256])
def test_levels_without_any_probability_have_a_code(levels):
    alphabet, narrow = distributions(levels, 40, spread=8.0)
    far = np.where(narrow.mean.numpy() < levels / 2, levels - 1, 0)
    assert narrow.log_prob(torch.from_numpy(far)).min() < -500
    writer = SymbolWriter()
    alphabet.code(writer, narrow, far)
    assert np.array_equal(alphabet.code(SymbolReader(writer.content()), narrow, None), far)
