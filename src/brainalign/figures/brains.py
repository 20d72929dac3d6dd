"""Maps of parcels on the folded cortex, seen from both sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, TwoSlopeNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import binary_closing, distance_transform_edt

from brainalign.datasets.surfaces import NO_PARCEL, CorticalSurface, Hemisphere
from brainalign.figures.style import DIVERGING, NETWORK_COLORS, SEQUENTIAL, WIDTH, house_style

REST = 0.78
"""Grey of what belongs to no parcel, or has no value."""

_LIGHT = 0.45  # how dark a triangle becomes that is seen from the side
_ROW_HEIGHT = 1.35  # inches
_PIXEL = 0.6  # mm
_STEPS = 6  # points along an edge of a triangle, closer than pixels


@dataclass(frozen=True)
class _View:
    """A hemisphere as a picture: which parcel a pixel shows, and how light it is; not a number beside the brain."""

    parcels: NDArray[np.int64]
    light: NDArray[np.float64]


def show_brain_maps(
    maps: Mapping[str, ArrayLike],
    surface: CorticalSurface,
    *,
    label: str,
    center: float | None = None,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """One row per map: both hemispheres from the outside and from the inside.

    Parameters
    ----------
    maps : mapping of str to array_like of shape (n_parcels,)
        Value of every parcel by name of the map; what is not a number stays grey.
    surface : CorticalSurface
        Where the parcels lie.
    label : str
        What the values are, written at the colour scale that all maps share.
    center : float, optional
        Value of the neutral colour of a two-sided scale.
    limits : tuple of two floats, optional
        Ends of the colour scale; by default the range of all maps, made equal on both sides of a center.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When a map has not one value per parcel, or no map has a value.
    """
    values = {name: np.asarray(one, dtype=float) for name, one in maps.items()}
    for name, one in values.items():
        check_parcels(name, one, surface)
    colors = color_scale(values, center=center, limits=limits)
    painted = {
        name: np.where(np.isfinite(one)[:, None], colors.to_rgba(one)[:, :3], REST) for name, one in values.items()
    }
    with house_style():
        figure, axes = _draw(painted, surface)
        figure.colorbar(colors, ax=axes, shrink=min(0.9, 1.6 / len(maps)), aspect=18, label=label)
    return figure


def show_brain_systems(systems: Mapping[str, ArrayLike], surface: CorticalSurface) -> Figure:
    """Systems of parcels, each in its own colour.

    Parameters
    ----------
    systems : mapping of str to array_like of bool, of shape (n_parcels,)
        At most seven; parcels of none stay grey.
    surface : CorticalSurface
        Where the parcels lie.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When a system does not say of every parcel whether it belongs, or there are more than seven.
    """
    if len(systems) > len(NETWORK_COLORS):
        msg = f"{len(systems)} systems, but there are colours for {len(NETWORK_COLORS)}; show fewer, or join some."
        raise ValueError(msg)
    for name, members in systems.items():
        check_parcels(name, np.asarray(members), surface)
    colors = dict(zip(systems, NETWORK_COLORS, strict=False))
    rgb = np.full((len(surface.networks), 3), REST)
    for name, color in colors.items():
        rgb[np.asarray(systems[name], dtype=bool)] = to_rgb(color)
    with house_style():
        figure, _ = _draw({"": rgb}, surface)
        handles = [Patch(color=color, label=name) for name, color in colors.items()]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(systems), frameon=False)
    return figure


def color_scale(
    maps: Mapping[str, NDArray[np.float64]], *, center: float | None, limits: tuple[float, float] | None
) -> ScalarMappable:
    """The scale that all maps share, see `show_brain_maps`."""
    finite = np.concatenate([one[np.isfinite(one)] for one in maps.values()])
    if not finite.size and limits is None:
        msg = f"no parcel has a value in {', '.join(maps)}; a scale of colours needs at least one."
        raise ValueError(msg)
    low, high = limits or (finite.min(), finite.max())
    if center is not None and limits is None:  # equal distances from the center look equally strong
        reach = np.abs(finite - center).max()
        low, high = center - reach, center + reach
    norm = Normalize(low, high) if center is None else TwoSlopeNorm(center, low, high)
    return ScalarMappable(norm, SEQUENTIAL if center is None else DIVERGING)


def check_parcels(name: str, values: NDArray, surface: CorticalSurface) -> None:
    """Refuse a map that has not one value per parcel."""
    if values.shape != surface.networks.shape:
        msg = (
            f"'{name}' has shape {values.shape}, but the surface has {len(surface.networks)} parcels: give one value a "
            "parcel, or load the surface of the same resolution with load_surface(parcels)."
        )
        raise ValueError(msg)


def _draw(painted: Mapping[str, NDArray[np.float64]], surface: CorticalSurface) -> tuple[Figure, NDArray]:
    views = [_view(hemisphere, side) for hemisphere, side in _sides(surface)]
    size = (WIDTH, _ROW_HEIGHT * len(painted) + 0.5)
    figure, axes = plt.subplots(len(painted), len(views), figsize=size, squeeze=False)
    for row, (name, colors) in zip(axes, painted.items(), strict=True):
        for ax, view in zip(row, views, strict=True):
            base = np.vstack([colors, np.full(3, REST)])[view.parcels]  # `NO_PARCEL` is the last row
            ax.imshow(np.nan_to_num(base * view.light[:, :, None], nan=1.0), origin="lower")
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
        row[0].set_ylabel(name, fontsize=9)
    return figure, axes


def _sides(surface: CorticalSurface) -> list[tuple[Hemisphere, int]]:
    """Left from outside and inside, right from inside and outside; -1 looks from the left."""
    return [(surface.left, -1), (surface.left, 1), (surface.right, -1), (surface.right, 1)]


def _view(hemisphere: Hemisphere, side: int) -> _View:
    corners = hemisphere.vertices[hemisphere.triangles]  # (n_triangles, 3 corners, 3 axes)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    facing = side * normals[:, 0] / np.linalg.norm(normals, axis=1)
    order = np.argsort(side * corners[:, :, 0].mean(axis=1))
    order = order[facing[order] > 0]
    flat = np.stack([side * corners[order, :, 1], corners[order, :, 2]], axis=-1)
    seen = _front_triangles(flat)
    labels = np.sort(hemisphere.labels[hemisphere.triangles], axis=1)[:, 1]  # two of three corners, at a border
    parcels, light = labels[order], 1 - _LIGHT * (1 - facing[order])
    return _View(np.where(seen < 0, NO_PARCEL, parcels[seen]), np.where(seen < 0, np.nan, light[seen]))


def _front_triangles(flat: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number of the triangle that each pixel shows, -1 beside the brain.

    Every triangle (n_triangles, 3 corners, 2 axes), from back to front, is strewn with points; the last point that
    falls on a pixel is the nearest to the viewer.
    """
    i, j = (index.ravel() for index in np.indices((_STEPS + 1, _STEPS + 1)))
    shares = np.stack([i, j, _STEPS - i - j], axis=1)[i + j <= _STEPS] / _STEPS
    points = np.einsum("sc,tca->tsa", shares, flat)
    column, row = np.rint((points - flat.min(axis=(0, 1))) / _PIXEL).astype(int).reshape(-1, 2).T
    seen = np.full((row.max() + 1, column.max() + 1), -1)
    seen[row, column] = np.repeat(np.arange(len(flat)), len(shares))
    shown = seen >= 0
    gaps = binary_closing(shown) & ~shown
    nearest = distance_transform_edt(~shown, return_distances=False, return_indices=True)
    seen[gaps] = seen[tuple(nearest[:, gaps])]
    return seen
