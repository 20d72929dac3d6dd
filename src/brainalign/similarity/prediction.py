"""How well one representation predicts another by a linear map.

These measures have a direction: the source predicts the target. R2 is pooled: 1 minus the squared error over the
squared deviation, both summed over all target features.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from brainalign.arrays import center_columns, check_paired, sum_of_squares, to_unit_range, unit_of, widest_range
from brainalign.similarity.registration import COLUMN_MEANS, SHAPE, UNBOUNDED, measure

__all__ = [
    "fold_ranges",
    "linear_predictivity",
    "linear_predictivity_cv",
    "pls_predictivity",
    "ridge_predictivity",
]


@measure(
    kind="score",
    bounds=(0.0, 1.0),
    identity=1.0,
    is_symmetric=False,
    is_metric=False,
    is_differentiable=True,
    invariances=SHAPE,
    source_invariances=frozenset({"invertible_linear"}),
    arguments=("source", "target"),
    centering=COLUMN_MEANS,
    normalization="variance of the target, pooled over its features",
    reference="Cloos et al. 2024",
)
def linear_predictivity(*, source: Tensor, target: Tensor) -> Tensor:
    """Share of the target's variance that a linear map of the source explains, in sample.

    1 when the target is a linear map of the source; a random source of p features reaches p / (n - 1) by chance. Any
    invertible linear map of the source is ignored.

    Parameters
    ----------
    source : Tensor of shape (..., n_samples, n_features_source)
        Representation that predicts, with fewer features than n_samples - 1.
    target : Tensor of shape (..., n_samples, n_features_target)
        Representation that is predicted.

    Returns
    -------
    Tensor of shape (...)
        R2 in [0, 1], 1 for most alike.

    Raises
    ------
    ValueError
        If the source has n_samples - 1 features or more, so that it explains any target; or for bad types, shapes and
        values.

    Notes
    -----
    ||Q'Y||^2 / ||Y||^2 with the orthonormal basis Q of the centered source and the centered target Y. Not symmetric.
    Linearly dependent source features (one that is constant, say) add nothing; where there are any, the basis comes
    from the pseudo-inverse instead of a QR decomposition, at several times the cost. The rank is the number of singular
    values, of features brought to unit length, above max(n, p, 256) roundings of the largest. The gradient exists
    wherever the rank of the source does not change. Costs O(n p^2 + n p q).

    Examples
    --------
    >>> source = torch.tensor([[1.0], [-1.0], [1.0], [-1.0]])
    >>> target = torch.tensor([[3.0, 1.0], [-3.0, 1.0], [3.0, -1.0], [-3.0, -1.0]])
    >>> round(float(linear_predictivity(source=source, target=target)), 6)  # 9 / (9 + 1)
    0.9
    """
    source, target = check_paired(source, target, measure="linear_predictivity", min_samples=3)
    _refuse_saturation(source, source.shape[-2], "linear_predictivity", "samples")
    source, target = to_unit_range(source), to_unit_range(target)
    X, Y = center_columns(source), center_columns(target)
    X = _unit_columns(X, source)
    Q, R = torch.linalg.qr(X)
    is_deficient = inverse_triangular_factor(R, X.shape[-2]) is None
    explained = X @ (_pseudo_inverse(X) @ Y) if is_deficient else Q.mT @ Y
    share = sum_of_squares(explained, precision=Y.dtype) / sum_of_squares(Y, precision=Y.dtype)
    return share.clamp(max=1)  # rounding


@measure(
    kind="score",
    bounds=(-UNBOUNDED, 1.0),
    identity=1.0,
    is_symmetric=False,
    is_metric=False,
    is_differentiable=True,
    invariances=SHAPE,
    source_invariances=frozenset({"invertible_linear"}),
    arguments=("source", "target"),
    centering="column means of the training samples removed",
    normalization="deviation of the target from its training means, pooled over its features",
    folds="5 contiguous ones by default, scores averaged",
    reference="Cloos et al. 2024",
)
def linear_predictivity_cv(*, source: Tensor, target: Tensor, folds: int = 5) -> Tensor:
    """Share of the target's variance that a linear map of the source explains in samples left out of its fit.

    Parameters
    ----------
    source : Tensor of shape (..., n_samples, n_features_source)
        Representation that predicts, with fewer features than training samples less one.
    target : Tensor of shape (..., n_samples, n_features_target)
        Representation that is predicted.
    folds : int
        Number of contiguous folds, see `fold_ranges`.

    Returns
    -------
    Tensor of shape (...)
        R2, at most 1, mean over the folds. Around 0 or below where the source does not predict; it can be far below.

    Raises
    ------
    ValueError
        If the source has too many features for the training samples of a fold, the target does not vary in a fold, the
        number of folds does not fit, or for bad types, shapes and values.

    Notes
    -----
    Means are those of the training samples, also in the deviation that R2 is measured against; it is pooled over target
    features and averaged over folds. Samples are not shuffled: neighbors in time stay together. Linearly dependent
    features get the coefficients of least norm.

    Examples
    --------
    >>> source = torch.tensor([[1.0], [2.0], [4.0], [8.0], [9.0], [5.0]])
    >>> round(float(linear_predictivity_cv(source=source, target=2 * source + 1, folds=2)), 6)
    1.0
    """
    source, target = check_paired(source, target, measure="linear_predictivity_cv", min_samples=4)
    source, target = to_unit_range(source), to_unit_range(target)
    scores = []
    for train, test in _splits(source.shape[-2], folds, "linear_predictivity_cv"):
        _refuse_saturation(source, len(train), "linear_predictivity_cv", "training samples")
        X, Y, X_test, Y_test = _centered_fold(source, target, train, test)
        scale = column_lengths(X, source)
        X = X / scale
        Q, R = torch.linalg.qr(X)
        inverse = inverse_triangular_factor(R, X.shape[-2])
        coefficients = _pseudo_inverse(X) @ Y if inverse is None else inverse @ (Q.mT @ Y)
        scores.append(_r2(Y_test, (X_test / scale) @ coefficients, test, "linear_predictivity_cv"))
    return torch.stack(scores).mean(dim=0)


@measure(
    kind="score",
    bounds=(-UNBOUNDED, 1.0),
    identity=None,
    is_symmetric=False,
    is_metric=False,
    is_differentiable=True,
    # The scale of the target is ignored as well, that of the source is not: the penalty stays.
    invariances=frozenset({"orthogonal", "translation", "permutation"}),
    arguments=("source", "target"),
    centering="column means of the training samples removed",
    normalization="deviation of the target from its training means, pooled over its features",
    folds="5 contiguous ones by default, scores averaged",
    reference="Cloos et al. 2024",
)
def ridge_predictivity(*, source: Tensor, target: Tensor, alpha: float = 100.0, folds: int | None = 5) -> Tensor:
    """Share of the target's variance that a ridge regression on the source explains.

    Parameters
    ----------
    source : Tensor of shape (..., n_samples, n_features_source)
        Representation that predicts.
    target : Tensor of shape (..., n_samples, n_features_target)
        Representation that is predicted.
    alpha : float
        Penalty on the squared coefficients, above 0, in squared units of the source summed over samples: it is not
        divided by their number.
    folds : int or None
        Number of contiguous folds, see `fold_ranges`; None fits and scores the same samples.

    Returns
    -------
    Tensor of shape (...)
        R2, at most 1, mean over the folds; in [0, 1] in sample. Cross-validated it can be far below 0.

    Raises
    ------
    ValueError
        If alpha is not above 0, the target does not vary in a fold, the number of folds does not fit, or for bad types,
        shapes and values.

    Notes
    -----
    B = (X'X + alpha I)^-1 X'Y, or X' (XX' + alpha I)^-1 Y where that is smaller; X and Y less their training means.
    R2 is pooled over target features, against the training means, and averaged over folds (the conventions of Cloos et
    al. 2024, arXiv 2407.07059, whose penalties are 1 to 10 000). A small alpha gives `linear_predictivity`, a large one
    0. The value depends on the scale of the source, as alpha stays.

    Examples
    --------
    >>> source = torch.tensor([[1.0], [-1.0]])
    >>> round(float(ridge_predictivity(source=source, target=source, alpha=2.0, folds=None)), 6)  # halved: 1 - 1 / 4
    0.75
    """
    source, target = check_paired(source, target, measure="ridge_predictivity")
    if not 0 < alpha < float("inf"):
        msg = (
            f"ridge_predictivity: alpha must be above 0 and finite: got {alpha}. Without penalty: linear_predictivity."
        )
        raise ValueError(msg)
    unit = unit_of(widest_range(source))
    source, target = source / unit, to_unit_range(target)
    # A penalty too large for the type shrinks all coefficients to 0, as its largest number does.
    penalty = (alpha / unit.double().square()).clamp(max=torch.finfo(source.dtype).max ** 0.5).to(source.dtype)
    scores = []
    for train, test in _splits(source.shape[-2], folds, "ridge_predictivity"):
        X, Y, X_test, Y_test = _centered_fold(source, target, train, test)
        scores.append(_r2(Y_test, X_test @ _ridge_coefficients(X, Y, penalty, alpha), test, "ridge_predictivity"))
    return torch.stack(scores).mean(dim=0)


@measure(
    kind="score",
    bounds=(-UNBOUNDED, 1.0),
    identity=None,
    is_symmetric=False,
    is_metric=False,
    is_differentiable=True,
    invariances=SHAPE,
    arguments=("source", "target"),
    centering="column means of the training samples removed",
    normalization="deviation of the target from its training means, pooled over its features",
    folds="5 contiguous ones by default, scores averaged",
    reference="Wold et al. 1983; Schrimpf et al. 2018",
)
def pls_predictivity(*, source: Tensor, target: Tensor, n_components: int = 2, folds: int | None = 5) -> Tensor:
    """Share of the target's variance that a partial least squares regression on the source explains.

    The map goes through a few directions of the source, each the one whose covariance with the target is largest.

    Parameters
    ----------
    source : Tensor of shape (..., n_samples, n_features_source)
        Representation that predicts.
    target : Tensor of shape (..., n_samples, n_features_target)
        Representation that is predicted.
    n_components : int
        Number of directions: at most the number of source features, and of training samples less one.
    folds : int or None
        Number of contiguous folds, see `fold_ranges`; None fits and scores the same samples.

    Returns
    -------
    Tensor of shape (...)
        R2, at most 1, mean over the folds; in [0, 1] in sample.

    Raises
    ------
    ValueError
        If there are fewer components to be had, the target does not vary in a fold, the number of folds does not fit,
        or for bad types, shapes and values.

    Notes
    -----
    Features are centered, not standardized. Each component's weights are the leading left singular vector of X'Y, after
    which its part is removed from X and Y (Wold's PLS2). The gradient needs the leading singular value of every
    component to be larger than the next one; ties among the others do no harm. Brain-Score uses 25 components
    (Schrimpf et al. 2018).

    Examples
    --------
    >>> source = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> target = source @ torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    >>> round(float(pls_predictivity(source=source, target=target, n_components=1, folds=None)), 6)  # 4 / (4 + 1)
    0.8
    """
    source, target = check_paired(source, target, measure="pls_predictivity")
    source, target = to_unit_range(source), to_unit_range(target)
    scores = []
    for train, test in _splits(source.shape[-2], folds, "pls_predictivity"):
        most = min(source.shape[-1], len(train) - 1)
        if not 1 <= n_components <= most:
            msg = (
                f"pls_predictivity: {source.shape[-1]} source features and {len(train)} training samples allow 1 to "
                f"{most} components: got n_components = {n_components}."
            )
            raise ValueError(msg)
        X, Y, X_test, Y_test = _centered_fold(source, target, train, test)
        scores.append(_r2(Y_test, _pls_prediction(X, Y, X_test, n_components), test, "pls_predictivity"))
    return torch.stack(scores).mean(dim=0)


def fold_ranges(n_samples: int, folds: int) -> list[range]:
    """Cut the samples into neighboring folds of nearly equal length, the longer ones first.

    Parameters
    ----------
    n_samples : int
        Number of samples.
    folds : int
        Number of folds, from 2 to n_samples.

    Returns
    -------
    list of range
        Samples that each fold holds out, in order.

    Raises
    ------
    ValueError
        If the number of folds does not fit.

    Examples
    --------
    >>> fold_ranges(5, 2)
    [range(0, 3), range(3, 5)]
    """
    if not 2 <= folds <= n_samples:
        msg = f"{n_samples} samples can be cut into 2 to {n_samples} folds: got folds = {folds}."
        raise ValueError(msg)
    size, longer = divmod(n_samples, folds)
    edges = [fold * size + min(fold, longer) for fold in range(folds + 1)]
    return [range(start, stop) for start, stop in pairwise(edges)]


def _splits(n_samples: int, folds: int | None, measure: str) -> list[tuple[list[int], list[int]]]:
    """Training and test samples of each fold; without folds, all samples are both."""
    everything = list(range(n_samples))
    if folds is None:
        return [(everything, everything)]
    splits = [
        (everything[: held.start] + everything[held.stop :], list(held))
        for held in _folds_of(n_samples, folds, measure)
    ]
    shortest = min(len(train) for train, _ in splits)
    if shortest < 2:
        msg = f"{measure}: {folds} folds of {n_samples} samples leave {shortest} to train on; give more samples."
        raise ValueError(msg)
    return splits


def _folds_of(n_samples: int, folds: int, measure: str) -> list[range]:
    try:
        return fold_ranges(n_samples, folds)
    except ValueError as error:
        msg = f"{measure}: {error}"
        raise ValueError(msg) from None


def _centered_fold(
    source: Tensor, target: Tensor, train: list[int], test: list[int]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    X, Y = source[..., train, :], target[..., train, :]
    x_mean, y_mean = X.mean(dim=-2, keepdim=True), Y.mean(dim=-2, keepdim=True)
    return X - x_mean, Y - y_mean, source[..., test, :] - x_mean, target[..., test, :] - y_mean


def _r2(truth: Tensor, prediction: Tensor, test: list[int], measure: str) -> Tensor:
    deviation = sum_of_squares(truth, precision=truth.dtype)
    if (deviation.detach() == 0).any():
        msg = (
            f"{measure}: in samples {test[0]} to {test[-1]} the target equals its training mean, so that there is "
            "nothing to explain; give fewer folds or drop the constant part."
        )
        raise ValueError(msg)
    return 1 - sum_of_squares(truth - prediction, precision=truth.dtype) / deviation


def _refuse_saturation(source: Tensor, n_samples: int, measure: str, kind: str) -> None:
    n_features = source.shape[-1]
    if n_features >= n_samples - 1:
        msg = (
            f"{measure}: {n_features} source features explain any target in {n_samples} {kind}: at most "
            f"{n_samples - 2} are allowed. Use ridge_predictivity, fewer features (principal components), or more "
            "samples."
        )
        raise ValueError(msg)


def column_lengths(X: Tensor, source: Tensor) -> Tensor:
    """Length of every centered feature, 1 for a feature that is constant up to rounding.

    Parameters
    ----------
    X : Tensor of shape (..., n_samples, n_features)
        Centered features, or a part of their samples.
    source : Tensor of shape (..., n_samples, n_features)
        The same before centering, which tells how large the rounding is.

    Returns
    -------
    Tensor of shape (..., 1, n_features)
        Not part of the graph.
    """
    lengths = torch.linalg.vector_norm(X.detach(), dim=-2, keepdim=True)
    size = source.detach().abs().amax(dim=-2, keepdim=True) * X.shape[-2] ** 0.5
    return torch.where(lengths > 4 * torch.finfo(X.dtype).eps * size, lengths, torch.ones_like(lengths))


def _unit_columns(X: Tensor, source: Tensor) -> Tensor:
    # A constant, not part of the graph: no measure here notices the scale of source features.
    return X / column_lengths(X, source)


def inverse_triangular_factor(R: Tensor, n_samples: int) -> Tensor | None:
    """Inverse of the QR factor of features of unit length, unless some are linear combinations of others.

    Parameters
    ----------
    R : Tensor of shape (..., n_features, n_features)
        Upper triangular factor.
    n_samples : int
        Samples that the features have.

    Returns
    -------
    Tensor of shape (..., n_features, n_features) or None
        None if in any problem of the batch a singular value is at most max(n_samples, n_features, 256) roundings of
        the largest.
    """
    inverse = torch.linalg.solve_triangular(R, torch.eye(R.shape[-1], dtype=R.dtype, device=R.device), upper=True)
    # The diagonal of R does not tell: without pivoting it can stay far above the smallest singular value, which is at
    # least 1 / ||R^-1||. Only where this bound is low do the singular values themselves have to decide.
    tolerance = _rank_tolerance(R, n_samples)
    if (1 / (_frobenius_norm(inverse) * _frobenius_norm(R)) > tolerance).all():
        return inverse
    s = torch.linalg.svdvals(R.detach())
    return inverse if (s[..., -1] > tolerance * s[..., 0]).all() else None


def _frobenius_norm(array: Tensor) -> Tensor:
    return array.detach().square().sum(dim=(-2, -1), dtype=torch.float64).sqrt()


def _pseudo_inverse(X: Tensor) -> Tensor:
    return torch.linalg.pinv(X, rtol=_rank_tolerance(X, X.shape[-2]))


def _rank_tolerance(array: Tensor, n_samples: int) -> float:
    """Singular values below this share of the largest count as 0: the rule of `numpy.linalg.matrix_rank`, with a floor.

    The rounding of a feature that was left over from longer ones grows when the feature is brought to unit length, so
    that for few samples the rule alone would be too strict.
    """
    return max(n_samples, array.shape[-1], 256) * torch.finfo(array.dtype).eps


def _ridge_coefficients(X: Tensor, Y: Tensor, penalty: Tensor, alpha: float) -> Tensor:
    if X.shape[-1] <= X.shape[-2]:
        return _solve_penalized(X.mT @ X, X.mT @ Y, penalty, alpha)
    return X.mT @ _solve_penalized(X @ X.mT, Y, penalty, alpha)


def _solve_penalized(gram: Tensor, right: Tensor, penalty: Tensor, alpha: float) -> Tensor:
    penalty = penalty * torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    factor, failed = torch.linalg.cholesky_ex(gram + penalty)
    if (failed != 0).any():
        msg = (
            f"ridge_predictivity: alpha = {alpha} is lost in the rounding of {gram.dtype} beside this source; "
            "raise alpha, rescale the source or use double precision."
        )
        raise ValueError(msg)
    return torch.cholesky_solve(right, factor)


def _pls_prediction(X: Tensor, Y: Tensor, X_test: Tensor, n_components: int) -> Tensor:
    """Fit on X and Y, predict from X_test, removing one component after the other from all of them."""
    sizes = sum_of_squares(X, precision=X.dtype) * sum_of_squares(Y, precision=Y.dtype)
    nothing = (4 * X.shape[-2] ** 0.5 * torch.finfo(X.dtype).eps * sizes.sqrt()).detach()
    predictions = []
    for component in range(n_components):
        covariance = X.mT @ Y
        if (sum_of_squares(covariance.detach(), precision=X.dtype).sqrt() <= nothing).any():
            msg = (
                f"pls_predictivity: after {component} components the source and the target have no covariance left; "
                f"give n_components = {component} or less."
            )
            raise ValueError(msg)
        weights = _leading_left_vector(covariance)
        scores, test_scores = X @ weights, X_test @ weights
        power = sum_of_squares(scores, precision=X.dtype)[..., None, None]
        x_loadings, y_loadings = X.mT @ scores / power, Y.mT @ scores / power
        predictions.append(test_scores @ y_loadings.mT)
        X, Y, X_test = X - scores @ x_loadings.mT, Y - scores @ y_loadings.mT, X_test - test_scores @ x_loadings.mT
    return torch.stack(predictions).sum(dim=0)


def _leading_left_vector(M: Tensor) -> Tensor:
    """Left singular vector of the largest singular value, of shape (..., rows, 1); its sign is arbitrary."""
    M = M / M.detach().abs().amax(dim=(-2, -1), keepdim=True)  # the squares below must not over- or underflow
    if M.shape[-2] <= M.shape[-1]:
        return _LeadingEigenvector.apply(M @ M.mT)
    left = M @ _LeadingEigenvector.apply(M.mT @ M)
    return left / torch.linalg.vector_norm(left, dim=-2, keepdim=True)


class _LeadingEigenvector(torch.autograd.Function):
    """Eigenvector of the largest eigenvalue of a symmetric matrix, of shape (..., n, 1).

    Its gradient divides by the distance of the largest eigenvalue from every other one only; that of a full
    decomposition also divides by the distances among the others and fails where those coincide.
    """

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        values, vectors = torch.linalg.eigh(matrix)
        ctx.save_for_backward(values, vectors)
        return vectors[..., -1:].clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        values, vectors = ctx.saved_tensors
        leading, others = vectors[..., -1:], vectors[..., :-1]
        gaps = (values[..., -1:] - values[..., :-1]).unsqueeze(-1)
        if (gaps == 0).any():
            msg = (
                "pls_predictivity: the two largest covariances of a component are equal, so that it has no gradient; "
                "start from other data."
            )
            raise ValueError(msg)
        direction = others @ ((others.mT @ gradient) / gaps)
        outer = direction @ leading.mT
        return (outer + outer.mT) / 2
