"""All pairs at once are the loop over pairs."""

import pytest
import torch
from torch.testing import assert_close

from brainalign.similarity.measures import MEASURES, get_measure, list_measures
from brainalign.similarity.pairwise import pairwise
from tests.similarity.properties import normal, related

# Products are summed in another order.
EXACT = 1e-10
FAST = (
    "linear_cka",
    "debiased_linear_cka",
    "angular_procrustes_distance",
    "normalized_bures_similarity",
    "procrustes_distance",
)
WIDTHS = {"narrow": (3, 4, 5, 4), "wide": (30, 40, 25, 33), "mixed": (3, 40, 12, 15)}


def loop(representations, name, **options):
    measure = get_measure(name)
    values = torch.stack([torch.stack([measure(X, Y, **options) for Y in representations]) for X in representations])
    if measure.identity is not None:
        values.fill_diagonal_(measure.identity)  # a loop reaches distance 0 up to the root of the precision only
    return values


@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize("widths", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shared_work_gives_the_values_of_the_loop(name, widths, dtype):
    representations = related(12, *widths, dtype=dtype)
    values = pairwise(representations, name)
    assert values.dtype == dtype
    tolerance = EXACT if dtype == torch.float64 else 1e-5
    assert_close(values, loop(representations, name), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("measure", MEASURES, ids=list_measures())
def test_any_registered_measure_gives_the_values_of_the_loop(measure):
    representations = related(25, 6, 6, 6, noise=0.3)
    values = pairwise(torch.stack(representations), measure)
    assert_close(values, loop(representations, measure.name), rtol=EXACT, atol=1e-6)


@pytest.mark.parametrize("n_rows", [1, 5, 12])
@pytest.mark.parametrize("name", ["linear_cka", "debiased_linear_cka"])
def test_blocks_of_samples_do_not_matter(monkeypatch, name, n_rows):
    representations = related(12, *WIDTHS["wide"])
    monkeypatch.setitem(pairwise.__globals__, "BLOCK_BYTES", n_rows * len(representations) * 12 * 8)
    assert_close(pairwise(representations, name), loop(representations, name), rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("decay", [0.5, 1.5, 3.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_steep_spectra_stay_exact(decay, dtype):
    spectrum = torch.arange(1, 101, dtype=torch.float64) ** -decay
    common = normal(60, 100)
    representations = [((common + 0.3 * normal(60, 100, seed=seed)) * spectrum).to(dtype) for seed in range(1, 4)]
    expected = loop([X.double() for X in representations], "normalized_bures_similarity")
    values = pairwise(representations, "normalized_bures_similarity").double()
    tolerance = 1e-12 if dtype == torch.float64 else 1e-6
    assert_close(values, expected, rtol=tolerance, atol=0)


def test_copies_are_found_to_be_the_same():
    X = related(40, 60)[0]
    copies = [X, 3 * X + 1, X @ torch.linalg.qr(normal(60, 60)).Q, X]
    ones = torch.ones(4, 4, dtype=X.dtype)
    for name in ("linear_cka", "debiased_linear_cka", "normalized_bures_similarity"):
        assert_close(pairwise(copies, name), ones, rtol=1e-11, atol=0)
    assert_close(pairwise(copies, "angular_procrustes_distance"), 0 * ones, rtol=0, atol=2e-6)


def test_rows_are_sources_and_columns_targets():
    representations = related(25, 3, 5)
    values = pairwise(representations, "linear_predictivity")
    measure = get_measure("linear_predictivity").function
    assert_close(values[0, 1], measure(source=representations[0], target=representations[1]), rtol=EXACT, atol=0)
    assert_close(values[1, 0], measure(source=representations[1], target=representations[0]), rtol=EXACT, atol=0)


def test_options_are_passed_on():
    representations = related(25, 3, 5, 4)
    values = pairwise(representations, "shape_distance", alpha=0.1)
    assert_close(values, loop(representations, "shape_distance", alpha=0.1), rtol=EXACT, atol=1e-6)
    with pytest.raises(TypeError, match="alpha"):
        pairwise(representations, "linear_cka", alpha=0.1)


@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize("widths", WIDTHS.values(), ids=WIDTHS)
def test_gradients_are_those_of_the_loop(name, widths):
    representations = [X.requires_grad_() for X in related(12, *widths)]
    weights = normal(4, 4).fill_diagonal_(0)
    gradients = torch.autograd.grad((weights * pairwise(representations, name)).sum(), representations)
    expected = torch.autograd.grad((weights * loop(representations, name)).sum(), representations)
    assert_close(gradients, expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", [*FAST, "svcca"])
def test_one_representation_is_compared_with_itself(name):
    X = related(12, 4)[0]
    expected = X.new_full((1, 1), get_measure(name).identity)
    assert_close(pairwise([X], name), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", FAST)
def test_float32_is_float64_for_many_entries(name):
    X = torch.stack(related(1000, 100, 100, 100, noise=1.0))
    assert_close(pairwise(X.float(), name).double(), pairwise(X, name), rtol=1e-5, atol=0)


def test_mixed_types_become_the_finer_one():
    X, Y = related(12, 4, 5)
    assert pairwise([X.float(), Y], "linear_cka").dtype == torch.float64


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda X, Y: [], ValueError, r"pairwise\(linear_cka\): there are no representations"),
        (lambda X, Y: [X, Y[:-1]], ValueError, r"representation 1 has 11, representation 0 has 12"),
        (lambda X, Y: [X, Y.expand(2, 12, 5)], ValueError, r"representation 1 must have shape .*got \(2, 12, 5\)"),
        (
            lambda X, Y: X,
            ValueError,
            r"representation 0 must have shape .*got \(4,\)|\.\.\., n_samples, n_features\).*\(4,\)",
        ),
        (
            lambda X, Y: [X, Y * torch.nan],
            ValueError,
            r"pairwise\(linear_cka\): representation 1 holds 60 values .* not",
        ),
        (lambda X, Y: [X, Y * 0], ValueError, r"representation 1 does not vary"),
        (lambda X, Y: [X, Y > 0], ValueError, r"representation 1 must be a tensor .* got a tensor of torch\.bool"),
        (lambda X, Y: [X, [["a"]]], ValueError, r"representation 1 must hold real numbers: got text"),
    ],
)
def test_bad_input_is_refused_with_its_place(spoil, error, message):
    with pytest.raises(error, match=message):
        pairwise(spoil(*related(12, 4, 5)), "linear_cka")


def test_debiased_cka_of_few_samples_is_refused():
    with pytest.raises(ValueError, match="debiased_linear_cka needs at least 4"):
        pairwise(related(3, 4, 5), "debiased_linear_cka")


def test_a_representation_without_a_debiased_norm_is_named():
    X, Y = related(12, 4, 5)
    Y[1:] = Y[0] + 1
    with pytest.raises(ValueError, match=r"not defined: .* of representation 1 is not"):
        pairwise([X, Y], "debiased_linear_cka")


def test_an_unknown_measure_is_refused():
    with pytest.raises(ValueError, match=r"'linear_cak'.*'linear_cka'"):
        pairwise(related(12, 4, 5), "linear_cak")


@pytest.fixture
def several_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield 3
    torch.set_num_threads(before)


@pytest.mark.parametrize("widths", WIDTHS.values(), ids=WIDTHS)
def test_pairs_on_several_threads_give_the_values_of_one(several_threads, widths):
    representations = related(12, *widths)
    together = pairwise(representations, "angular_procrustes_distance")
    assert torch.get_num_threads() == several_threads
    torch.set_num_threads(1)
    assert_close(together, pairwise(representations, "angular_procrustes_distance"), rtol=0, atol=1e-12)


def test_a_fault_on_a_thread_is_raised_and_leaves_the_number_of_threads(several_threads, monkeypatch):
    def fail(C, most):
        msg = "the algorithm did not converge"
        raise RuntimeError(msg)

    monkeypatch.setitem(pairwise.__globals__, "_singular_value_sum", fail)
    with pytest.raises(RuntimeError, match="did not converge"):
        pairwise(related(12, 4, 5), "angular_procrustes_distance")
    assert torch.get_num_threads() == several_threads
