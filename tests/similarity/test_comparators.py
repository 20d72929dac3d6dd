"""Comparisons of RDMs against scipy, brute force and closed forms."""

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.stats import kendalltau, pearsonr, rankdata, spearmanr
from torch.testing import assert_close

from brainalign.similarity.comparators import COMPARATORS, compare_rdms
from brainalign.similarity.dissimilarity import (
    correlation_rdm,
    euclidean_rdm,
)
from tests.similarity.properties import entries, related

# Two ways to one number differ by the round-off of double precision.
EXACT = 1e-10
every_comparator = pytest.mark.parametrize("compare", COMPARATORS)


def tied_rdm(n_samples, seed, n_values=4):
    upper = torch.randint(n_values, (n_samples, n_samples), generator=torch.Generator().manual_seed(seed)).triu(1)
    return (upper + upper.mT).to(torch.float64)


def brute_tau_a(x, y):
    signs = [np.sign(x[i] - x[j]) * np.sign(y[i] - y[j]) for i, j in combinations(range(len(x)), 2)]
    return np.mean(signs)


def brute_rho_a(x, y):
    """Mean over many random ways to break ties."""
    generator = np.random.default_rng(0)
    values = []
    for _ in range(3_000):
        ranks = [np.lexsort((generator.random(len(v)), v)).argsort() for v in (x, y)]
        values.append(pearsonr(*ranks).statistic)
    return np.mean(values), np.std(values) / math.sqrt(len(values))


def entry_covariance(n_samples):
    """Covariance of squared-distance estimates under independent noise: squares of the contrasts' inner products."""
    pairs = list(combinations(range(n_samples), 2))
    contrasts = np.zeros((len(pairs), n_samples))
    for row, (i, j) in enumerate(pairs):
        contrasts[row, i], contrasts[row, j] = 1, -1
    return (contrasts @ contrasts.T) ** 2


def textbook_comparison(compare, x, y):
    match compare:
        case "pearson":
            return pearsonr(x, y).statistic
        case "cosine":
            return x @ y / np.sqrt(x @ x * (y @ y))
        case "spearman":
            return spearmanr(x, y).statistic
        case "rho_a":
            m = len(x)
            return 12 * rankdata(x) @ rankdata(y) / (m**3 - m) - 3 * (m + 1) / (m - 1)
        case "tau_a":
            return brute_tau_a(x, y)
        case "whitened_pearson":
            x, y = x - x.mean(), y - y.mean()
    weights = np.linalg.inv(entry_covariance(round((1 + math.sqrt(1 + 8 * len(x))) / 2)))
    return x @ weights @ y / np.sqrt(x @ weights @ x * (y @ weights @ y))


@every_comparator
@pytest.mark.parametrize("n_samples", [3, 4, 9])
@pytest.mark.parametrize("ties", [False, True])
def test_comparisons_are_those_of_the_textbook(compare, n_samples, ties):
    if ties:
        A, B = tied_rdm(n_samples, 11), tied_rdm(n_samples, 12)
    else:
        A, B = (correlation_rdm(X) for X in related(n_samples, 6, 5))
    expected = textbook_comparison(compare, entries(A), entries(B))
    assert_allclose(compare_rdms(A, B, compare=compare), expected, rtol=EXACT, atol=1e-13)


def test_rho_a_is_the_mean_over_broken_ties():
    A, B = tied_rdm(5, 3), tied_rdm(5, 4)
    expected, error = brute_rho_a(entries(A), entries(B))
    assert_allclose(compare_rdms(A, B, compare="rho_a"), expected, atol=5 * error)


def test_tau_a_without_ties_is_scipys_tau_on_many_entries():
    A, B = (correlation_rdm(X) for X in related(150, 6, 5))
    expected = kendalltau(entries(A), entries(B)).statistic
    assert_allclose(compare_rdms(A, B, compare="tau_a"), expected, rtol=EXACT)


@every_comparator
def test_what_a_comparator_ignores_is_what_it_declares(compare):
    comparator = COMPARATORS[compare]
    A, B = (correlation_rdm(X) for X in related(9, 6, 5))
    off_diagonal = 1 - torch.eye(9, dtype=A.dtype)
    value = compare_rdms(A, B, compare=compare)
    assert_close(compare_rdms(7 * A, B, compare=compare), value)
    assert_close(compare_rdms(A + 5 * torch.eye(9, dtype=A.dtype), B, compare=compare), value, msg="diagonal")
    for changed, is_ignored in (
        (A + 2 * off_diagonal, comparator.ignores_shift),
        (A.exp() * off_diagonal, comparator.is_rank_based),
    ):
        if is_ignored:
            assert_close(compare_rdms(changed, B, compare=compare), value)
        else:
            assert (compare_rdms(changed, B, compare=compare) - value).abs() > 1e-3


PATTERN = torch.tensor([[0.0, 1.0, 3.0], [2.0, 2.0, 2.0], [1.0, 0.0, 4.0], [5.0, 1.0, 1.0]], dtype=torch.float64)
RDM = euclidean_rdm(PATTERN)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: compare_rdms(RDM, RDM[:3, :3]), ValueError, r"the same samples: got 4 and 3"),
        (lambda: compare_rdms(PATTERN, RDM), ValueError, r"A must have shape .* at least 3 samples: got \(4, 3\)"),
        (lambda: compare_rdms(RDM[:2, :2], RDM), ValueError, r"at least 3 samples: got \(2, 2\)"),
        (lambda: compare_rdms(RDM, RDM.triu()), ValueError, r"B is not symmetric: .* by up to 29"),
        (lambda: compare_rdms(RDM, RDM / 0), ValueError, r"B holds 16 values that are not finite"),
        (lambda: compare_rdms(RDM, RDM > 0), ValueError, r"B must be a tensor of real floating-point numbers"),
        (lambda: compare_rdms(0 * RDM, RDM, compare="cosine"), ValueError, r"all dissimilarities of X are zero"),
        (
            lambda: compare_rdms([*RDM.tolist()[:-1], [1.0]], RDM),
            ValueError,
            r"compare_rdms: A must have rows of one length",
        ),
    ],
)
def test_bad_input_is_refused_with_its_numbers(call, error, message):
    with pytest.raises(error, match=message):
        call()
