"""Pairs of scores that can be reached."""

import re

import pytest
import torch
from torch.testing import assert_close

from brainalign.similarity import get_measure
from brainalign.similarity.optimization import border_of_unit_square, reach_score_pairs, slopes_to_identity
from tests.similarity.properties import normal

PAIR = ("linear_cka", "normalized_bures_similarity")


@pytest.fixture(scope="module")
def start():
    return normal(20, 10), normal(20, 10, seed=1)


def test_border_goes_round_the_square_once():
    border = border_of_unit_square(5)
    assert border.shape == (16, 2)
    assert len({tuple(point) for point in border.tolist()}) == 16
    assert ((border == 0) | (border == 1)).any(dim=1).all()
    assert_close(border[[0, 4, 8, 12]], torch.tensor([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=torch.float64))


def test_possible_pairs_are_reached_and_impossible_ones_are_not(start):
    targets = torch.tensor([[0.6, 0.7], [0.0, 1.0]], dtype=torch.float64)
    quick = {"n_steps": 100, "learning_rate": 0.03}
    reached = reach_score_pairs(*start, measures=PAIR, targets=targets, is_reference_free=True, **quick)
    assert_close(reached.nearest[0], targets[0], rtol=0, atol=0.03)
    # NBS^2 is at most 10 CKA for ten features, so that both cannot be had.
    assert (reached.nearest[1] - targets[1]).abs().sum() > 0.1
    nbs, cka = reached.scores[..., 1], reached.scores[..., 0]
    assert (nbs.square() <= 10 * cka + 1e-9).all()


def test_scores_begin_at_the_start_and_are_those_of_the_measures(start):
    targets = torch.tensor([[0.5, 0.5]])
    reached = reach_score_pairs(*start, measures=PAIR, targets=targets, is_reference_free=False, n_steps=2)
    expected = torch.stack([get_measure(name)(start[1], start[0]) for name in PAIR])
    assert reached.scores.shape == (3, 1, 2)
    assert_close(reached.scores[0, 0], expected)


def test_free_reference_reaches_what_the_fixed_one_does_not():
    """A reference of one dominant component forces a high CKA on whoever has a high NBS with it."""
    X = normal(20, 6) * torch.tensor([5.0, 0.1, 0.1, 0.1, 0.1, 0.1], dtype=torch.float64)
    Y = normal(20, 6, seed=1)
    target = torch.tensor([[0.3, 0.6]], dtype=torch.float64)
    options = {"measures": PAIR, "targets": target, "n_steps": 80, "learning_rate": 0.06}
    fixed, free = (
        (reach_score_pairs(X, Y, is_reference_free=way, **options).nearest - target).abs().sum()
        for way in (False, True)
    )
    assert free < 0.05 < fixed


def test_the_corner_of_identity_is_reached_with_finite_gradients(start):
    X, _ = start
    target = torch.ones(1, 2, dtype=torch.float64)
    reached = reach_score_pairs(X, X.clone(), measures=PAIR, targets=target, is_reference_free=True, n_steps=5)
    assert_close(reached.nearest, target, rtol=0, atol=1e-6)


def test_batch_takes_the_ways_of_single_targets(start):
    targets = torch.tensor([[0.9, 0.2], [0.2, 0.9]])
    options = {"measures": PAIR, "is_reference_free": True, "n_steps": 5}
    together = reach_score_pairs(*start, targets=targets, **options)
    for column, target in enumerate(targets):
        alone = reach_score_pairs(*start, targets=target[None], **options)
        assert_close(alone.scores[:, 0], together.scores[:, column])


def test_slopes():
    assert_close(slopes_to_identity(torch.tensor([[0.5, 0.75], [0.75, 0.5]])), torch.tensor([0.5, 2.0]))
    with pytest.raises(ValueError, match="a first score is 1: the slope"):
        slopes_to_identity(torch.tensor([1.0, 0.5]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"measures": ("linear_cka", "mutual_knn")}, "mutual_knn is no score with a gradient; choose"),
        ({"measures": ("linear_cka", "procrustes_distance")}, "procrustes_distance is no score with a gradient"),
        ({"measures": ("linear_cka",)}, "got 1 measures, targets of shape (1, 2), 3 steps."),
        ({"targets": torch.ones(2)}, "got 2 measures, targets of shape (2,), 3 steps."),
        ({"learning_rate": 1e308}, "linear_cka and normalized_bures_similarity: the optimisation diverged at step"),
    ],
)
def test_what_does_not_fit_is_refused(start, options, message):
    given = {"measures": PAIR, "targets": torch.full((1, 2), 0.5), "is_reference_free": True, "n_steps": 3, **options}
    with pytest.raises(ValueError, match=re.escape(message)):
        reach_score_pairs(*start, **given)


def test_a_border_needs_corners():
    with pytest.raises(ValueError, match="n_side must be 2 or more"):
        border_of_unit_square(1)
