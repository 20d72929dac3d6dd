"""Ranks and inversions against scipy and counting."""

from itertools import combinations

import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.stats import rankdata

from brainalign.similarity.ranks import centered_ranks, count_inversions


@given(st.lists(st.integers(0, 30), min_size=1, max_size=31))
def test_inversions_are_counted(values):
    values = [value % len(values) for value in values]
    expected = sum(first > second for first, second in combinations(values, 2))
    assert_array_equal(count_inversions(torch.tensor(values)), expected)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=20))
def test_ranks_are_those_of_scipy(values):
    expected = rankdata(values) - (len(values) + 1) / 2
    assert_array_equal(centered_ranks(torch.tensor(values)), expected)
