"""The modality index is what it says, and its test tells unequal from equal predictions."""

from __future__ import annotations

import numpy as np
import pytest

from brainalign.encoding import compare_modalities, modality_index, modality_size


def test_known_indices():
    found = modality_index([0.4, 0.2, 0.3, 0.01, -0.2, 0.3], [0.0, 0.6, 0.3, 0.02, -0.1, -0.1], floor=0.05)
    np.testing.assert_allclose(found, [1.0, -0.5, 0.0, np.nan, np.nan, 1.0])


def test_size_is_the_mean_over_targets_that_count():
    assert modality_size([0.4, 0.2, 0.01], [0.0, 0.6, 0.02], floor=0.05) == pytest.approx(0.75)
    with pytest.raises(ValueError, match=r"more than floor = 0.5 \(the best score is"):
        modality_size([0.1, 0.2], [0.0, 0.1], floor=0.5)


def test_exchange_turns_the_sign():
    generator = np.random.default_rng(0)
    a, b = generator.random((2, 20))
    np.testing.assert_allclose(modality_index(a, b), -modality_index(b, a))


def predictions(gain_picture, gain_text, n=300):
    generator = np.random.default_rng(0)
    picture, text, noise = generator.standard_normal((3, n, 1))
    return picture, text, gain_picture * picture + gain_text * text + noise


def compared(*arrays, **options):
    settings = {"block": 15, "n_draws": 199, "generator": np.random.default_rng(1)} | options
    return compare_modalities(*arrays, **settings)


def test_a_better_predictor_is_found_in_both_directions():
    first, second = compared(*predictions(1.0, 0.0)), compared(*predictions(0.0, 1.0))
    assert first.difference[0] > 0.5 > -0.5 > second.difference[0]
    assert first.p_values[0] < 0.02
    assert second.p_values[0] < 0.02


def test_equal_predictors_are_not_told_apart():
    assert compared(*predictions(0.7, 0.7)).p_values[0] > 0.1


def test_difference_is_that_of_correlations():
    picture, text, response = predictions(0.6, 0.2)
    expected = np.corrcoef(picture[:, 0], response[:, 0])[0, 1] - np.corrcoef(text[:, 0], response[:, 0])[0, 1]
    assert compared(picture, text, response).difference[0] == pytest.approx(expected)


def test_a_prediction_that_does_not_vary_counts_as_none():
    picture, _, response = predictions(1.0, 0.0)
    assert compared(picture, np.zeros_like(picture), response).difference[0] > 0.5


def test_wrong_input_is_refused():
    picture, text, response = predictions(1.0, 0.0)
    with pytest.raises(ValueError, match=r"predictions \(300, 1\) and \(299"):
        compared(picture, text[1:], response)
    with pytest.raises(ValueError, match="block = 60 makes 5 blocks"):
        compared(picture, text, response, block=60)
    with pytest.raises(ValueError, match="n_draws = 5, 19 or more"):
        compared(picture, text, response, n_draws=5)
    with pytest.raises(ValueError, match=r"shapes \(2,\) and \(3,\), which must agree"):
        modality_index([1, 2], [1, 2, 3])
