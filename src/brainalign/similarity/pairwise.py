"""A measure over all pairs of many representations, where work on each one is done once.

Arrays are torch tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, permutations
from typing import Any

import torch
from torch import Tensor

from brainalign.arrays import (
    as_tensor,
    center_columns,
    center_to_unit_scale,
    check_representation,
    sum_of_squares,
    widest_range,
)
from brainalign.similarity.alignment import (
    angle,
    angular_procrustes_distance,
    narrow,
    normalized_bures_similarity,
    procrustes_distance,
    square_root,
)
from brainalign.similarity.kernels import debias, debiased_linear_cka, linear_cka, refuse_vanishing, squared_lengths
from brainalign.similarity.measures import Measure, get_measure

__all__ = ["pairwise"]

BLOCK_BYTES = 2**26  # of Gram matrices that are held at a time
# Relative error of a sum of singular values that may come from taking them as roots of eigenvalues. The estimate is
# between 1 and 100 times the error found; for short sums it is not reliable, and those are taken in double precision,
# which costs them nothing. An angle near 0 has the square root of the error.
TOLERATED = {torch.float32: 1e-5, torch.float64: 1e-12}
SHORT = 256


def pairwise(representations: Tensor | Sequence[Tensor], measure: str | Measure, **options: Any) -> Tensor:
    """Compare every representation with every other one.

    Parameters
    ----------
    representations : Tensor of shape (r, n_samples, n_features), or sequence of r tensors (n_samples, n_features_i)
        Representations of the same samples; in a sequence their widths may differ.
    measure : str or Measure
        A registered measure or its name.
    **options
        Passed on to the measure.

    Returns
    -------
    Tensor of shape (r, r)
        Row: X, or the source of a measure with a direction; column: Y, or the target.

    Raises
    ------
    ValueError
        What the measure refuses, or no representations; the text names the place in the sequence.

    Notes
    -----
    Linear CKA and debiased CKA take all inner products of Gram matrices in one matrix product, block by block of
    samples, and only of the upper triangles; or, where all features together cost less, from one product of features.
    Procrustes and Bures measures factor each representation once and take, for each pair, the singular values of a
    small product from a symmetric eigenvalue problem, in the data's own type as long as that is exact enough; as many
    pairs at a time as torch has threads.
    All others are computed pair by pair, as are Procrustes and Bures measures whose gradient is asked for.

    Examples
    --------
    >>> X = torch.tensor([[[0.0], [1.0], [2.0]], [[2.0], [4.0], [6.0]], [[1.0], [-2.0], [1.0]]])
    >>> pairwise(X, "linear_cka")
    tensor([[1., 1., 0.],
            [1., 1., 0.],
            [0., 0., 1.]])
    """
    chosen = measure if isinstance(measure, Measure) else get_measure(measure)
    representations = _check(representations, chosen)
    if representations[0].shape[0] < 4:
        chosen(representations[0], representations[0], **options)  # refuses what are too few samples for it
    wants_gradient = torch.is_grad_enabled() and any(X.requires_grad for X in representations)
    if chosen.function in _CKA and not options:
        values = _CKA[chosen.function](_center_each(representations), chosen.name)
    elif chosen.function in _PROCRUSTES and not options and not wants_gradient:
        values = _PROCRUSTES[chosen.function](representations)
    else:
        values = _pair_by_pair(representations, chosen, options)
    return values.to(representations[0].dtype).clamp(*chosen.bounds)  # rounding


def _check(representations: Tensor | Sequence[Tensor], measure: Measure) -> list[Tensor]:
    if len(representations) == 0:
        msg = f"pairwise({measure.name}): there are no representations; give at least one."
        raise ValueError(msg)
    name = f"pairwise({measure.name})"
    representations = [as_tensor(X, name=f"representation {i}", measure=name) for i, X in enumerate(representations)]
    for index, X in enumerate(representations):
        check_representation(X, name=f"representation {index}", measure=name)
        if X.ndim != 2:
            msg = f"{name}: representation {index} must have shape (n_samples, n_features), got {tuple(X.shape)}."
            raise ValueError(msg)
        n, first = X.shape[0], representations[0].shape[0]
        if n != first:
            msg = (
                f"{name}: all representations must have the same samples (rows): representation {index} has {n}, "
                f"representation 0 has {first}. Align them by sample first."
            )
            raise ValueError(msg)
    dtype = torch.float64 if any(X.dtype == torch.float64 for X in representations) else torch.float32
    return [X.to(dtype) for X in representations]


def _center_each(representations: list[Tensor]) -> list[Tensor]:
    # One by one also where they come in one tensor: the temporaries then stay small.
    return [center_to_unit_scale(X) for X in representations]


def _pair_by_pair(representations: list[Tensor], measure: Measure, options: dict[str, Any]) -> Tensor:
    n = len(representations)
    values: dict[tuple[int, int], Tensor] = {}
    for i, j in combinations(range(n), 2) if measure.is_symmetric else permutations(range(n), 2):
        values[i, j] = measure(representations[i], representations[j], **options)
        if measure.is_symmetric:
            values[j, i] = values[i, j]
    for i, X in enumerate(representations):
        values[i, i] = measure(X, X, **options)
    return torch.stack([torch.stack([values[i, j] for j in range(n)]) for i in range(n)])


def _linear_cka(representations: list[Tensor], measure: str) -> Tensor:
    return _cosines(_gram_inner_products(representations))


def _debiased_linear_cka(representations: list[Tensor], measure: str) -> Tensor:
    n = representations[0].shape[-2]
    if n < 4:
        msg = f"{measure} needs at least 4 samples (rows): got {n}. Give more samples."
        raise ValueError(msg)
    products = _gram_inner_products(representations)
    lengths = torch.stack([squared_lengths(X) for X in representations])
    debiased = debias(products, lengths.unsqueeze(-2), lengths.unsqueeze(-3))
    for index, X in enumerate(representations):
        remedy = "all but one of its samples may be equal; give more samples that differ, or use linear_cka"
        label = f"representation {index}"
        refuse_vanishing(measure, debiased[index, index], products[index, index], X.dtype, label, remedy)
    return _cosines(debiased)


def _cosines(products: Tensor) -> Tensor:
    norms = products.diagonal().sqrt()
    return products / (norms.unsqueeze(-1) * norms)


def _gram_inner_products(representations: list[Tensor]) -> Tensor:
    """Inner products of all Gram matrices X_i X_i', of shape (r, r), in double precision."""
    n, r = representations[0].shape[-2], len(representations)
    width = sum(X.shape[-1] for X in representations)
    if n * (width + r * r) < width * width:
        return _inner_products_over_samples(representations)
    return _inner_products_over_features(representations)


