"""Every registered measure against what it declares; a measure is tested from the moment it is listed."""

import dataclasses
import importlib
import math
import pkgutil
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_matrix
from torch.testing import assert_close

import brainalign.similarity
from brainalign.similarity import kernels
from brainalign.similarity.measures import (
    INVARIANCES,
    MEASURES,
    Measure,
    gather_measures,
    get_measure,
    list_measures,
)
from brainalign.similarity.registration import measure
from tests.similarity.properties import (
    TRANSFORMS,
    assert_batched,
    assert_bounded,
    assert_directed,
    assert_finite_gradient,
    assert_gradient,
    assert_identity,
    assert_identity_depends_on_data,
    assert_invariant,
    assert_sensitive,
    assert_symmetric,
    assert_triangle,
    normal,
    related,
)


def each(measures):
    return pytest.mark.parametrize("measure", measures, ids=lambda measure: measure.name)


every_measure = each(MEASURES)
every_invariance = pytest.mark.parametrize("name", INVARIANCES)

N_SAMPLES = 40
WIDTHS = (6, 5)


# ---- 1: identity and bounds


@every_measure
def test_value_of_a_representation_with_itself(measure):
    X, Y = related(N_SAMPLES, *WIDTHS)
    if measure.identity is None:
        assert_identity_depends_on_data(measure, X, Y)
    else:
        assert_identity(measure, X)
        assert_identity(measure, Y)


@every_measure
@pytest.mark.parametrize("noise", [0.01, 0.3, 1.0])
def test_values_stay_inside_the_bounds(measure, noise):
    for seed in range(5):
        X, Y = related(N_SAMPLES, *WIDTHS, seed=seed, noise=noise)
        assert_bounded(measure, X, Y)
        assert_bounded(measure, Y, X)


@every_measure
def test_a_score_falls_and_a_distance_grows_with_noise(measure):
    X, Y = related(N_SAMPLES, 6, 6, noise=0.1)
    nearly_same, unlike = measure(X, X + 0.01 * Y), measure(X, Y.roll(1, dims=0))
    assert nearly_same > unlike if measure.kind == "score" else nearly_same < unlike


# ---- 2: declared invariances hold, undeclared ones do not


@every_measure
@every_invariance
def test_invariances_are_those_declared(measure, name):
    X, Y = related(N_SAMPLES, *WIDTHS)
    if name in measure.invariances:
        assert_invariant(measure, X, Y, name)
    elif name in measure.source_invariances:
        assert_invariant(measure, X, Y, name, sides=["first"])
        assert_sensitive(measure, X, Y, name, sides=["second"])
    else:
        assert_sensitive(measure, X, Y, name)


@every_measure
def test_declarations_follow_from_each_other(measure):
    assert measure.invariances.isdisjoint(measure.source_invariances)
    for declared in (measure.invariances, measure.invariances | measure.source_invariances):
        if "invertible_linear" in declared:
            assert declared >= {"orthogonal", "isotropic_scaling", "permutation"}
        if "orthogonal" in declared:
            assert "permutation" in declared
    if measure.is_symmetric:
        assert not measure.source_invariances


# ---- 3: symmetry, direction, triangle inequality


@every_measure
def test_symmetry_is_that_declared(measure):
    X, Y = related(N_SAMPLES, *WIDTHS)
    if measure.is_symmetric:
        assert_symmetric(measure, X, Y)
    else:
        assert_directed(measure, X, Y)


@each(measure for measure in MEASURES if measure.is_metric)
def test_a_metric_obeys_the_triangle_inequality(measure):
    assert measure.kind != "score"
    for seed in range(3):
        assert_triangle(measure, related(N_SAMPLES, 6, 5, 4, 6, seed=seed, noise=0.1 + seed))


# ---- 4: gradients


@every_measure
def test_gradient_is_that_of_finite_differences(measure):
    X, Y = related(14, 3, 4)
    if measure.is_differentiable:
        assert_gradient(measure, X, Y)
    else:
        assert not measure(X.requires_grad_(), Y).requires_grad


