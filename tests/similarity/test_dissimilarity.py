"""RDMs and their comparisons against scipy, brute force, closed forms and another library's values."""

import math
from itertools import combinations, permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import pdist, squareform
from scipy.stats import kendalltau, pearsonr, rankdata, spearmanr
from torch.testing import assert_close

from brainalign.similarity.dissimilarity import (
    COMPARATORS,
    RDMS,
    _centered_ranks,
    _count_inversions,
    _gram,
    compare_rdms,
    correlation_rdm,
    cosine_rdm,
    crossnobis_rdm,
    euclidean_rdm,
    mahalanobis_rdm,
    noise_covariance,
    rsa,
)
from brainalign.similarity.kernels import linear_cka
from tests.similarity.properties import TRANSFORMS, assert_finite_gradient, assert_gradient, normal, related

# Two formulas for one number differ by the round-off of double precision.
EXACT = 1e-10
DIFFERENTIABLE = [name for name, comparator in COMPARATORS.items() if comparator.is_differentiable]
RANK_BASED = [name for name, comparator in COMPARATORS.items() if comparator.is_rank_based]
SIMPLE_RDMS = ["correlation", "euclidean", "cosine"]
every_comparator = pytest.mark.parametrize("compare", COMPARATORS)


def covariance_of(width, seed=0):
    factor = normal(width, width + 5, seed=seed)
    return factor @ factor.mT / width


def data_for(rdm, n_samples=9, widths=(5, 4), lead=(), seed=0):
    """Two representations and the options that make a dissimilarity of them."""
    if rdm == "crossnobis":
        lead = (*lead, 3)
    pair = [normal(*lead, n_samples, width, seed=seed + index) for index, width in enumerate(widths)]
    pair[1] = pair[1] + pair[0].mean(dim=-1, keepdim=True)
    options = {"rdm": rdm}
    if rdm in ("mahalanobis", "crossnobis"):
        options["noise_covariances"] = tuple(covariance_of(width) for width in widths)
    return *pair, options


def entries(rdm):
    rows, columns = np.triu_indices(rdm.shape[-1], k=1)
    return np.asarray(rdm)[..., rows, columns]


def tied_rdm(n_samples, seed, n_values=4):
    upper = torch.randint(n_values, (n_samples, n_samples), generator=torch.Generator().manual_seed(seed)).triu(1)
    return (upper + upper.mT).to(torch.float64)


# ---- dissimilarities


@pytest.mark.parametrize(
    ("function", "metric"), [(correlation_rdm, "correlation"), (cosine_rdm, "cosine"), (euclidean_rdm, "sqeuclidean")]
)
@pytest.mark.parametrize("n_samples", [2, 7, 70, 200])  # one block of the symmetric product, and several
def test_rdms_are_those_of_scipy(function, metric, n_samples):
    X = related(n_samples, 6)[0]
    assert_allclose(function(X), squareform(pdist(X.numpy(), metric)), rtol=EXACT, atol=1e-12)


def test_the_mahalanobis_rdm_is_that_of_scipy():
    X, covariance = related(12, 6)[0], covariance_of(6)
    expected = squareform(pdist(X.numpy(), "mahalanobis", VI=np.linalg.inv(covariance.numpy()))) ** 2
    assert_allclose(mahalanobis_rdm(X, noise_covariance=covariance), expected, rtol=EXACT, atol=1e-12)


def test_the_mahalanobis_rdm_of_white_noise_is_euclidean():
    X = related(12, 6)[0]
    assert_close(mahalanobis_rdm(X, noise_covariance=torch.eye(6, dtype=X.dtype)), euclidean_rdm(X))


@pytest.mark.parametrize("n_repeats", [2, 3, 5])
def test_crossnobis_is_the_mean_over_pairs_of_repeats(n_repeats):
    repeats, covariance = normal(n_repeats, 6, 4), covariance_of(4)
    precision = torch.linalg.inv(covariance)
    differences = repeats.unsqueeze(-2) - repeats.unsqueeze(-3)
    pairs = [differences[a] @ precision * differences[b] for a, b in permutations(range(n_repeats), 2)]
    expected = torch.stack(pairs).mean(dim=0).sum(dim=-1)
    assert_close(crossnobis_rdm(repeats, noise_covariance=covariance), expected)


