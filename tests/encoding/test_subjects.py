"""Models of other subjects, and means over subjects."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_equal

from brainalign.encoding import correlation_scores, fit_encoding, inter_subject_correlation
from brainalign.encoding.subjects import left_out_subject_scores, mean_over_subjects

N_SUBJECTS, N_SAMPLES = 6, 150


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def listeners(rng):
    """Features, and subjects who share a response to them beside noise of their own; the last target is noise alone."""
    features = rng.normal(size=(N_SAMPLES, 4))
    shared = features @ rng.normal(size=(4, 3)) * [0.5, 0.5, 0]
    return features, shared + rng.normal(size=(N_SUBJECTS, N_SAMPLES, 3))


def test_scores_are_those_of_one_fit_for_every_subject(listeners):
    features, responses = listeners
    options = {"delays": (0, 1), "n_folds": 3, "gap": 2}
    found = left_out_subject_scores(features, responses, **options)
    assert_equal(found.shape, (N_SUBJECTS, 3))
    for subject in (0, 4):
        others = np.delete(responses, subject, axis=0).mean(axis=0)
        fit = fit_encoding(features, others, **options)
        expected = correlation_scores(fit.predictions, responses[subject], fit.folds)
        assert_allclose(found[subject], expected, atol=1e-8)


def test_the_right_features_come_up_to_the_ceiling_and_noise_stays_at_zero(listeners):
    features, responses = listeners
    scores = left_out_subject_scores(features, responses).mean(axis=0)
    ceiling = inter_subject_correlation(responses).mean(axis=0)
    above = scores[:2] - ceiling[:2]  # a little, because the fit has less noise than the mean of five others
    assert above.min() > 0
    assert above.max() < 0.12
    assert ceiling[:2].min() > 0.5
    assert abs(scores[2]) < 0.1


def test_what_is_private_to_a_subject_does_not_predict_that_subject(listeners, rng):
    _, responses = listeners
    scores = []
    for _ in range(20):
        private = rng.normal(size=(N_SAMPLES, 3))
        with_private = responses.copy()
        with_private[0] += 3 * private
        assert fit_encoding(private, with_private[0]).scores.min() > 0.8
        scores.append(left_out_subject_scores(private, with_private, n_folds=2)[0])
    assert abs(np.mean(scores)) < 0.1


def test_spaces_with_penalties_of_their_own_are_taken(listeners):
    features, responses = listeners
    spaces = {"half": features[:, :2], "rest": features[:, 2:]}
    both = left_out_subject_scores(spaces, responses, n_folds=2)
    one = left_out_subject_scores(features, responses, n_folds=2)
    assert_allclose(both[:, :2], one[:, :2], atol=0.03)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda r: r[:2], r"at least 3 subjects of one shape .*: got 2 subjects of shape \(150, 3\)"),
        (lambda r: [*r[:3], r[3][:-1]], r"got 4 subjects of shape \(149, 3\), \(150, 3\)\. Cut them"),
        (lambda r: r * np.arange(N_SUBJECTS)[:, None, None], r"subject 0 has 3 of 3 targets that are constant"),
        (lambda r: np.where(r == r[2, 5, 1], np.nan, r), r"subject 2 has 1 of 3 targets .* \(columns \[1\]\)"),
    ],
)
def test_subjects_that_cannot_be_used_are_named(listeners, spoil, message):
    features, responses = listeners
    with pytest.raises(ValueError, match=message):
        left_out_subject_scores(features, spoil(responses))


def test_interval_is_about_two_standard_errors_wide_and_draws_the_same_again(rng):
    values = rng.normal(3, 1, size=(400, 2))
    found = mean_over_subjects(values, n_draws=2000, generator=np.random.default_rng(1))
    assert_allclose(found.value, values.mean(axis=0))
    assert_allclose(found.high - found.low, 2 * 1.96 * values.std(axis=0) / 20, rtol=0.1)
    again = mean_over_subjects(values, n_draws=2000, generator=np.random.default_rng(1))
    assert_equal(again, found)


def test_interval_covers_the_truth_as_often_as_it_says(rng):
    draws = [mean_over_subjects(rng.normal(size=(27, 40)), n_draws=200, generator=rng) for _ in range(10)]
    covered = np.mean([(draw.low <= 0) & (draw.high >= 0) for draw in draws])
    assert 0.89 < covered < 0.97  # the percentile interval of 27 subjects is a little narrow


def test_subjects_that_are_all_alike_have_an_interval_without_width():
    found = mean_over_subjects(np.full((5, 2), 0.1), n_draws=50, generator=np.random.default_rng(0))
    assert_allclose([found.low, found.high], 0.1)
    assert (found.low <= found.value).all()


@pytest.mark.parametrize(
    ("values", "n_draws", "message"),
    [
        (np.zeros((2, 3)), 100, r"at least 3 subjects, .*: got shape \(2, 3\) with 0"),
        (np.array([0, 1, np.nan, 2]), 100, r"got shape \(4,\) with 1 values that are not finite"),
        (np.zeros(5), 18, r"and 18 draws"),
    ],
)
def test_means_that_cannot_be_taken_are_refused(values, n_draws, message):
    with pytest.raises(ValueError, match=message):
        mean_over_subjects(values, n_draws=n_draws, generator=np.random.default_rng(0))