@each(measure for measure in MEASURES if measure.is_differentiable)
def test_gradient_is_finite_where_the_two_are_the_same(measure):
    X = related(14, 3)[0]
    assert_finite_gradient(measure, X, X)
    assert_finite_gradient(measure, X, X @ TRANSFORMS["orthogonal"](torch.eye(3, dtype=X.dtype), 0))


# ---- 5, 7: batches and types; the slow roads are in the tests of the modules


@every_measure
def test_a_batch_is_the_loop_over_its_pairs(measure):
    X = torch.stack([related(20, 6, seed=seed)[0] for seed in range(2)]).unsqueeze(1)
    Y = torch.stack([related(20, 5, seed=seed, noise=0.3)[0] for seed in range(3)])
    assert_batched(measure, X, Y)


@every_measure
def test_the_type_of_the_data_is_kept(measure):
    X, Y = related(N_SAMPLES, *WIDTHS)
    expected = measure(X, Y)
    assert expected.dtype == torch.float64
    assert expected.shape == ()
    assert measure(X.float(), Y).dtype == torch.float64
    single = measure(X.float(), Y.float())
    assert single.dtype == torch.float32
    assert_close(single.double(), expected, rtol=1e-5, atol=1e-6)


@every_measure
def test_input_is_left_unchanged(measure):
    X, Y = related(N_SAMPLES, *WIDTHS)
    before = X.clone(), Y.clone()
    measure(X, Y)
    assert_close((X, Y), before, rtol=0, atol=0)


# ---- 8: bad input, the same for all


BAD = {
    "other samples": (lambda X, Y: (X[:-1], Y), ValueError, r"same samples \(rows\): got 39 and 40"),
    "not finite": (
        lambda X, Y: (X, Y.index_fill(0, torch.tensor([3]), math.nan)),
        ValueError,
        r"5 values .* not finite",
    ),
    "no variation": (lambda X, Y: (torch.ones_like(X), Y), ValueError, r"does not vary over its samples"),
    "no features": (lambda X, Y: (X[:, :0], Y), ValueError, r"hold values, got \(40, 0\)"),
    "empty batch": (lambda X, Y: (X.expand(0, 40, 6), Y), ValueError, r"hold values, got \(0, 40, 6\)"),
    "one dimension": (lambda X, Y: (X[:, 0], Y), ValueError, r"\(\.\.\., n_samples, n_features\).*got \(40,\)"),
    "batches that do not fit": (
        lambda X, Y: (X.expand(2, 40, 6), Y.expand(3, 40, 5)),
        ValueError,
        r"must broadcast: got \(2,\) and \(3,\)",
    ),
    "logical values": (lambda X, Y: (X, Y > 0), ValueError, r"got a tensor of torch\.bool; .*\.double\(\)"),
    "complex numbers": (lambda X, Y: (X, Y.to(torch.complex128)), ValueError, r"torch\.complex128; .*view_as_real"),
    "sparse": (lambda X, Y: (csr_matrix(X), Y), ValueError, r"X is a sparse matrix|source is a sparse"),
    "sparse tensor": (lambda X, Y: (X, Y.to_sparse()), ValueError, r"sparse tensor"),
    "no values": (lambda X, Y: (X.to("meta"), Y), ValueError, r"meta device"),
    "quantised": (lambda X, Y: (torch.quantize_per_tensor(X.float(), 0.1, 0, torch.qint8), Y), ValueError, "quantised"),
    "ragged": (lambda X, Y: ([*X.tolist()[:-1], [1.0]], Y), ValueError, r"unlike lengths"),
    "masked": (lambda X, Y: (np.ma.masked_greater(X.numpy(), 1), Y), ValueError, r"masked values"),
    "fill values": (lambda X, Y: (X, np.where(Y > 2, 9.969209968386869e36, Y)), ValueError, r"fill values"),
    "complex array": (lambda X, Y: (X, Y.numpy() * 1j), ValueError, r"complex"),
    "logical array": (lambda X, Y: (X.numpy() > 0, Y), ValueError, r"logical"),
    "text": (lambda X, Y: (X.numpy().astype(str), Y), ValueError, r"text"),
    "a table with names": (
        lambda X, Y: (pd.DataFrame(X.numpy()).assign(image="a.png"), Y),
        ValueError,
        r"'a.png' among them",
    ),
    "a gap in a table": (lambda X, Y: (pd.DataFrame(X.numpy()).shift(), Y), ValueError, r"6 values .* not finite"),
    "nothing": (lambda X, Y: (None, Y), ValueError, r"None"),
    "a number": (lambda X, Y: (1.0, Y), ValueError, r"n_samples, n_features"),
    "a name": (lambda X, Y: ("features.npy", Y), ValueError, r"text"),
    "a list of strings": (lambda X, Y: ([["a"]], Y), ValueError, r"text"),
}