def test_crossnobis_is_not_biased_by_noise_and_mahalanobis_is():
    pattern = normal(5, 4)
    n_draws = 4000
    repeats = pattern + normal(n_draws, 2, 5, 4, seed=1)
    crossed = crossnobis_rdm(repeats)
    error = crossed.std(dim=0) / math.sqrt(n_draws)
    assert ((crossed.mean(dim=0) - euclidean_rdm(pattern)).abs() <= 5 * error + 1e-12).all()
    plain = euclidean_rdm(repeats[:, 0]).mean(dim=0) - euclidean_rdm(pattern)
    # 2 p = 8 too large, everywhere off the diagonal.
    assert_allclose(entries(plain), 8, atol=0.5)


def test_the_noise_covariance_is_that_of_residuals():
    repeats = normal(3, 20, 4)
    residuals = (repeats - repeats.mean(dim=0)).reshape(60, 4).numpy()
    expected = residuals.T @ residuals / 40
    assert_allclose(noise_covariance(repeats), expected, rtol=EXACT)
    shrunk = noise_covariance(repeats, shrinkage=0.25)
    assert_allclose(shrunk, 0.75 * expected + 0.25 * np.diag(np.diag(expected)), rtol=EXACT)


def test_the_noise_covariance_is_unbiased():
    truth = covariance_of(3)
    noise = normal(3000, 2, 6, 3) @ torch.linalg.cholesky(truth).mT
    assert_allclose(noise_covariance(10 * normal(6, 3, seed=1) + noise).mean(dim=0), truth, atol=0.16)  # 4 s.d.


@pytest.mark.parametrize("rdm", SIMPLE_RDMS)
def test_rdms_are_symmetric_with_a_zero_diagonal(rdm):
    values = {"correlation": correlation_rdm, "euclidean": euclidean_rdm, "cosine": cosine_rdm}[rdm](normal(3, 130, 4))
    assert_close(values, values.mT, rtol=0, atol=1e-13)
    assert (values.diagonal(dim1=-2, dim2=-1) == 0).all()
    assert (values >= -1e-15).all()


def test_a_far_offset_costs_the_euclidean_rdm_no_digits():
    X = normal(20, 5)
    assert_close(euclidean_rdm(X + 1e8), euclidean_rdm(X), rtol=1e-6, atol=1e-6)  # what the sum X + 1e8 itself loses


@pytest.mark.parametrize("n_samples", [5, 64, 65, 129, 300])
def test_the_symmetric_product_is_the_product(n_samples):
    X = normal(2, n_samples, 7).requires_grad_()
    weights = normal(2, n_samples, n_samples, seed=1)
    assert_close(_gram(X), X @ X.mT)
    (fast,) = torch.autograd.grad((_gram(X) * weights).sum(), X)
    (plain,) = torch.autograd.grad((X @ X.mT * weights).sum(), X)
    assert_close(fast, plain)


def test_the_symmetric_product_has_second_derivatives():
    X = normal(5, 3).requires_grad_()
    assert torch.autograd.gradgradcheck(_gram, X)


# ---- comparisons


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


def test_whitened_cosine_of_euclidean_rdms_is_linear_cka():
    X, Y = related(30, 6, 5)
    assert_close(rsa(X, Y, rdm="euclidean", compare="whitened_cosine"), linear_cka(X, Y), rtol=EXACT, atol=0)


