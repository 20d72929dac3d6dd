"""The space that the heads of several models span, and the score of every model in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainalign.topology.alignment import network_columns
from brainalign.topology.axes import Space, fit_space

Summary = Literal["sum", "mean", "median"]
_FEWEST_MODELS = 3


@dataclass(frozen=True)
class ModelSpace:
    """Principal axes of the heads of several models.

    Attributes
    ----------
    axes : Space
        The axes and their centre.
    networks : tuple of str
        Names of the coordinates that the axes combine.
    table : DataFrame
        The heads that the space was fitted on, as `brainalign.topology.align` returned them.
    """

    axes: Space
    networks: tuple[str, ...]
    table: pd.DataFrame

    @property
    def explained_variance_ratio_(self) -> NDArray[np.float64]:
        """Share of the variance along each axis, from 0 to 1, by the name that scikit-learn gives it."""
        return self.axes.explained

    def transform(self, table: pd.DataFrame | None = None) -> pd.DataFrame:
        """Coordinates of heads, those of the fit by default.

        Parameters
        ----------
        table : DataFrame, optional
            Other heads, for example of null models, as `align` returned them.

        Returns
        -------
        DataFrame
            ``model``, ``layer``, ``head``, ``axis_1``, ``axis_2`` and so on, one row per head.

        Raises
        ------
        ValueError
            When a network of the fit is missing from the table.
        """
        table = self.table if table is None else table
        missing = [name for name in self.networks if name not in table]
        if missing:
            msg = f"the table lacks {', '.join(missing)}; the space was fitted on {', '.join(self.networks)}."
            raise ValueError(msg)
        coordinates = self.axes.project(table[list(self.networks)].to_numpy())
        names = [f"axis_{number}" for number in range(1, coordinates.shape[1] + 1)]
        heads = table[["model", "layer", "head"]]
        return heads.join(pd.DataFrame(coordinates, columns=names, index=table.index))

    def scores(self, by: Summary = "sum", table: pd.DataFrame | None = None) -> pd.Series:
        """Score of every model: its heads' places along the first axis, taken together.

        Parameters
        ----------
        by : {"sum", "mean", "median"}
            ``"sum"`` is the published score. It grows with the number of heads, and with its sign: of two models
            whose heads lie alike left of the centre, the larger has the lower sum.
        table : DataFrame, optional
            Other heads than those of the fit.

        Returns
        -------
        Series indexed by model
            Larger is closer to the networks; 0 is the centre of the heads of the fit.

        Raises
        ------
        ValueError
            For another `by`.
        """
        if by not in get_args(Summary):
            msg = f"by = {by!r} is unknown; choose one of {', '.join(get_args(Summary))}."
            raise ValueError(msg)
        return self.transform(table).groupby("model", sort=False)["axis_1"].agg(by)


def space(
    table: pd.DataFrame, *, n_components: int = 2, equal_models: bool = False, mixed_nodes: bool = False
) -> ModelSpace:
    """Fit the space of the study on the heads of several models.

    Parameters
    ----------
    table : DataFrame
        What `brainalign.topology.align` returned.
    n_components : int
        Number of axes.
    equal_models : bool
        Let every model count the same, instead of every head. In the study a model with many heads moves the axes
        more.
    mixed_nodes : bool
        Allow graphs of different numbers of nodes in one space, as the study does. All five metrics move with that
        number, so differences between such models are not differences of what they learned.

    Returns
    -------
    ModelSpace

    Raises
    ------
    ValueError
        With fewer than three models, graphs of different numbers of nodes, or a value that is not finite.

    References
    ----------
    Chen et al. 2025, arXiv:2510.24342. Equal weights of models are ours.
    """
    networks = network_columns(table)
    _check_models(table, networks, mixed_nodes=mixed_nodes)
    sizes = table.groupby("model")["model"].transform("size")
    weights = 1 / sizes if equal_models else None
    axes = fit_space(table[networks].to_numpy(), weights=weights, n_components=n_components)
    return ModelSpace(axes, tuple(networks), table)


def _check_models(table: pd.DataFrame, networks: list[str], *, mixed_nodes: bool) -> None:
    n_models = table["model"].nunique()
    if n_models < _FEWEST_MODELS:
        msg = (
            f"a space of models needs at least {_FEWEST_MODELS} of them: got {n_models}. For the heads of one model "
            "use fit_space on its similarities."
        )
        raise ValueError(msg)
    sizes = sorted(map(int, table["n_nodes"].unique()))
    if len(sizes) > 1 and not mixed_nodes:
        msg = (
            f"the graphs have different numbers of nodes ({', '.join(map(str, sizes))}), and all metrics move with "
            "them. Read the models with one grid or one max_positions, or say mixed_nodes=True."
        )
        raise ValueError(msg)
    missing = int(np.count_nonzero(~np.isfinite(table[networks].to_numpy())))
    if missing:
        msg = f"{missing} similarities are not finite. Leave those heads out."
        raise ValueError(msg)
