"""The digits are scikit-learn's digits."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from brainalign.datasets import load_digit_images


def test_images_and_labels_are_those_of_scikit_learn():
    images, labels = load_digit_images()
    theirs = load_digits()
    np.testing.assert_array_equal(images, theirs.images / 16)
    np.testing.assert_array_equal(labels, theirs.target)
    assert (images.min(), images.max()) == (0, 1)