# Of rsatoolbox 0.3.2, X[i, j] = sin(i^2 + 3 j) + i / 10 of 12 x 7, Y[i, j] = cos((i + 1) (j + 2)) of 12 x 5.
ANOTHER_LIBRARY = {
    "correlation": {
        "pearson": -0.1570053793290865,
        "cosine": 0.6869216158213822,
        "spearman": -0.1537835299029329,
        "rho_a": -0.1537835299029329,
        "tau_a": -0.10396270396270396,
        "whitened_pearson": -0.16955309904814064,
        "whitened_cosine": 0.0814735360303078,
    },
    "euclidean": {
        "pearson": -0.12377860827306239,
        "cosine": 0.709500570263728,
        "spearman": -0.05667466861496712,
        "rho_a": -0.056674668614967116,
        "tau_a": -0.034032634032634033,
        "whitened_pearson": -0.07637227091855414,
        "whitened_cosine": 0.20582069829795246,
    },
}


@pytest.mark.parametrize("rdm", ANOTHER_LIBRARY)
@every_comparator
def test_values_are_those_of_another_library(rdm, compare):
    i, j = torch.meshgrid(
        torch.arange(12.0, dtype=torch.float64), torch.arange(7.0, dtype=torch.float64), indexing="ij"
    )
    X, Y = torch.sin(i * i + 3 * j) + 0.1 * i, torch.cos((i + 1) * (j + 2))[:, :5]
    # Its whitened comparisons come from an iterative solver.
    rtol = 1e-6 if compare.startswith("whitened") else EXACT
    assert_allclose(rsa(X, Y, rdm=rdm, compare=compare), ANOTHER_LIBRARY[rdm][compare], rtol=rtol)


def test_crossnobis_values_are_those_of_another_library():
    i, j = torch.meshgrid(
        torch.arange(12.0, dtype=torch.float64), torch.arange(7.0, dtype=torch.float64), indexing="ij"
    )
    repeats = torch.stack([torch.sin(i * i + 3 * j) + 0.3 * torch.cos(i * j * (k + 1) + k) for k in range(3)])
    noise = np.sin(np.arange(40 * 7) ** 2 % 97).reshape(40, 7)
    covariance = torch.from_numpy(np.cov(noise.T))
    # Its values times the number of features, by which it divides.
    white = [6.044363257866943, 2.0858540194676483, 12.314304023821618]
    colored = [12.320445520364416, 5.831147724893379, 23.37645499459215]
    assert_allclose(crossnobis_rdm(repeats)[0, 1:4], white, rtol=EXACT)
    assert_allclose(crossnobis_rdm(repeats, noise_covariance=covariance)[0, 1:4], colored, rtol=EXACT)


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


@pytest.mark.parametrize("rdm", RDMS)
@pytest.mark.parametrize("name", ["orthogonal", "isotropic_scaling", "translation", "permutation"])
def test_what_a_dissimilarity_ignores_is_what_it_declares(rdm, name):
    X, Y, options = data_for(rdm)
    change = (rsa(TRANSFORMS[name](X, 1), Y, **options) - rsa(X, Y, **options)).abs()
    if name in RDMS[rdm].invariances:
        assert change < EXACT
    else:
        assert change > 1e-4


@pytest.mark.parametrize("rdm", SIMPLE_RDMS)
def test_rsa_with_default_options_ignores_shift_and_scale_of_each_sample(rdm):
    X, Y = related(9, 6, 5)
    changed = X * torch.linspace(0.5, 4, 9, dtype=X.dtype).unsqueeze(-1) + normal(9, 1)
    change = (rsa(changed, Y, rdm=rdm) - rsa(X, Y, rdm=rdm)).abs()
    assert change < EXACT if rdm == "correlation" else change > 1e-3


@every_comparator
def test_a_representation_with_itself(compare):
    X = normal(20, 5)
    assert_allclose(rsa(X, X, compare=compare), 1, rtol=EXACT)


# ---- helpers


@given(st.lists(st.integers(0, 30), min_size=1, max_size=31))
def test_inversions_are_counted(values):
    values = [value % len(values) for value in values]
    expected = sum(first > second for first, second in combinations(values, 2))
    assert_array_equal(_count_inversions(torch.tensor(values)), expected)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=20))
def test_ranks_are_those_of_scipy(values):
    expected = rankdata(values) - (len(values) + 1) / 2
    assert_array_equal(_centered_ranks(torch.tensor(values)), expected)


