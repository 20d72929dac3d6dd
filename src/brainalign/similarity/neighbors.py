"""Measures that pair things up: samples with their nearest samples, features with their matching features."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment, linprog
from scipy.sparse import csr_array
from torch import Tensor

from brainalign.arrays import center_columns, check_paired, to_unit_range, unit_of, widest_range
from brainalign.similarity.registration import COLUMN_MEANS, UNBOUNDED, measure

__all__ = ["expected_mutual_knn", "mutual_knn", "soft_matching", "soft_matching_distance", "soft_matching_plan"]

CLOSENESS = ("cosine", "euclidean")
"""What makes neighbors near, see `mutual_knn`."""


# ---- Nearest samples -------------------------------------------------------------------------------------------------


@measure(
    kind="score",
    bounds=(0.0, 1.0),
    identity=1.0,
    is_symmetric=True,
    is_metric=False,
    is_differentiable=False,
    invariances=frozenset({"orthogonal", "isotropic_scaling", "permutation"}),
    normalization="length of each sample by default; 10 neighbors by default",
    reference="Huh et al. 2024",
)
def mutual_knn(X: Tensor, Y: Tensor, *, k: int = 10, closeness: str = "cosine") -> Tensor:
    """Share of the k nearest neighbors of a sample that are the same in both representations, mean over samples.

    1 when every sample has the same neighbors. Only the order of closeness counts, not how near the neighbors are.

    Parameters
    ----------
    X, Y : Tensor of shape (..., n_samples, n_features_x) and (..., n_samples, n_features_y)
        Representations of the same samples.
    k : int
        Number of neighbors, from 1 to n_samples - 1; a sample is not its own neighbor.
    closeness : {"cosine", "euclidean"}
        "cosine": by the angle at the origin, as published. "euclidean": by distance.

    Returns
    -------
    Tensor of shape (...)
        In [0, 1], 1 for most alike, without a graph of gradients: it is constant almost everywhere.

    Raises
    ------
    ValueError
        If k does not fit, closeness is unknown, a sample is zero in all features (cosine only), or for bad types,
        shapes and values.

    Notes
    -----
    Chance is k / (n - 1), see `expected_mutual_knn`; at k = n - 1 the value is 1 for any data. The cosine is not
    centered: it notices a translation. Among equally near neighbors the choice is arbitrary. Costs O(n^2 p).

    References
    ----------
    Huh, M., Cheung, B., Wang, T., & Isola, P. (2024). The Platonic representation hypothesis. ICML.

    Examples
    --------
    >>> X = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
    >>> mutual_knn(X, X[[0, 2, 1, 3]], k=1)
    tensor(0.)
    """
    X, Y = check_paired(X, Y, measure="mutual_knn")
    _check_k(X.shape[-2], k, "mutual_knn")
    if closeness not in CLOSENESS:
        msg = f"closeness = {closeness!r} is unknown; choose one of {', '.join(CLOSENESS)}."
        raise ValueError(msg)
    shared = _neighbor_mask(X.detach(), k, closeness) & _neighbor_mask(Y.detach(), k, closeness)
    return shared.sum(dim=(-2, -1)).to(X.dtype) / (k * X.shape[-2])


def expected_mutual_knn(n_samples: int, *, k: int) -> float:
    """Mean of `mutual_knn` over all shuffles of the samples of one representation: k / (n - 1), exactly.

    Parameters
    ----------
    n_samples : int
        Number of samples.
    k : int
        Number of neighbors, from 1 to n_samples - 1.

    Returns
    -------
    float
        In (0, 1].

    Raises
    ------
    ValueError
        If k does not fit.

    Examples
    --------
    >>> expected_mutual_knn(11, k=5)
    0.5
    """
    _check_k(n_samples, k, "expected_mutual_knn")
    return k / (n_samples - 1)


def _check_k(n_samples: int, k: int, measure: str) -> None:
    if not 1 <= k <= n_samples - 1:
        msg = f"{measure}: {n_samples} samples have 1 to {n_samples - 1} neighbors each: got k = {k}."
        raise ValueError(msg)


def _neighbor_mask(X: Tensor, k: int, closeness: str) -> Tensor:
    """Whether column j is among the k nearest neighbors of row i, of shape (..., n_samples, n_samples)."""
    if closeness == "cosine":
        X = X / unit_of(X.abs().amax(dim=-1, keepdim=True))
        lengths = torch.linalg.vector_norm(X, dim=-1, keepdim=True)
        if (lengths == 0).any():
            first = (lengths[..., 0] == 0).nonzero()[0].tolist()
            msg = (
                f"mutual_knn: {int((lengths == 0).sum())} samples are zero in all features, the first at {first}, and "
                "have no angle; drop them or use closeness='euclidean'."
            )
            raise ValueError(msg)
        X = X / lengths
        nearness = X @ X.mT
    else:
        X = center_columns(to_unit_range(X))
        nearness = 2 * X @ X.mT - X.square().sum(dim=-1).unsqueeze(-2)  # less the squared distance, up to row constants
    nearness.diagonal(dim1=-2, dim2=-1).fill_(-torch.inf)
    nearest = nearness.topk(k, dim=-1).indices
    return torch.zeros_like(nearness, dtype=torch.bool).scatter_(-1, nearest, True)


# ---- Matching features -----------------------------------------------------------------------------------------------


@measure(
    kind="score",
    bounds=(-1.0, 1.0),
    identity=1.0,
    is_symmetric=True,
    is_metric=False,
    is_differentiable=True,
    invariances=frozenset({"isotropic_scaling", "translation", "permutation"}),
    centering=COLUMN_MEANS,
    normalization="length of each feature",
    padding="none; features of unlike numbers share their weight",
    reference="Khosla and Williams 2024",
)
def soft_matching(X: Tensor, Y: Tensor) -> Tensor:
    """Mean correlation of the features of two representations after the best soft matching of one to the other.

    1 when both hold the same features up to order, shift, positive scale and, for different widths, evenly distributed
    copies. Unlike rotation-invariant measures it asks whether single features agree.

    Parameters
    ----------
    X, Y : Tensor of shape (..., n_samples, n_features_x) and (..., n_samples, n_features_y)
        Representations of the same samples; no feature may be constant.

    Returns
    -------
    Tensor of shape (...)
        In [-1, 1], 1 for most alike. In practice not below 0 by much: the matching is the best one.

    Raises
    ------
    ValueError
        If a feature is constant, or for bad types, shapes and values.

    Notes
    -----
    max_P sum_ij P_ij corr(x_i, y_j) over non-negative P whose rows sum to 1 / p and columns to 1 / q. For p = q the
    best P is a permutation over p, and this is one-to-one matching. The gradient is that of the correlations at the
    best P, which is exact wherever that P is the only best one. The assignment runs on the CPU: for equal widths
    at most O(p^3), for others an exact linear program of p q variables.

    References
    ----------
    Khosla, M., & Williams, A. H. (2024). Soft matching distance. UniReps.

    Examples
    --------
    >>> X = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 1.0]])
    >>> Y = torch.stack([X[:, 1], X[:, 0], X[:, 1], X[:, 0]], dim=1)
    >>> round(float(soft_matching(X, Y)), 6)
    1.0
    """
    X, Y = check_paired(X, Y, measure="soft_matching")
    X, Y = _unit_features(X, "X", "soft_matching"), _unit_features(Y, "Y", "soft_matching")
    correlations = X.mT @ Y
    matched = (soft_matching_plan(-correlations.detach()) * correlations).sum(dim=(-2, -1))
    return matched.clamp(-1, 1)  # rounding


@measure(
    kind="distance",
    bounds=(0.0, UNBOUNDED),
    identity=0.0,
    is_symmetric=True,
    is_metric=True,
    is_differentiable=True,
    invariances=frozenset({"translation", "permutation"}),
    centering=COLUMN_MEANS,
    padding="none; features of unlike numbers share their weight",
    reference="Khosla and Williams 2024",
)
def soft_matching_distance(X: Tensor, Y: Tensor) -> Tensor:
    """Root mean squared distance between the features of two representations after the best soft matching.

    0 when both hold the same features up to order, shift and, for different widths, evenly distributed copies. A metric
    on such sets of features, also across widths.

    Parameters
    ----------
    X, Y : Tensor of shape (..., n_samples, n_features_x) and (..., n_samples, n_features_y)
        Representations of the same samples.

    Returns
    -------
    Tensor of shape (...)
        0 or more, in units of the features; 0 for most alike.

    Raises
    ------
    ValueError
        For bad types, shapes and values.

    Notes
    -----
    sqrt(min_P sum_ij P_ij ||x_i - y_j||^2) over the P of `soft_matching`, of centered features: the 2-Wasserstein
    distance between two clouds of tuning curves. The scale of the features counts. At 0, where it has no gradient, 0 is
    given.

    References
    ----------
    Khosla, M., & Williams, A. H. (2024). Soft matching distance. UniReps.

    Examples
    --------
    >>> X = torch.tensor([[3.0], [-3.0]])
    >>> round(float(soft_matching_distance(X, torch.cat([X, -X], dim=1))), 6)  # half of it is 2 sqrt(18) away
    6.0
    """
    X, Y = check_paired(X, Y, measure="soft_matching_distance")
    unit = unit_of(torch.maximum(widest_range(X), widest_range(Y)))
    X, Y = center_columns(X / unit), center_columns(Y / unit)
    squared = _matched_squares(X, Y, soft_matching_plan(-(X.mT @ Y).detach()))
    positive = squared.detach() > 0
    distance = squared.where(positive, torch.ones_like(squared)).sqrt()
    return unit[..., 0, 0] * torch.where(positive, distance, torch.zeros_like(squared))


def soft_matching_plan(cost: Tensor) -> Tensor:
    """Cheapest way to distribute the rows of a cost matrix evenly over its columns.

    Parameters
    ----------
    cost : Tensor of shape (..., p, q)
        Cost of each unit of weight that row i gives to column j.

    Returns
    -------
    Tensor of shape (..., p, q)
        Non-negative weights; every row sums to 1 / p, every column to 1 / q. Carries no graph.

    Raises
    ------
    ValueError
        If the costs are not finite.

    Notes
    -----
    Solved exactly. Where the least common multiple of p and q is small, by the assignment of equal shares (every row
    repeated lcm / p times, every column lcm / q times); else as a linear program, whose solver knows absolute
    tolerances only: it is given the costs in units of their range.

    Examples
    --------
    >>> soft_matching_plan(torch.tensor([[0.0, 1.0], [0.0, 3.0]]))
    tensor([[0.0000, 0.5000],
            [0.5000, 0.0000]])
    """
    if not torch.isfinite(cost).all():
        msg = f"soft_matching_plan: {int((~torch.isfinite(cost)).sum())} costs are not finite; remove or impute them."
        raise ValueError(msg)
    costs = cost.detach().to("cpu", torch.float64).numpy()
    plans = np.stack([_plan(matrix) for matrix in _matrices(costs)]).reshape(costs.shape)
    return torch.as_tensor(plans).to(cost.device, cost.dtype)


def _matrices(costs: np.ndarray) -> Iterator[np.ndarray]:
    yield from costs.reshape(-1, *costs.shape[-2:])


def _plan(cost: np.ndarray) -> np.ndarray:
    p, q = cost.shape
    shares = p * q // gcd(p, q)
    return _assign_shares(cost, shares) if shares <= 4 * max(p, q) else _solve_transport(cost)


def _assign_shares(cost: np.ndarray, shares: int) -> np.ndarray:
    p, q = cost.shape
    rows, columns = linear_sum_assignment(np.kron(cost, np.ones((shares // p, shares // q))))
    plan = np.zeros((p, q))
    np.add.at(plan, (rows // (shares // p), columns // (shares // q)), 1 / shares)
    return plan


def _solve_transport(cost: np.ndarray) -> np.ndarray:
    p, q = cost.shape
    variable = np.arange(p * q)
    row, column = np.divmod(variable, q)
    # One equation per row and column, the last left out: it follows from the others.
    equation, variable = np.concatenate([row, p + column]), np.concatenate([variable, variable])
    kept = equation < p + q - 1
    sums = csr_array((np.ones(kept.sum()), (equation[kept], variable[kept])), shape=(p + q - 1, p * q))
    # In shares of 1 / (p q), so that all totals are whole numbers.
    totals = np.concatenate([np.full(p, q), np.full(q, p)])[:-1]
    cost = cost / np.abs(cost).max() if cost.any() else cost  # no difference may overflow
    cost = (cost - cost.min()) / (np.ptp(cost) or 1.0)
    solution = linprog(cost.ravel(), A_eq=sums, b_eq=totals, bounds=(0, None), method="highs")
    if not solution.success:
        msg = f"soft_matching_plan: the transport of {p} x {q} features was not solved: {solution.message}"
        raise ValueError(msg)
    return solution.x.reshape(p, q) / (p * q)


def _unit_features(X: Tensor, name: str, measure: str) -> Tensor:
    X = X / unit_of(X.detach().abs().amax(dim=-2, keepdim=True))
    size = X.detach().abs().amax(dim=-2, keepdim=True) * X.shape[-2] ** 0.5
    X = center_columns(X)
    lengths = torch.linalg.vector_norm(X, dim=-2, keepdim=True)
    constant = lengths.detach() <= 4 * torch.finfo(X.dtype).eps * size
    if constant.any():
        msg = (
            f"{measure}: {int(constant.sum())} features of {name} are constant, the first at "
            f"{constant[..., 0, :].nonzero()[0].tolist()}, and have no correlation; drop them."
        )
        raise ValueError(msg)
    return X / lengths


def _matched_squares(X: Tensor, Y: Tensor, plan: Tensor) -> Tensor:
    """Squared distances of matched features, weighted and summed.

    From differences of the pairs that are matched, at most p + q - 1: differences of squared lengths would lose half
    of the digits near 0.
    """
    lead = plan.shape[:-2]
    X, Y = (array.expand(*lead, -1, -1).reshape(-1, *array.shape[-2:]) for array in (X, Y))
    plan = plan.reshape(-1, *plan.shape[-2:])
    batch, i, j = plan.nonzero(as_tuple=True)
    squares = (X[batch, :, i] - Y[batch, :, j]).square().sum(dim=-1)
    return X.new_zeros(len(plan)).index_add(0, batch, plan[batch, i, j] * squares).reshape(lead)
