"""Which components are captured, and when."""

import re

import numpy as np
import pytest
import torch
from scipy.interpolate import interp1d
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from torch.testing import assert_close

from brainalign.similarity import linear_cka
from brainalign.similarity.optimization import (
    CapturedComponents,
    capture_scores,
    principal_components,
    principal_variances,
)
from tests.similarity.properties import normal


def test_share_explained_is_the_r2_of_a_regression_on_each_component():
    X, Y = normal(40, 5) * torch.arange(1.0, 6), normal(40, 3, seed=1)
    Y[:, 0] += X[:, 4]
    projections = torch.linalg.svd(X - X.mean(dim=0), full_matrices=False)
    components = (projections.U * projections.S).numpy()
    expected = [LinearRegression().fit(Y.numpy(), c).score(Y.numpy(), c) for c in components.T]
    assert_close(CapturedComponents(X)(Y[None])[0], torch.tensor(expected, dtype=torch.float64))


def test_data_that_hold_a_component_capture_it_whole_and_no_other():
    X = torch.linalg.qr(normal(40, 5) - normal(40, 5).mean(dim=0)).Q * torch.arange(5.0, 0, -1)
    explained = CapturedComponents(X)(X[None, :, [1, 3]])
    assert_close(explained, torch.tensor([[0, 1, 0, 1, 0]], dtype=X.dtype), rtol=0, atol=1e-12)


def test_noise_explains_its_number_of_features_over_samples_less_one():
    captured = CapturedComponents(normal(101, 4))
    explained = captured(normal(400, 101, 25, seed=1)).mean(dim=0)
    assert_close(explained, torch.full((4,), 0.25, dtype=torch.float64), rtol=0, atol=0.02)


def test_each_copy_can_have_a_reference_of_its_own():
    X, Y = normal(2, 30, 3), normal(2, 30, 4, seed=1)
    together = CapturedComponents(X)(Y)
    for row in range(2):
        assert_close(CapturedComponents(X[row])(Y[row : row + 1])[0], together[row])


def test_variances_are_shares_from_the_largest_on():
    X = normal(50, 4) * torch.tensor([1.0, 4.0, 2.0, 3.0], dtype=torch.float64)
    expected = np.sort(np.linalg.eigvalsh(np.cov(X.numpy().T)))[::-1]
    assert_close(principal_variances(X), torch.from_numpy(expected / expected.sum()))
    assert_close(CapturedComponents(X).variances, principal_variances(X))


def test_principal_components_are_those_of_a_reference_implementation():
    X = normal(30, 6) * torch.tensor([1.0, 4.0, 2.0, 3.0, 0.5, 0.1], dtype=torch.float64)
    expected = torch.from_numpy(PCA(3).fit_transform(X.numpy()))
    found = principal_components(X, 3)
    assert_close(found.abs(), expected.abs())
    assert_close(found.T @ found, torch.diag(found.square().sum(dim=0)), rtol=0, atol=1e-10)
    assert_close(principal_components(torch.stack([-X, X]), 3)[1], found)


def test_all_principal_components_are_the_data_rotated():
    X, Y = normal(8, 12), normal(8, 3, seed=1)
    found = principal_components(X, 7)
    assert_close(linear_cka(found, Y), linear_cka(X, Y))
    assert_close(principal_variances(found), principal_variances(X)[:7])


@pytest.mark.parametrize(("shape", "given", "most"), [((8, 12), 8, 7), ((20, 3), 4, 3), ((20, 3), 0, 3)])
def test_components_that_the_data_do_not_have_are_refused(shape, given, most):
    message = f"{shape[0]} samples of {shape[1]} features have {most} components: got n_components = {given}. Give 1 to"
    with pytest.raises(ValueError, match=re.escape(message)):
        principal_components(normal(*shape), given)


def test_capture_score_is_the_interpolated_crossing_of_the_half_way_mark():
    """Against the interpolation of the study, which inverts the curve; the same where the curve only rises."""
    scores = torch.linspace(0.1, 0.9, 9, dtype=torch.float64)
    explained = torch.cumsum(normal(9, 6).abs(), dim=0) / 10
    explained = torch.where(explained > 1, 1.0, explained)
    expected = []
    for column in explained.T.numpy():
        half = (column[0] + 1) / 2
        reached = column.max() >= half
        expected.append(float(interp1d(column, scores.numpy())(half)) if reached else np.nan)
    assert np.isfinite(expected).any()
    assert np.isnan(expected).any()
    assert_close(capture_scores(scores, explained), torch.tensor(expected, dtype=torch.float64), equal_nan=True)


def test_of_several_crossings_the_first_counts():
    scores = torch.tensor([0.0, 0.2, 0.4, 0.6])
    explained = torch.tensor([[0.0], [1.0], [0.0], [1.0]])
    assert_close(capture_scores(scores, explained), torch.tensor([0.1]))


def test_a_component_that_is_captured_from_the_start_has_the_score_of_the_start():
    assert_close(capture_scores(torch.tensor([0.3, 0.5]), torch.ones(2, 1)), torch.tensor([0.3]))


def test_too_many_features_are_refused():
    message = "component capture: 9 features explain any component in 10 samples: at most 8 are allowed."
    with pytest.raises(ValueError, match=re.escape(message)):
        CapturedComponents(normal(10, 3))(normal(1, 10, 9))


def test_scores_and_observations_of_different_climbs_are_refused():
    with pytest.raises(ValueError, match=re.escape("got (3,) and (4, 2). Give both as one climb observed them.")):
        capture_scores(torch.zeros(3), torch.zeros(4, 2))
