"""Representational similarity analysis: another library's values, invariances, batches, types, gradients."""

import pytest
import torch
from numpy.testing import assert_allclose
from torch.testing import assert_close

from brainalign.similarity.comparators import COMPARATORS
from brainalign.similarity.dissimilarity import RDMS, euclidean_rdm
from brainalign.similarity.kernels import linear_cka
from brainalign.similarity.rsa import rsa
from tests.similarity.properties import (
    TRANSFORMS,
    assert_finite_gradient,
    assert_gradient,
    covariance_of,
    normal,
    related,
)

# Two ways to one number differ by the round-off of double precision.
EXACT = 1e-10
DIFFERENTIABLE = [name for name, comparator in COMPARATORS.items() if comparator.is_differentiable]
RANK_BASED = [name for name, comparator in COMPARATORS.items() if comparator.is_rank_based]
SIMPLE_RDMS = ["correlation", "euclidean", "cosine"]
every_comparator = pytest.mark.parametrize("compare", COMPARATORS)


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


def test_whitened_cosine_of_euclidean_rdms_is_linear_cka():
    X, Y = related(30, 6, 5)
    assert_close(rsa(X, Y, rdm="euclidean", compare="whitened_cosine"), linear_cka(X, Y), rtol=EXACT, atol=0)


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
        (lambda: rsa(PATTERN[None], PATTERN, rdm="crossnobis"), ValueError, r"at least 2 repeats: got \(1, 4, 3\)"),
    ],
)
def test_bad_input_is_refused_with_its_numbers(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_single_bad_problem_of_a_batch_is_found():
    X = torch.stack([normal(4, 4), torch.eye(4, dtype=torch.float64)])
    with pytest.raises(ValueError, match="all dissimilarities of Y are equal"):
        rsa(X[:1], X, rdm="euclidean")
