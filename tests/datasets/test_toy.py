"""The toy: its exact likelihood against enumeration and its own conditionals, and its entropy."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import Evidence, ShapeError, SpecError, SupportError, load_dataset
from tensorar_plugins.datasets.toy import Toy


def every_sequence(length):
    return torch.tensor(list(itertools.product(range(2 * length), repeat=length)))


def straight_parts(length):
    """Every part of that length relative to its start, with its exact probability: slopes between adjacent jumps."""
    jumps = {Fraction(rise, k) for k in range(1, length) for rise in range(-k, k + 1)} | {Fraction(-1), Fraction(1)}
    for low, high in itertools.pairwise(sorted(jumps)):
        yield tuple((k * (low + high) / 2).__floor__() for k in range(length)), (high - low) / 2


def enumerated(length):
    """Every possible sequence, with its probability as a fraction."""
    found = {}
    for cut in range(length):
        firsts = list(straight_parts(cut)) if cut else [((), Fraction(1))]
        for (first, p), (second, q) in itertools.product(firsts, straight_parts(length - cut)):
            x = tuple(length + rise for rise in first + second)
            found[x] = found.get(x, 0) + p * q / length
    return found


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5])
def test_probabilities_sum_to_one(length):
    log_prob = Toy(length=length).log_prob(every_sequence(length))
    assert log_prob.dtype == torch.float64
    assert abs(log_prob.exp().sum().item() - 1) < 1e-12


@pytest.mark.parametrize("length", [1, 2, 5, 9])
def test_probabilities_are_those_of_exact_fractions(length):
    exact = enumerated(length)
    assert sum(exact.values()) == 1
    p = Toy(length=length).log_prob(torch.tensor(list(exact))).exp()
    torch.testing.assert_close(
        p, torch.tensor([float(q) for q in exact.values()], dtype=torch.float64), rtol=1e-12, atol=0
    )


def test_impossible_sequences_have_no_probability():
    sequences = every_sequence(4)
    possible = Toy(length=4).log_prob(sequences) > -torch.inf
    assert {tuple(x) for x in sequences[possible].tolist()} == set(enumerated(4))


def test_probabilities_match_the_frequencies_of_a_large_sample():
    toy, n = Toy(length=4), 200_000
    drawn, count = toy.simulate(n, torch.Generator().manual_seed(3)).unique(dim=0, return_counts=True)
    p = toy.log_prob(drawn).exp()
    # five standard deviations of a count
    assert ((count - n * p).abs() < 5 * (n * p * (1 - p)).sqrt()).all()
    assert len(drawn) == len(enumerated(4))


def test_the_chain_rule_over_the_conditionals_is_the_likelihood():
    toy = Toy(length=12)
    x = toy.test[:200]
    known = torch.arange(12)
    terms = [toy.conditional(Evidence((known < n).expand(200, 12), x)).log_prob(x[:, n].double()) for n in range(12)]
    torch.testing.assert_close(torch.stack(terms).sum(0), toy.log_prob(x), rtol=0, atol=1e-12)


def test_evidence_may_be_longer_in_some_examples():
    toy = Toy(length=6)
    x = toy.test[:6]
    mask = torch.arange(6) < torch.arange(6)[:, None]
    together = toy.conditional(Evidence(mask, x)).probs
    alone = [toy.conditional(Evidence(mask[i : i + 1], x[i : i + 1])).probs for i in range(6)]
    assert together.shape == (6, 12)
    torch.testing.assert_close(together, torch.cat(alone))


def test_large_batches_are_processed_in_chunks(monkeypatch):
    toy, x = Toy(length=8), Toy(length=8).test[:50]
    evidence = Evidence((torch.arange(8) < 5).expand(50, 8), x)
    whole = toy.log_prob(x), toy.conditional(evidence).probs
    monkeypatch.setattr("tensorar_plugins.datasets.toy.MAX_ELEMENTS_PER_CALL", 7 * 64)
    assert torch.equal(toy.log_prob(x), whole[0])
    assert torch.equal(toy.conditional(evidence).probs, whole[1])


def test_entropy_of_the_default_length():
    # the mean over 10000 test sequences has a standard error of 0.015 around the exact 11.9537 (test below)
    toy = Toy()
    assert -toy.log_prob(toy.test).mean().item() == pytest.approx(11.9537, abs=0.06)


@pytest.mark.slow
def test_entropy_of_the_default_length_exactly():
    rises = {n: [np.array(a) for a in zip(*straight_parts(n), strict=True)] for n in range(1, 33)}
    rises[0] = [np.zeros((1, 0), int), np.ones(1)]
    rows = []
    for cut in range(32):
        (first, _), (second, _) = rises[cut], rises[32 - cut]
        rows.append(np.hstack([np.repeat(first, len(second), 0), np.tile(second, (len(first), 1))]).astype(np.int8))
    sequences = np.unique(np.ascontiguousarray(np.concatenate(rows)).view("V32"))
    x = 32 + torch.from_numpy(sequences.view(np.int8).reshape(-1, 32).astype(np.int64))
    log_prob = torch.cat([Toy().log_prob(some) for some in x.split(20_000)])
    assert len(x) == 357_502
    assert log_prob.exp().sum().item() == pytest.approx(1, abs=1e-12)
    assert -(log_prob.exp() * log_prob).sum().item() == pytest.approx(11.9537, abs=1e-4)


@given(length=st.integers(1, 40), seed=st.integers(0, 2**40))
def test_every_sequence_starts_at_t_and_stays_in_range(length, seed):
    x = Toy(length=length).simulate(50, torch.Generator().manual_seed(seed))
    assert (x[:, 0] == length).all()
    assert x.min() >= 0
    assert x.max() <= 2 * length - 1
    assert Toy(length=length).log_prob(x).isfinite().all()


def test_simulated_sequences_depend_on_the_generator():
    def draw(seed):
        return Toy().simulate(20, torch.Generator().manual_seed(seed))

    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))


def test_splits_depend_on_the_seed_and_differ():
    a, b, c = Toy(), Toy(), Toy(seed=1)
    assert torch.equal(a.test, b.test)
    assert torch.equal(a.valid, b.valid)
    assert not torch.equal(a.test, c.test)
    assert not torch.equal(a.test[:2000], a.valid)
    # a training run with the same seed might use this generator
    assert not torch.equal(a.simulate(10_000, torch.Generator().manual_seed(0)), a.test)


def test_a_fixed_training_set():
    toy = load_dataset("toy:fixed=100,length=8")
    assert toy.train.shape == (100, 8)
    assert toy.simulate(5, torch.Generator()) is None
    assert torch.equal(toy.test, Toy(length=8).test)


@pytest.mark.parametrize("value", [2.5, torch.nan, torch.inf, -torch.inf, -1.0, 99.0])
def test_invalid_values_have_no_probability(value):
    x = torch.full((1, 3), 3.0)
    x[0, 1] = value
    assert Toy(length=3).log_prob(x).item() == -torch.inf


def test_no_sequences_have_no_likelihoods():
    assert Toy(length=3).log_prob(torch.zeros(0, 3)).shape == (0,)


@pytest.mark.parametrize(
    ("mask", "error"),
    [
        ([False, True, False], ShapeError),
        ([True, True, True], ShapeError),
        ([True, True], ShapeError),
    ],
)
def test_evidence_that_is_not_the_start_of_a_sequence(mask, error):
    with pytest.raises(error, match=r"expected .*, got .*; "):
        Toy(length=3).conditional(Evidence(torch.tensor([mask]), torch.full((1, len(mask)), 3)))


@pytest.mark.parametrize("value", [2.0, 3.5, torch.nan])
def test_impossible_evidence(value):
    mask = torch.tensor([[True, False, False]])
    with pytest.raises(SupportError, match="probability 0"):
        Toy(length=3).conditional(Evidence(mask, torch.full((1, 3), value)))


def test_sequences_of_another_length():
    with pytest.raises(ShapeError, match="length"):
        Toy(length=3).log_prob(torch.zeros(2, 4))


@pytest.mark.parametrize("spec", ["toy:length=0", "toy:fixed=0", "toy:length=-3", "toy:fixed=-1"])
def test_sizes_below_one(spec):
    with pytest.raises(SpecError, match="to be positive"):
        load_dataset(spec)
