"""Points in space from dissimilarities, where the responses themselves were not published.

Arrays are torch tensors.
"""

from __future__ import annotations

import torch
from torch import Tensor

from brainalign.arrays import as_tensor
from brainalign.similarity.comparators import check_rdm

__all__ = ["classical_scaling"]


def classical_scaling(rdm: Tensor) -> Tensor:
    """Representation whose squared Euclidean distances are the given dissimilarities (classical scaling).

    With it, every measure that ignores rotation and translation can be taken from published dissimilarities.

    Parameters
    ----------
    rdm : Tensor of shape (..., n_samples, n_samples)
        Squared Euclidean distances of at least 3 samples, in any space. Correlation distances are such, of patterns
        standardized over the features (times a constant); so are means of several such matrices.

    Returns
    -------
    Tensor of shape (..., n_samples, n_samples - 1)
        Centered coordinates, the directions of largest variance first; their `euclidean_rdm` is `rdm`. Without
        gradient: where variances are equal, the directions are arbitrary.

    Raises
    ------
    ValueError
        If the matrix is not square, symmetric and finite, has a diagonal other than 0, or holds no squared distances
        (Euclidean distances that were not squared are the squares of others, and pass).

    Notes
    -----
    Double centering, G = -HDH / 2 with H = I - 11' / n, gives the Gram matrix; the coordinates are its eigenvectors,
    each times the root of its eigenvalue. Linear CKA of two such representations is the cosine of the double-centered
    matrices.

    References
    ----------
    Torgerson, W. S. (1952). Multidimensional scaling: I. Theory and method. Psychometrika 17.

    Examples
    --------
    >>> squared = torch.tensor([[0.0, 1.0, 4.0], [1.0, 0.0, 1.0], [4.0, 1.0, 0.0]])  # of three points on a line
    >>> classical_scaling(squared)[:, 0].abs().round(decimals=3)
    tensor([1., 0., 1.])
    """
    rdm = as_tensor(rdm, name="rdm", measure="classical_scaling")
    check_rdm(rdm, name="rdm", measure="classical_scaling")
    values = rdm.detach().double()
    precision = torch.finfo(rdm.dtype).eps ** 0.5
    if (values.diagonal(dim1=-2, dim2=-1).abs() > precision * values.abs().max()).any():
        msg = "classical_scaling: the diagonal of rdm must be 0; these may be similarities: give 1 - similarity."
        raise ValueError(msg)
    rows = values - values.mean(dim=-1, keepdim=True)
    gram = (rows - rows.mean(dim=-2, keepdim=True)) / -2
    eigenvalues, eigenvectors = torch.linalg.eigh(gram)  # from the lowest
    lowest, highest = eigenvalues.aminmax(dim=-1)
    if (lowest < -precision * highest).any() or (highest <= 0).any():
        msg = (
            f"classical_scaling: rdm holds no squared Euclidean distances: its Gram matrix has eigenvalues from "
            f"{lowest.min():.3g} to {highest.max():.3g}. Use a dissimilarity that is one, or compare_rdms."
        )
        raise ValueError(msg)
    coordinates = eigenvectors * eigenvalues.clamp(min=0).sqrt().unsqueeze(-2)
    return coordinates.flip(-1)[..., :-1].to(rdm.dtype)  # one dimension less than samples: they are centered