# ---- batches, types, gradients


@pytest.mark.parametrize("rdm", RDMS)
@every_comparator
def test_a_batch_is_the_loop_over_its_pairs(rdm, compare):
    X, Y, options = data_for(rdm, lead=(2, 3))
    Y = Y[:1]
    together = rsa(X, Y, compare=compare, **options)
    alone = [[rsa(X[i, j], Y[0, j], compare=compare, **options) for j in range(3)] for i in range(2)]
    assert_close(together, torch.stack([torch.stack(row) for row in alone]), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("rdm", RDMS)
@pytest.mark.parametrize("compare", DIFFERENTIABLE)
def test_gradients_are_those_of_finite_differences(rdm, compare):
    X, Y, options = data_for(rdm)
    assert_gradient(lambda X, Y: rsa(X, Y, compare=compare, **options), X, Y)


@pytest.mark.parametrize("rdm", SIMPLE_RDMS)
@pytest.mark.parametrize("compare", DIFFERENTIABLE)
def test_gradients_are_finite_where_the_two_are_the_same(rdm, compare):
    X = normal(9, 5)
    assert_finite_gradient(lambda X, Y: rsa(X, Y, rdm=rdm, compare=compare), X, X)
    repeated = X.index_copy(0, torch.tensor([3]), X[:1])  # two equal samples, at distance 0
    assert_finite_gradient(lambda X, Y: rsa(X, Y, rdm=rdm, compare=compare), repeated, X)


def test_gradient_reaches_the_noise_covariance():
    X, Y, options = data_for("mahalanobis")
    first, second = options["noise_covariances"]

    def value(factor):
        return rsa(X, Y, rdm="mahalanobis", noise_covariances=(first + factor @ factor.mT, second))

    assert_gradient(value, normal(5, 5))


@pytest.mark.parametrize("compare", RANK_BASED)
def test_ranks_have_no_gradient(compare):
    X, Y, _ = data_for("correlation")
    assert not rsa(X.requires_grad_(), Y, compare=compare).requires_grad


@pytest.mark.parametrize("rdm", SIMPLE_RDMS)
@every_comparator
def test_single_precision_is_close_to_double(rdm, compare):
    X, Y = related(200, 40, 30)
    expected = rsa(X, Y, rdm=rdm, compare=compare)
    single = rsa(X.float(), Y.float(), rdm=rdm, compare=compare)
    assert single.dtype == torch.float32
    assert_close(single.double(), expected, rtol=1e-5, atol=0)


# ---- bad input

PATTERN = torch.tensor([[0.0, 1.0, 3.0], [2.0, 2.0, 2.0], [1.0, 0.0, 4.0], [5.0, 1.0, 1.0]], dtype=torch.float64)
RDM = euclidean_rdm(PATTERN)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: rsa(PATTERN, PATTERN, rdm="corr"),
            ValueError,
            r"rdm = 'corr' is unknown; choose one of correlation, ",
        ),
        (lambda: rsa(PATTERN, PATTERN, compare="tau"), ValueError, r"compare = 'tau' is unknown; .*tau_a"),
        (lambda: rsa(PATTERN[:2], PATTERN[:2]), ValueError, r"rsa needs at least 3 samples \(rows\): got 2"),
        (
            lambda: rsa(PATTERN, PATTERN),
            ValueError,
            r"rsa: 1 samples have the same value in all features, the first at \[1\]; drop them or use the Euclidean",
        ),
        (lambda: rsa(PATTERN[:, :1], PATTERN), ValueError, r"rsa: a correlation over features needs .* got 1\."),
        (lambda: correlation_rdm(PATTERN[:, :1]), ValueError, r"correlation_rdm: .* needs at least 2 features: got 1"),
        (lambda: cosine_rdm(PATTERN - 2), ValueError, r"cosine_rdm: 1 samples have zero in all features, .* \[1\]"),
        (lambda: cosine_rdm(1e-160 * PATTERN), ValueError, r"cosine_rdm: the squares .* exceed .*float64; rescale"),
        (lambda: cosine_rdm(1e200 * PATTERN), ValueError, r"cosine_rdm: the squares .* exceed .*float64; rescale"),
        (
            lambda: rsa(torch.eye(4), PATTERN, rdm="euclidean"),
            ValueError,
            r"rsa: all dissimilarities of X are equal \(up to rounding\)",
        ),
        (
            lambda: rsa(PATTERN, torch.eye(4), rdm="euclidean", compare="tau_a"),
            ValueError,
            r"rsa: all dissimilarities of Y are equal",
        ),
        (
            lambda: rsa(PATTERN, PATTERN, rdm="mahalanobis"),
            ValueError,
            r"rdm = 'mahalanobis' needs noise_covariances=\(of X, of Y\)",
        ),
        (
            lambda: rsa(PATTERN, PATTERN, noise_covariances=(RDM, RDM)),
            ValueError,
            r"rdm = 'correlation' makes no use of noise_covariances",
        ),
        (
            lambda: rsa(PATTERN, PATTERN, rdm="mahalanobis", noise_covariances=RDM),
            ValueError,
            r"noise_covariances must be two tensors",
        ),
        (
            lambda: mahalanobis_rdm(PATTERN, noise_covariance=torch.eye(4)),
            ValueError,
            r"must have shape \(\.\.\., 3, 3\), one row and column per feature: got \(4, 4\)",
        ),
        (
            lambda: mahalanobis_rdm(PATTERN, noise_covariance=torch.diag(torch.tensor([1.0, 0.0, 1.0]))),
            ValueError,
            r"not positive definite \(its leading 2 x 2 block is not\); estimate it with shrinkage above 0",
        ),
        (
            lambda: mahalanobis_rdm(PATTERN, noise_covariance=torch.eye(3) + torch.eye(3).roll(1, 0) / 4),
            ValueError,
            r"noise_covariance is not symmetric: .* by up to 0\.25",
        ),
        (
            lambda: mahalanobis_rdm(PATTERN, noise_covariance=torch.eye(3) * torch.nan),
            ValueError,
            r"mahalanobis_rdm: noise_covariance holds values that are not finite",
        ),
        (
            lambda: mahalanobis_rdm(PATTERN, noise_covariance=[[1.0]]),
            TypeError,
            r"noise_covariance must be a tensor of real floating-point numbers",
        ),
        (lambda: crossnobis_rdm(PATTERN), ValueError, r"with at least 2 repeats: got \(4, 3\)"),
        (lambda: rsa(PATTERN[None], PATTERN, rdm="crossnobis"), ValueError, r"at least 2 repeats: got \(1, 4, 3\)"),
        (lambda: noise_covariance(PATTERN.expand(2, 4, 3), shrinkage=1.5), ValueError, r"lie in \[0, 1\]: got 1\.5"),
        (lambda: compare_rdms(RDM, RDM[:3, :3]), ValueError, r"the same samples: got 4 and 3"),
        (lambda: compare_rdms(PATTERN, RDM), ValueError, r"A must have shape .* at least 3 samples: got \(4, 3\)"),
        (lambda: compare_rdms(RDM[:2, :2], RDM), ValueError, r"at least 3 samples: got \(2, 2\)"),
        (lambda: compare_rdms(RDM, RDM.triu()), ValueError, r"B is not symmetric: .* by up to 29"),
        (lambda: compare_rdms(RDM, RDM / 0), ValueError, r"B holds 16 values that are not finite"),
        (lambda: compare_rdms(RDM, RDM.long()), TypeError, r"B must be a tensor of real floating-point numbers"),
        (lambda: compare_rdms(0 * RDM, RDM, compare="cosine"), ValueError, r"all dissimilarities of X are zero"),
    ],
)
def test_bad_input_is_refused_with_its_numbers(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_single_bad_problem_of_a_batch_is_found():
    X = torch.stack([normal(4, 4), torch.eye(4, dtype=torch.float64)])
    with pytest.raises(ValueError, match="all dissimilarities of Y are equal"):
        rsa(X[:1], X, rdm="euclidean")
