import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from brainalign.encoding import delay, fit_encoding, fit_ridge
from brainalign.encoding.splits import contiguous_folds

from .planted import autocorrelated, planted_responses

PENALTIES = (1.0, 100.0, 10_000.0)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_planted_signal_is_recovered_with_its_delay(rng):
    """Share .6 of the variance: the best correlation is .77, and the weights sit at the planted delay."""
    features = autocorrelated(rng, 400, 3, lag_one=0.2)
    planted = rng.normal(size=(3, 4))
    responses = planted_responses(rng, delay(features, [2]), planted, share=0.6)
    found = fit_encoding(features, responses, delays=(0, 1, 2, 3), gap=5, penalties=PENALTIES)
    assert ((found.scores > 0.68) & (found.scores < 0.82)).all()
    by_delay = np.square(found.weights.reshape(4, 3, 4)).sum(axis=(1, 2))
    assert by_delay[2] > 20 * np.delete(by_delay, 2).max()
    direction = found.weights.reshape(4, 3, 4)[2] / features.std(axis=0)[:, None]
    assert np.corrcoef(direction.ravel(), (planted / (delay(features, [2]) @ planted).std(axis=0)).ravel())[0, 1] > 0.98
    assert (found.r2 < found.scores**2 + 0.02).all()


def test_every_sample_is_predicted_by_a_model_that_did_not_see_it(rng):
    features, responses = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    found = fit_encoding(features, responses, n_folds=4, gap=3, penalties=PENALTIES)
    for fold, (train, test) in enumerate(contiguous_folds(40, 4, gap=3)):
        assert_array_equal(found.folds[test], fold)
        changed = responses.copy()
        changed[np.setdiff1d(np.arange(40), train)] += 100 * rng.normal(size=(40 - len(train), 2))
        again = fit_encoding(features, changed, n_folds=4, gap=3, penalties=PENALTIES)
        assert_allclose(again.predictions[test], found.predictions[test], atol=1e-10)


def test_a_fold_is_the_ridge_fit_of_its_training_samples(rng):
    features, responses = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    found = fit_encoding(features, responses, n_folds=4, penalties=[30.0])
    for fold, (train, test) in enumerate(contiguous_folds(40, 4)):
        fit = fit_ridge(features[train], responses[train], penalties=[30.0])
        assert_allclose(found.predictions[test], fit.predict(features[test]), atol=1e-10)
        assert_array_equal(found.penalties[fold], 30.0)


def test_runs_of_unequal_length_are_held_out_whole(rng):
    runs = np.repeat(["a", "b", "c"], [30, 45, 20])
    features = rng.normal(size=(95, 2))
    found = fit_encoding(features, features @ rng.normal(size=(2, 3)), runs, delays=(0, 1, 2), penalties=PENALTIES)
    assert_array_equal(found.folds, np.repeat([0, 1, 2], [30, 45, 20]))
    assert (found.scores > 0.99).all()
    assert found.penalties.shape == (3, 3)


def test_scores_do_not_depend_on_batches_or_precision(rng):
    features, responses = rng.normal(size=(60, 20)), rng.normal(size=(60, 7)) + rng.normal(size=(60, 1))
    whole = fit_encoding(features, responses, penalties=PENALTIES)
    parts = fit_encoding(features, responses, penalties=PENALTIES, batch=3)
    single = fit_encoding(features, responses, penalties=PENALTIES, dtype="float32", return_weights=False)
    assert_allclose(parts.predictions, whole.predictions, atol=1e-12)
    assert_allclose(parts.weights, whole.weights, atol=1e-12)
    assert_array_equal(parts.penalties, whole.penalties)
    assert_allclose(single.scores, whole.scores, atol=1e-4)
    assert single.weights is None
    assert single.predictions.dtype == np.float32


def test_named_spaces_give_parts_that_add_up(rng):
    spaces = {"a": rng.normal(size=(60, 2)), "b": rng.normal(size=(60, 5))}
    responses = spaces["a"] @ rng.normal(size=(2, 3)) + rng.normal(size=(60, 3))
    found = fit_encoding(spaces, responses, delays=(0, 1), penalties=PENALTIES)
    assert set(found.parts) == set(found.weights) == set(found.penalties) == {"a", "b"}
    assert found.weights["b"].shape == (10, 3)
    intercepts = found.predictions - found.parts["a"] - found.parts["b"]
    for fold, (train, test) in enumerate(contiguous_folds(60, 5, gap=1)):
        assert_allclose(intercepts[test], np.broadcast_to(responses[train].mean(axis=0), (12, 3)), err_msg=str(fold))


def test_significance_comes_with_draws(rng):
    features = autocorrelated(rng, 150, 2)
    noise = autocorrelated(rng, 150, 6)
    noise[:, :3] += 2 * features @ rng.normal(size=(2, 3))
    found = fit_encoding(features, noise, penalties=PENALTIES, n_draws=199, generator=np.random.default_rng(1))
    assert found.q_values[:3].max() < 0.05 < found.p_values[3:].min()
    assert (found.q_values >= found.p_values).all()
    assert fit_encoding(features, noise, penalties=PENALTIES).p_values is None
    with pytest.raises(ValueError, match="199 draws need a source of chance"):
        fit_encoding(features, noise, n_draws=199)


def test_leakage_is_refused_and_avoided_by_default(rng):
    features, responses = rng.normal(size=(60, 2)), rng.normal(size=(60, 3))
    with pytest.raises(ValueError, match=r"share stimuli with the test block .delays"):
        fit_encoding(features, responses, delays=(2, 3, 4), gap=1)
    by_default = fit_encoding(features, responses, delays=(2, 3, 4), penalties=[1.0])
    by_hand = fit_encoding(features, responses, delays=(2, 3, 4), penalties=[1.0], gap=2)
    assert_array_equal(by_default.predictions, by_hand.predictions)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda X, Y: (X[:-1], Y), {}, "got 29 and 30"),
        (lambda X, Y: (X, Y[:-1]), {}, "got 30 and 29"),
        (lambda X, Y: (X, Y[:, :0]), {}, "Does the mask select any voxel"),
        (lambda X, Y: (X, np.where(np.arange(2) == 1, np.nan, Y)), {}, r"1 of 2 targets .*columns 1"),
        (lambda X, Y: (X, Y), {"delays": range(31)}, "31 delays of up to 30 samples do not fit a run of 30 samples"),
        (
            lambda X, Y: (X, np.where((np.arange(30)[:, None] < 6) | (np.arange(2) == 0), Y, 0)),
            {"batch": 1},
            r"1 targets vary in the test block of fold 0 only \(columns \[1\]\)",
        ),
        (lambda X, Y: (X, Y), {"n_folds": 1}, "2 to 30 folds: got n_folds = 1"),
        (lambda X, Y: (X, Y), {"runs": [0] * 29}, "label every one of the 30 samples"),
        (lambda X, Y: (X, Y), {"dtype": "float16"}, "dtype 'float32' or 'float64'"),
        (lambda X, Y: (X, Y), {"gap": 25}, "samples to train on"),
    ],
)
def test_bad_input(rng, change, options, message):
    with pytest.raises(ValueError, match=message):
        fit_encoding(*change(rng.normal(size=(30, 2)), rng.normal(size=(30, 2))), **options)
