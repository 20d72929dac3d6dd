import numpy as np
import pytest
import torch
from himalaya.backend import get_backend, set_backend
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import Ridge

from brainalign.encoding import contiguous_folds, fit_ridge
from brainalign.encoding.ridge import himalaya_backend

CLOSED_FORM = 1e-8  # two orders of float64 operations on standardized features
SINGLE = 1e-3  # float32 against float64, weights of size 1


def problem(n_samples, n_features, n_targets=6, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_samples, n_features)) * rng.uniform(0.5, 20, size=n_features) + 3
    weights = rng.normal(size=(n_features, n_targets)) / features.std(axis=0)[:, None]
    return features, features @ weights + rng.normal(size=(n_samples, n_targets)) * np.linspace(1, 30, n_targets) + 5


def closed_form(features, responses, penalty):
    Z = (features - features.mean(axis=0)) / features.std(axis=0)
    return np.linalg.solve(Z.T @ Z + penalty * np.eye(Z.shape[1]), Z.T @ (responses - responses.mean(axis=0)))


@pytest.mark.parametrize(("n_samples", "n_features"), [(60, 9), (40, 39), (30, 30), (30, 31), (25, 80)])
@pytest.mark.parametrize("penalty", [0.1, 10.0, 1e4])
def test_weights_are_those_of_the_closed_form(n_samples, n_features, penalty):
    """Both forms, primal and kernel: which one is used depends on the shape."""
    features, responses = problem(n_samples, n_features)
    fit = fit_ridge(features, responses, penalties=[penalty], splits=3)
    assert_allclose(fit.weights, closed_form(features, responses, penalty), atol=CLOSED_FORM, rtol=CLOSED_FORM)
    assert_allclose(fit.intercept, responses.mean(axis=0), atol=CLOSED_FORM)
    assert_array_equal(fit.penalties, penalty)


@pytest.mark.parametrize("n_features", [9, 80])
def test_every_target_gets_the_penalty_that_predicts_its_folds_best(n_features):
    features, responses = problem(40, n_features, n_targets=8)
    penalties, splits = [1.0, 10.0, 100.0, 1e4], contiguous_folds(40, 4, gap=2)
    errors = np.zeros((len(penalties), 8))
    Z = (features - features.mean(axis=0)) / features.std(axis=0)
    for train, test in splits:
        for i, penalty in enumerate(penalties):
            predicted = Ridge(alpha=penalty).fit(Z[train], responses[train]).predict(Z[test])
            errors[i] += np.square(predicted - responses[test]).mean(axis=0)
    fit = fit_ridge(features, responses, penalties=penalties, splits=splits)
    assert len(set(fit.penalties)) > 1
    assert_array_equal(fit.penalties, np.array(penalties)[errors.argmin(axis=0)])
    for target, penalty in enumerate(fit.penalties):
        expected = closed_form(features, responses, penalty)[:, target]
        assert_allclose(fit.weights[:, target], expected, atol=CLOSED_FORM, rtol=CLOSED_FORM)


def test_predictions_do_not_depend_on_the_scale_of_features():
    features, responses = problem(50, 10)
    new = problem(20, 10, seed=1)[0]
    plain = fit_ridge(features, responses).predict(new)
    assert_allclose(fit_ridge(features * 1000 - 7, responses).predict(new * 1000 - 7), plain, atol=CLOSED_FORM)


def test_predictions_are_those_of_scikit_learn():
    features, responses = problem(50, 10)
    fit = fit_ridge(features, responses, penalties=[20.0])
    peer = Ridge(alpha=20.0).fit((features - fit.center) / fit.scale, responses)
    assert_allclose(fit.predict(features), peer.predict((features - fit.center) / fit.scale), atol=CLOSED_FORM)


@pytest.mark.parametrize("n_features", [9, 80])
def test_single_precision_agrees_with_double(n_features):
    features, responses = problem(40, n_features)
    single = fit_ridge(features, responses.astype(np.float32))
    double = fit_ridge(features, responses)
    assert single.weights.dtype == np.float32
    assert_array_equal(single.penalties, double.penalties)
    assert_allclose(single.weights, double.weights, atol=SINGLE)


def test_constant_features_get_no_weight():
    features, responses = problem(40, 5)
    features[:, 2] = 1e6 / 3
    fit = fit_ridge(features, responses)
    assert_allclose(fit.weights[2], 0, atol=CLOSED_FORM)
    assert np.isfinite(fit.predict(features)).all()


def test_backend_of_himalaya_is_left_as_it_was():
    features, responses = problem(20, 3)
    before = get_backend().name
    try:
        set_backend("numpy")
        fit_ridge(features, responses)
        assert get_backend().name == "numpy"
        with himalaya_backend() as backend:
            assert get_backend() is backend
            assert backend.name == "torch"
        with pytest.raises(ZeroDivisionError), himalaya_backend():
            1 / 0  # noqa: B018
        assert get_backend().name == "numpy"
    finally:
        set_backend(before)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda X, Y: (X[:-1], Y), {}, r"the same samples .rows.: got 19 and 20"),
        (lambda X, Y: (X, Y[:-2]), {}, r"the same samples .rows.: got 20 and 18"),
        (lambda X, Y: (X, Y[:, 0]), {}, r"responses must have shape \(n_samples, n_targets\)"),
        (lambda X, Y: (X, np.where(Y > 0, np.nan, Y)), {}, r"6 of 6 targets .*columns 0, 1, 2, 3, 4, \.\.\."),
        (lambda X, Y: (X * np.nan, Y), {}, "60 values that are not finite"),
        (lambda X, Y: (X, Y), {"penalties": [0.0, 1.0]}, "penalties must be above 0 and finite"),
        (lambda X, Y: (X, Y), {"penalties": []}, "at least one: got"),
        (lambda X, Y: (X, Y), {"splits": 21}, "20 samples can be cut into 2 to 20 folds"),
        (
            lambda X, Y: (X, Y),
            {"device": "tpu"},
            "device must be 'cpu', or 'cuda' where PyTorch finds a GPU: got 'tpu'",
        ),
    ],
)
def test_bad_input(change, options, message):
    features, responses = problem(20, 3)
    with pytest.raises(ValueError, match=message):
        fit_ridge(*change(features, responses), **options)


def test_prediction_needs_the_features_of_the_fit():
    with pytest.raises(ValueError, match="fitted to 3 features: got 4"):
        fit_ridge(*problem(20, 3)).predict(np.ones((5, 4)))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: the fit on one is not tested")
@pytest.mark.parametrize("n_features", [9, 80])
def test_gpu_agrees_with_cpu(n_features):
    features, responses = problem(40, n_features)
    on_gpu, on_cpu = (fit_ridge(features, responses, device=device) for device in ("cuda", "cpu"))
    assert_allclose(on_gpu.weights, on_cpu.weights, atol=CLOSED_FORM)
    assert_array_equal(on_gpu.penalties, on_cpu.penalties)
