"""The random matrices are the study's own, and give the published values."""

from __future__ import annotations

import numpy as np
import pytest

from brainalign.datasets import published_cka_of_random_matrices
from brainalign.similarity.kernels import debiased_linear_cka, linear_cka
from brainalign.similarity.random_matrices import published_random_matrices, published_widths


def test_widths_are_those_of_the_figure():
    widths = published_widths()
    assert len(widths) == 50
    assert (widths[0], widths[-1]) == (10, 250_000)
    assert set(published_cka_of_random_matrices()["width"]) <= set(widths)
    assert published_widths(64)[-1] == 64


def test_values_come_out_to_the_last_published_digit():
    published = published_cka_of_random_matrices().set_index("width")
    reference, others = published_random_matrices(1200)
    found = 0
    for width, other in zip(published_widths(1200), others, strict=True):
        assert other.shape == (1024, width)
        if width in published.index:
            found += 1
            measured = [float(linear_cka(reference, other)), float(debiased_linear_cka(reference, other))]
            np.testing.assert_allclose(measured, published.loc[width, ["biased", "debiased"]], rtol=0, atol=5.1e-6)
    assert found == 4


@pytest.mark.parametrize("widest", [10, 100])
def test_reference_does_not_depend_on_what_is_asked_for(widest):
    reference, _ = published_random_matrices(widest)
    np.testing.assert_allclose(float(reference[0, 0]), np.random.RandomState(2024).rand(), rtol=0)