TAKEN = {
    "array": lambda X: X.numpy(),
    "array of single precision": lambda X: X.numpy().astype(np.float32),
    "array in columns": lambda X: np.asfortranarray(X.numpy()),
    "reversed array": lambda X: X.numpy()[::-1, ::-1][::-1, ::-1],
    "read-only array": lambda X: np.broadcast_to(X.numpy(), X.shape),
    "big-endian array": lambda X: X.numpy().astype(">f8"),
    "whole numbers": lambda X: X.numpy().astype(np.int16),
    "small whole numbers": lambda X: X.numpy().astype(np.int8),
    "tensor of whole numbers": lambda X: X.long(),
    "table": lambda X: pd.DataFrame(X.numpy(), columns=[f"unit {i}" for i in range(X.shape[-1])]),
    "table of nullable numbers": lambda X: pd.DataFrame(X.numpy()).convert_dtypes(),
    "list": lambda X: X.tolist(),
    "list of whole numbers": lambda X: X.long().tolist(),
    "tuple of arrays": lambda X: tuple(X.numpy()),
    "half precision": lambda X: X.half(),
    "brain float": lambda X: X.bfloat16(),
    "array of half precision": lambda X: X.numpy().astype(np.float16),
    "unmasked array": lambda X: np.ma.array(X.numpy()),
    "tensor that is no leaf": lambda X: X.clone().requires_grad_() * 1,
}


@every_measure
@pytest.mark.parametrize("container", TAKEN)
def test_the_container_of_the_numbers_does_not_matter(measure, container):
    """Of whole numbers, which every type holds exactly."""
    X, Y = ((20 * Z).round().clamp(-120, 120) for Z in related(N_SAMPLES, *WIDTHS))
    expected = measure(X, Y)
    found = measure(TAKEN[container](X), TAKEN[container](Y))
    assert found.dtype in (torch.float32, torch.float64)
    assert_close(found.detach().double(), expected, rtol=1e-5, atol=1e-5)


@every_measure
@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_with_the_name_and_the_numbers(measure, case):
    spoil, error, message = BAD[case]
    with pytest.raises(error, match=message) as refusal:
        measure(*spoil(*related(N_SAMPLES, *WIDTHS)))
    assert measure.name in str(refusal.value)


# ---- the registry itself


@every_measure
def test_a_record_is_named_like_its_exported_function(measure):
    assert measure.function.__name__ == measure.name
    assert getattr(brainalign.similarity, measure.name) is measure.function
    assert measure.name in brainalign.similarity.__all__
    assert get_measure(measure.name) is measure
    assert measure.reference


def test_all_names_are_listed_once():
    assert len(set(list_measures())) == len(list_measures()) == len(MEASURES)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match=r"'linear_cca'.*'linear_cka'"):
        get_measure("linear_cca")
    with pytest.raises(ValueError, match=r"no measure 7; the nearest name is '"):
        get_measure(7)


def test_a_name_that_comes_twice_is_refused():
    with pytest.raises(ValueError, match="two measures are named 'linear_cka'"):
        gather_measures(kernels, kernels)


def test_an_unknown_invariance_is_refused():
    with pytest.raises(ValueError, match="linear_cka: unknown invariances"):
        measure(
            kind="score", bounds=(0.0, 1.0), identity=1.0, is_symmetric=True, is_metric=False, is_differentiable=True,
            invariances=frozenset({"rotation", "orthogonal"}), reference="nobody",
        )(kernels.linear_cka)  # fmt: skip


