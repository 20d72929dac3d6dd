"""Shuffles move what they should, and CKA falls by the law that follows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from brainalign.similarity.kernels import debiased_linear_cka
from brainalign.similarity.shuffling import effective_fractions, shuffle_rows, shuffle_rows_in_turn


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def moved(X, shuffled):
    return (shuffled != X).any(dim=-1)


@pytest.mark.parametrize(("fraction", "chosen"), [(0.0, 0), (0.25, 50), (1.0, 200)])
def test_rows_are_kept_and_only_the_share_moves(generator, fraction, chosen):
    X = torch.randn(200, 3, generator=generator, dtype=torch.float64)
    shuffled = shuffle_rows(X, fraction, generator=generator)
    torch.testing.assert_close(shuffled.sort(dim=0).values, X.sort(dim=0).values, rtol=0, atol=0)
    n_moved = int(moved(X, shuffled).sum())
    assert chosen - 8 <= n_moved <= chosen  # a row stays where it was now and then


def test_every_batch_is_shuffled_alike_and_the_source_stays(generator):
    X = torch.randn(2, 30, 3, generator=generator)
    before = X.clone()
    shuffled = shuffle_rows(X, generator=generator)
    torch.testing.assert_close(X, before, rtol=0, atol=0)
    torch.testing.assert_close(moved(X[0], shuffled[0]), moved(X[1], shuffled[1]))


def test_the_same_generator_gives_the_same_shuffle():
    X = torch.arange(20.0)[:, None]
    one, other = (shuffle_rows(X, generator=torch.Generator().manual_seed(3)) for _ in range(2))
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("fraction", [-0.1, 1.5])
def test_a_fraction_that_is_no_share_is_refused(generator, fraction):
    with pytest.raises(ValueError, match=rf"fraction = {fraction} is not a share of the samples"):
        shuffle_rows(torch.ones(4, 2), fraction, generator=generator)


def test_shuffles_in_turn_touch_the_effective_fraction(generator):
    fractions, n = [0.0, 0.2, 0.4, 0.6], 4000
    X = torch.arange(float(n))[:, None]
    steps = shuffle_rows_in_turn(X, fractions, generator=generator)
    touched = [float(moved(X, step).double().mean()) for step in steps]
    np.testing.assert_allclose(touched, effective_fractions(fractions), atol=0.02)


@pytest.mark.parametrize("fraction", [0.2, 0.5, 0.8])
def test_debiased_cka_falls_with_the_square_of_the_share_left_alone(generator, fraction):
    shared = torch.randn(600, 5, generator=generator, dtype=torch.float64)
    X, Y = (shared + 0.5 * torch.randn(600, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    whole = debiased_linear_cka(X, Y)
    left = [debiased_linear_cka(X, shuffle_rows(Y, fraction, generator=generator)) / whole for _ in range(40)]
    np.testing.assert_allclose(float(torch.stack(left).mean()), (1 - fraction) ** 2, atol=0.015)