def _inner_products_over_samples(representations: list[Tensor]) -> Tensor:
    n, r = representations[0].shape[-2], len(representations)
    rows = max(1, BLOCK_BYTES // (r * n * representations[0].element_size()))
    total = representations[0].new_zeros((r, r), dtype=torch.float64)
    for start in range(0, n, rows):
        stop = min(start + rows, n)
        # Rows of the Gram matrices from their diagonal on: what lies right of the block stands for both triangles.
        block = torch.stack([X[start:stop] @ X[start:].mT for X in representations])
        flat = block.flatten(1)
        total = total + 2 * (flat @ flat.mT).double()
        square = block[..., : stop - start].flatten(1)
        total = total - (square @ square.mT).double()
    return total


def _inner_products_over_features(representations: list[Tensor]) -> Tensor:
    rows = []
    together = torch.cat(representations, dim=-1)
    widths = [X.shape[-1] for X in representations]
    for X in representations:
        squares = (X.mT @ together).square().sum(dim=-2, dtype=torch.float64)
        rows.append(torch.stack([part.sum() for part in squares.split(widths)]))
    return torch.stack(rows)


def _angular_procrustes_distance(representations: list[Tensor]) -> Tensor:
    return angle(_normalized_bures_similarity(representations)).fill_diagonal_(0.0)


def _normalized_bures_similarity(representations: list[Tensor]) -> Tensor:
    representations = _center_each(representations)
    norms = torch.stack([sum_of_squares(X, precision=torch.float64).sqrt() for X in representations])
    return (_nuclear_norms(representations) / (norms.unsqueeze(-1) * norms)).fill_diagonal_(1.0)


def _procrustes_distance(representations: list[Tensor]) -> Tensor:
    unit = torch.stack([widest_range(X).squeeze() for X in representations]).max()
    representations = [center_columns(X / unit) for X in representations]
    squares = torch.stack([sum_of_squares(X, precision=torch.float64) for X in representations])
    squared = squares.unsqueeze(-1) + squares - 2 * _nuclear_norms(representations)
    return (unit * square_root(squared)).fill_diagonal_(0.0)


def _nuclear_norms(representations: list[Tensor]) -> Tensor:
    """Nuclear norms of X_i'X_j for all pairs; on the diagonal the squared norms of X_i."""
    n = representations[0].shape[-2]
    is_triangular = [X.shape[-1] > n for X in representations]
    factors = _map_on_threads(narrow, representations)

    def nuclear_norm(pair: tuple[int, int]) -> Tensor:
        i, j = pair
        product = _triangular_product if is_triangular[i] and is_triangular[j] else _product
        # Centered, the samples have but n - 1 dimensions.
        return _singular_value_sum(product(factors[i], factors[j]), n - 1)

    total = torch.diag(torch.stack([sum_of_squares(X, precision=torch.float64) for X in representations]))
    pairs = list(combinations(range(len(factors)), 2))
    for (i, j), value in zip(pairs, _map_on_threads(nuclear_norm, pairs), strict=True):
        total[i, j] = total[j, i] = value
    return total


def _map_on_threads(function: Callable[[Any], Tensor], items: Sequence[Any]) -> list[Tensor]:
    """The function of every item, several items at a time with one thread each.

    Half of the work on a symmetric eigenvalue problem are products of a matrix with one vector, which more threads do
    not speed up; and where others compute meanwhile, threads of one problem wait for each other most of the time.
    """
    n_threads = torch.get_num_threads()
    if n_threads == 1:
        return [function(item) for item in items]
    try:
        with ThreadPoolExecutor(n_threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return list(pool.map(function, items))
    finally:
        torch.set_num_threads(n_threads)  # the workers' setting is that of threads that start later, too


def _product(A: Tensor, B: Tensor) -> Tensor:
    return A.mT @ B


def _triangular_product(A: Tensor, B: Tensor) -> Tensor:
    """A'B of two lower triangular matrices, at half the cost."""
    C = torch.zeros_like(A)
    for rows in _quarters(len(A)):
        C[: rows.stop, : rows.stop].addmm_(A[rows, : rows.stop].mT, B[rows, : rows.stop])
    return C


def _lower_square(C: Tensor) -> Tensor:
    """CC', of which only the lower triangle is sure to be filled in."""
    square = C.new_empty(len(C), len(C))
    for rows in _quarters(len(C)):
        square[rows, : rows.stop] = C[rows] @ C[: rows.stop].mT
    return square


def _quarters(n: int) -> list[slice]:
    step = -(-n // 4)
    return [slice(start, min(start + step, n)) for start in range(0, n, step)]


def _singular_value_sum(C: Tensor, most: int) -> Tensor:
    """Sum of the singular values of C, at most `most` of which are above 0."""
    C = C if C.shape[0] <= C.shape[1] else C.mT
    # Eigenvalues of CC' cost a third of the singular values of C, but squares of small values drown in round-off.
    for dtype in (torch.float32, torch.float64):
        if dtype == torch.float32 and (C.dtype != dtype or len(C) <= SHORT):
            continue
        eigenvalues = torch.linalg.eigvalsh(_lower_square(C.to(dtype)), UPLO="L")[-most:].double().clamp_min(0)
        values = eigenvalues.sqrt()
        round_off = torch.finfo(dtype).eps / 2 * eigenvalues[-1]
        errors = torch.minimum(round_off / (2 * values), round_off.sqrt())
        if errors.square().sum().sqrt() <= TOLERATED[dtype] * values.sum():
            return values.sum()
    return torch.linalg.svdvals(C).sum(dtype=torch.float64)


_CKA = {linear_cka: _linear_cka, debiased_linear_cka: _debiased_linear_cka}
_PROCRUSTES = {
    angular_procrustes_distance: _angular_procrustes_distance,
    normalized_bures_similarity: _normalized_bures_similarity,
    procrustes_distance: _procrustes_distance,
}
