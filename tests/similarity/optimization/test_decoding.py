"""Decoding labels from data."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from brainalign.similarity.optimization import chance_accuracy, decoding_accuracy


@pytest.fixture
def labelled():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 20)
    return np.eye(3)[labels] * 6 + rng.standard_normal((60, 3)), labels, rng


def test_clusters_are_decoded_and_noise_is_near_chance(labelled):
    data, labels, rng = labelled
    assert decoding_accuracy(data, labels, seed=0) > 0.95
    noise = [decoding_accuracy(rng.standard_normal((60, 3)), labels, seed=0) for _ in range(20)]
    assert_allclose(np.mean(noise), chance_accuracy(labels), atol=0.1)


def test_folds_are_those_of_the_seed(labelled):
    data, labels, rng = labelled
    noisy = data + 4 * rng.standard_normal(data.shape)
    assert decoding_accuracy(noisy, labels, seed=1) == decoding_accuracy(noisy, labels, seed=1)
    assert len({decoding_accuracy(noisy, labels, seed=seed) for seed in range(5)}) > 1


def test_chance_is_the_share_of_the_most_frequent_label():
    assert_allclose(chance_accuracy(["a", "b", "b", "b"]), 0.75)


def test_too_rare_labels_and_wrong_shapes_are_refused(labelled):
    data, labels, _ = labelled
    with pytest.raises(ValueError, match="got 3 labels, the rarest on 20"):
        decoding_accuracy(data, labels, folds=21, seed=0)
    with pytest.raises(ValueError, match=r"got \(60, 3\) and \(59,\); flatten the data"):
        decoding_accuracy(data, labels[1:], seed=0)
    with pytest.raises(ValueError, match="there are no labels"):
        chance_accuracy([])
