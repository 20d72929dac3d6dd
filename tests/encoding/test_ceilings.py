import numpy as np
import pytest
from numpy.testing import assert_allclose

from brainalign.encoding import inter_subject_correlation, noise_ceiling, normalize_scores


def repeats(share, *, n_repeats=4, n_targets=3000):
    rng = np.random.default_rng(0)
    signal, noise = rng.normal(size=(100, n_targets)), rng.normal(size=(n_repeats, 100, n_targets))
    return share**0.5 * signal + (1 - share) ** 0.5 * noise


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_ceiling_is_the_planted_share_of_signal_without_bias(share):
    """Mean over 3000 targets of 100 samples: the standard error is below .002."""
    assert_allclose(noise_ceiling(repeats(share)).mean(), share, atol=0.006)


def test_the_mean_of_repeats_has_a_higher_ceiling():
    """4 repeats of share .3: 1.2 / 1.9."""
    assert_allclose(noise_ceiling(repeats(0.3), average=True).mean(), 1.2 / 1.9, atol=0.01)


def test_no_model_passes_the_ceiling_and_the_true_one_meets_it():
    rng = np.random.default_rng(1)
    signal = rng.normal(size=(20_000, 1))
    measured = signal + rng.normal(size=(3, 20_000, 1))
    best = np.corrcoef(signal[:, 0], measured[0, :, 0])[0, 1]
    assert_allclose(best, noise_ceiling(measured) ** 0.5, atol=0.02)


def test_inter_subject_correlation_leaves_the_subject_out():
    rng = np.random.default_rng(0)
    responses = rng.normal(size=(3, 50, 2)) + 2 * rng.normal(size=(50, 2))
    found = inter_subject_correlation(responses)
    for subject in range(3):
        others = np.delete(responses, subject, axis=0).mean(axis=0)
        expected = [np.corrcoef(responses[subject, :, target], others[:, target])[0, 1] for target in range(2)]
        assert_allclose(found[subject], expected)
    assert abs(inter_subject_correlation(rng.normal(size=(5, 2000, 20))).mean()) < 0.01


def test_scores_are_divided_by_high_ceilings_only():
    found = normalize_scores([[0.1, 0.2, 0.3], [0.2, 0.2, -0.3]], [0.2, 0.05, 0.6], floor=0.1)
    assert_allclose(found, [[0.5, np.nan, 0.5], [1.0, np.nan, -0.5]])
    with pytest.raises(ValueError, match=r"floor must be above 0"):
        normalize_scores([0.1], [0.2], floor=0)
    with pytest.raises(ValueError, match=r"the same targets: got 0.1, \(1,\) and \(2,\)"):
        normalize_scores([0.1], [0.2, 0.3])


@pytest.mark.parametrize(("measure", "what"), [(noise_ceiling, "repeat"), (inter_subject_correlation, "subject")])
def test_bad_repeats_and_subjects_are_named(measure, what):
    good = np.random.default_rng(0).normal(size=(4, 20, 3))
    constant, missing = good.copy(), good.copy()
    constant[2, :, 1], missing[3] = 1.0, np.nan
    with pytest.raises(ValueError, match=rf"{what} 2 has 1 of 3 targets .* \(columns \[1\]\); leave the {what}"):
        measure(constant)
    with pytest.raises(ValueError, match=f"{what} 3 has 3 of 3 targets"):
        measure(missing)
    with pytest.raises(ValueError, match=rf"at least 2 {what}s .* got 1 {what}s"):
        measure(good[:1])
    with pytest.raises(ValueError, match=r"shape \(19, 3\), \(20, 3\)"):
        measure([good[0], good[1][:19]])
