"""Bounds as inequalities on random and on adversarial pairs, and where they are tight."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from torch.testing import assert_close

from brainalign.similarity.alignment import normalized_bures_similarity
from brainalign.similarity.bounds import bures_interval, cka_lower_bound, kept_components_similarity
from brainalign.similarity.dimensionality import participation_ratio
from brainalign.similarity.kernels import linear_cka
from tests.similarity.properties import assert_gradient, normal, related

# The quantities compared come from different formulas, good to this.
EXACT = 1e-10


def orthonormal(n, width, seed=0):
    basis = normal(n, width, seed=seed)
    return torch.linalg.qr(basis - basis.mean(dim=0)).Q


def with_spectrum(n, variances, seed=0):
    return orthonormal(n, len(variances), seed) * torch.as_tensor(variances, dtype=torch.float64).sqrt()


def assert_bounds_hold(X, Y):
    cka, nbs = linear_cka(X, Y), normalized_bures_similarity(X, Y)
    ratios = {"participation_x": participation_ratio(X), "participation_y": participation_ratio(Y)}
    rank = min(X.shape[-1], Y.shape[-1], X.shape[-2] - 1)
    low, high = bures_interval(cka.clamp(max=1), rank=rank, **ratios)
    assert (low <= nbs + EXACT).all()
    assert (nbs <= high + EXACT).all()
    assert (cka_lower_bound(nbs.clamp(max=1), **ratios) <= cka + EXACT).all()
    # The wider bounds with ranks alone, as published.
    product = (min(X.shape[-1], X.shape[-2] - 1) * min(Y.shape[-1], Y.shape[-2] - 1)) ** 0.5
    assert (cka / product <= nbs.square() + EXACT).all()
    assert (nbs.square() <= rank * cka + EXACT).all()


# ---- inequalities


@pytest.mark.parametrize(("n", "p", "q"), [(4, 1, 1), (5, 2, 3), (12, 4, 4), (12, 30, 5), (20, 3, 60)])
def test_bounds_hold_for_random_pairs(n, p, q):
    X, Y = normal(300, n, p), normal(300, n, q, seed=1)
    assert_bounds_hold(X, Y)
    stretch = 10 ** (3 * normal(300, 1, p, seed=2))
    assert_bounds_hold(X * stretch, Y)


@given(st.integers(0, 10_000), st.integers(1, 6), st.floats(0, 2), st.floats(-4, 1))
def test_bounds_hold_for_pairs_from_near_to_far(seed, width, slope, exponent):
    spectrum = torch.arange(1, width + 1, dtype=torch.float64) ** -slope
    X = with_spectrum(12, spectrum, seed)
    assert_bounds_hold(X, X + 10**exponent * X.norm() * normal(12, width, seed=seed + 1) / (12 * width) ** 0.5)


ADVERSARIAL = {
    "the same": (with_spectrum(20, [5.0, 2.0, 1.0]), with_spectrum(20, [5.0, 2.0, 1.0])),
    "nothing in common": (orthonormal(20, 8)[:, :4], orthonormal(20, 8)[:, 4:]),
    "one component of many": (with_spectrum(60, [1.0] + [0.02] * 50), with_spectrum(60, [1.0] + [0.02] * 50)[:, :1]),
    "one component exchanged": (orthonormal(30, 10)[:, :9], orthonormal(30, 10)[:, 1:]),
    "opposite spectra": (
        orthonormal(20, 6) * torch.logspace(0, -4, 6, dtype=torch.float64),
        orthonormal(20, 6) * torch.logspace(-4, 0, 6, dtype=torch.float64),
    ),
    "one outlying sample": (normal(20, 5).index_fill(0, torch.tensor([3]), 1e4), normal(20, 5, seed=1)),
    "a strong component added": (
        with_spectrum(30, [1.0] * 8),
        torch.cat([with_spectrum(30, [1.0] * 8), 3 * orthonormal(30, 9)[:, 8:]], dim=1),
    ),
}


@pytest.mark.parametrize("case", ADVERSARIAL)
def test_bounds_hold_for_adversarial_pairs(case):
    assert_bounds_hold(*ADVERSARIAL[case])


def test_bounds_hold_for_pairs_that_were_sought_to_break_them():
    """Gradient descent on the slack of the implication from Procrustes to CKA, from many starts at once."""
    X, Y = normal(40, 8, 3).requires_grad_(), normal(40, 8, 3, seed=1).requires_grad_()
    optimizer = torch.optim.Adam([X, Y], lr=0.02)

    def used():
        """Share of the permitted 1 - CKA that is used, 1 at most."""
        nbs, inverse = (
            normalized_bures_similarity(X, Y),
            participation_ratio(X).rsqrt() + participation_ratio(Y).rsqrt(),
        )
        return (1 - linear_cka(X, Y)) * inverse / (8 * (1 - nbs))

    start = used().max().detach()
    for _ in range(60):
        optimizer.zero_grad()
        (-used().sum()).backward()
        optimizer.step()
    assert start < used().max() <= 1 + EXACT
    assert_bounds_hold(X.detach(), Y.detach())


# ---- tightness and the missing converse


def test_the_interval_is_a_point_for_one_dimension():
    X, Y = related(20, 1, 1)
    one = torch.ones((), dtype=X.dtype)
    low, high = bures_interval(linear_cka(X, Y), participation_x=one, participation_y=one, rank=1)
    assert_close(low, high)
    assert_close(low, normalized_bures_similarity(X, Y))


def test_the_interval_is_reached_at_both_ends():
    basis = orthonormal(30, 8)
    ratio = torch.tensor(4.0, dtype=torch.float64)
    # X'Y of rank 1: the lowest value. X'Y a multiple of an orthogonal matrix: the highest.
    for X, Y, end in ((basis[:, :4], basis[:, 3:7], 0), (basis[:, :4], basis[:, :4] + basis[:, 4:], 1)):
        interval = bures_interval(linear_cka(X, Y), participation_x=ratio, participation_y=ratio, rank=4)
        assert_close(interval[end], normalized_bures_similarity(X, Y))


def test_high_cka_implies_nothing_for_procrustes():
    """One strong component and ever more weak ones: CKA tends to 1, NBS to the root of one half."""
    gaps = []
    for n_weak in (10, 100, 1000):
        variances = torch.tensor([0.5] + [0.5 / n_weak] * n_weak, dtype=torch.float64)
        cka, nbs = kept_components_similarity(variances, n_kept=1)
        assert_allclose(nbs, 0.5**0.5)
        gaps.append(1 - float(cka))
    assert_allclose(gaps, [0.0465, 0.00496, 0.0004996], rtol=1e-2)
    # While the other way holds: at a high Procrustes similarity, CKA is bounded from below.
    ratio = 4 * torch.ones((), dtype=torch.float64)
    assert cka_lower_bound(torch.tensor(0.99, dtype=torch.float64), participation_x=ratio, participation_y=ratio) > 0.9


@pytest.mark.parametrize("n_kept", [1, 3, 6])
def test_kept_components_have_the_measured_similarities(n_kept):
    variances = torch.tensor([5.0, 3.0, 2.0, 0.5, 0.2, 0.1], dtype=torch.float64)
    X = with_spectrum(20, variances)
    cka, nbs = kept_components_similarity(variances, n_kept=n_kept)
    assert_close(cka, linear_cka(X, X[:, :n_kept]))
    assert_close(nbs, normalized_bures_similarity(X, X[:, :n_kept]))


def test_equal_ratios_give_the_simple_form():
    nbs = torch.linspace(0.9, 1, 5, dtype=torch.float64)
    ratio = torch.full((), 4.0, dtype=torch.float64)
    bound = cka_lower_bound(nbs, participation_x=ratio, participation_y=ratio)
    assert_close(bound, (1 - 4 * 2 * (1 - nbs)).clamp(min=0))


# ---- shapes, gradients, bad input


def test_bounds_take_batches_and_have_gradients():
    cka, ratio = torch.linspace(0.1, 0.4, 6, dtype=torch.float64).reshape(2, 3), torch.tensor([2.0, 3.0, 4.0])
    low, high = bures_interval(cka, participation_x=ratio.double(), participation_y=ratio[:1].double(), rank=2)
    assert low.shape == high.shape == (2, 3)
    nbs = torch.tensor([0.95, 0.97], dtype=torch.float64)

    def total(nbs, ratio):
        bound = cka_lower_bound(nbs, participation_x=ratio, participation_y=ratio + 1)
        return (bound + sum(bures_interval(nbs / 10, participation_x=ratio, participation_y=ratio, rank=2))).sum()

    assert_gradient(total, nbs, torch.tensor([2.0, 3.0], dtype=torch.float64))


ONE = torch.ones(())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: bures_interval(1.2 * ONE, participation_x=ONE, participation_y=ONE, rank=1),
            ValueError,
            r"cka must lie in \[0, 1\]: got 1\.2",
        ),
        (
            lambda: bures_interval(ONE, participation_x=ONE, participation_y=0.5 * ONE, rank=1),
            ValueError,
            r"participation_y must lie in \[1, inf\]: got 0\.5",
        ),
        (lambda: bures_interval(ONE, participation_x=ONE, participation_y=ONE, rank=0), ValueError, r"rank .* got 0"),
        (
            lambda: cka_lower_bound(torch.tensor(torch.nan), participation_x=ONE, participation_y=ONE),
            ValueError,
            r"nbs must lie in \[0, 1\]: got nan",
        ),
        (lambda: cka_lower_bound("0.9", participation_x=ONE, participation_y=ONE), ValueError, r"nbs must hold .*text"),
        (
            lambda: cka_lower_bound(ONE.bool(), participation_x=ONE, participation_y=ONE),
            ValueError,
            r"cka_lower_bound: nbs must be a tensor .* got a tensor of torch\.bool",
        ),
        (lambda: kept_components_similarity(ONE.expand(3), n_kept=4), ValueError, r"of 3 components, 1 to 3 .* = 4"),
        (lambda: kept_components_similarity(ONE, n_kept=1), ValueError, r"of 0 components"),
        (lambda: kept_components_similarity(torch.tensor([1.0, 2.0]), n_kept=1), ValueError, r"sort them first"),
        (lambda: kept_components_similarity(torch.zeros(2), n_kept=1), ValueError, r"must not be all zero"),
        (lambda: kept_components_similarity(torch.tensor([1.0, -2.0]), n_kept=1), ValueError, r"got -2"),
    ],
)
def test_bad_input_is_refused_with_its_numbers(call, error, message):
    with pytest.raises(error, match=message):
        call()