def test_a_measure_is_listed_when_it_is_defined_and_only_there():
    """A new measure touches one place: the file that defines it."""
    module = ModuleType("new_measures")
    promises = {name: getattr(get_measure("linear_cka"), name) for name in ("kind", "bounds", "identity", "reference")}
    promises |= {"is_symmetric": True, "is_metric": False, "is_differentiable": True, "invariances": frozenset()}

    @measure(**promises)
    def always_one(X, Y):
        return torch.ones(())

    always_one.__module__ = module.__name__
    module.always_one = always_one
    module.linear_cka = kernels.linear_cka  # imported, not defined there
    assert [record.name for record in gather_measures(module)] == ["always_one"]


def test_every_module_that_defines_a_measure_is_gathered():
    for found in pkgutil.iter_modules(brainalign.similarity.__path__):
        module = importlib.import_module(f"brainalign.similarity.{found.name}")
        for record in gather_measures(module):
            assert record in MEASURES


def test_a_record_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        MEASURES[0].name = "other"


def test_options_reach_the_function():
    X, Y = related(N_SAMPLES, *WIDTHS)
    assert_close(
        get_measure("shape_distance")(X, Y, alpha=1.0),
        get_measure("angular_procrustes_distance")(X, Y),
        atol=1e-12,
        rtol=0,
    )


# ---- the assertions themselves can fail


def declare(function, **properties):
    usual = {
        "name": "made_up",
        "kind": "score",
        "bounds": (0.0, 1.0),
        "identity": 1.0,
        "is_symmetric": True,
        "is_metric": False,
        "is_differentiable": True,
        "invariances": frozenset(),
        "reference": "",
    }
    return Measure(function=function, **(usual | properties))


def first_entries(X, Y):
    return X[..., 0, 0] - 2 * Y[..., 0, 0]


class WrongGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, X):
        ctx.save_for_backward(X)
        return X.square().sum()

    @staticmethod
    def backward(ctx, grad):
        return grad * 2.001 * ctx.saved_tensors[0]


def square_of_distance(X, Y):
    return (X - Y).square().sum()


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        (lambda X, Y: assert_bounded(declare(lambda X, Y: X.new_tensor(1.1)), X, Y), "outside"),
        (lambda X, Y: assert_bounded(declare(lambda X, Y: X.new_tensor(torch.nan)), X, Y), "outside"),
        (lambda X, Y: assert_identity(declare(first_entries), X), "not close"),
        (lambda X, Y: assert_identity_depends_on_data(declare(lambda X, Y: X.new_tensor(1.0)), X, Y), "declare it"),
        (lambda X, Y: assert_invariant(declare(first_entries), X, Y, "translation"), "translation of first"),
        (lambda X, Y: assert_invariant(declare(lambda X, Y: Y.sum()), X, Y, "translation"), "translation of second"),
        (lambda X, Y: assert_sensitive(declare(lambda X, Y: X.new_tensor(1.0)), X, Y, "orthogonal"), "does not notice"),
        (lambda X, Y: assert_symmetric(declare(first_entries), X, Y), "not close"),
        (lambda X, Y: assert_directed(declare(lambda X, Y: X.sum() + Y.sum()), X, Y), "both directions"),
        (lambda X, Y: assert_triangle(square_of_distance, [X, X + 1, X + 2]), "by a detour"),
        (lambda X, Y: assert_gradient(WrongGradient.apply, X), "not close"),
        (lambda X, Y: assert_finite_gradient(lambda X: (X - X).abs().sqrt().sum(), X), "not finite"),
        (
            lambda X, Y: assert_batched(
                declare(lambda X, Y: (X.sum((-2, -1)) + Y.sum((-2, -1))) * X.ndim),
                X.expand(2, 1, 40, 6),
                Y.expand(3, 40, 5),
            ),
            "not close",
        ),
    ],
)
def test_each_assertion_can_fail(claim, message):
    X, Y = related(N_SAMPLES, *WIDTHS)
    with pytest.raises(AssertionError, match=message):
        claim(X, Y)


@every_invariance
def test_transforms_are_not_trivial(name):
    X = normal(N_SAMPLES, 6)
    assert (TRANSFORMS[name](X, 1) - X).abs().max() > 0.1
