"""How a survey reads models: trained weights, weights drawn at random in the true shapes, and those of twins."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from brainalign.catalogue.entries import files_of
from brainalign.catalogue.kept_models import HUBS
from brainalign.catalogue.references import parse_reference
from brainalign.models import SpatialAttention, spatial_attention
from brainalign.models.rotary import RotaryKernel
from brainalign.topology import SHUFFLES, STUDY_RECIPE, GraphRecipe
from brainalign.topology.nulls import TWINS

Weights = Literal["trained", "drawn"]
Positions = Literal["study", "own", "normed", "rotary"]

TWIN_KINDS = (*TWINS, *(kind for kind in SHUFFLES if kind != "position rows"))
"""Kinds of twins: random weights, or the model's own, shuffled. Shuffled rows of positions change no graph metric."""

_FEWEST_HEADS = 2


@dataclass(frozen=True)
class SurveyRecipe:
    """How models are read and their heads become graphs. The defaults are the study's.

    Attributes
    ----------
    weights : {"trained", "drawn"}
        The weights of the model, or random ones in its true shape: then nothing is fetched, and what is measured
        knows the architecture alone.
    positions : {"study", "own", "normed", "rotary"}
        Which positions are the nodes; see `brainalign.models.spatial_attention`. Drawn weights have the study's.
    max_positions : int
        How many positions of a text become nodes.
    grid : int, optional
        Rows and columns to which the patches of every picture are resampled; each model's own by default.
    largest_grid : int, optional
        Pictures of more rows or columns of patches than this are resampled to so many; without effect beside `grid`.
    graph : GraphRecipe
        From weights to a graph.
    starts : int
        Starts of the search for communities, see `brainalign.topology.graph_metrics`.
    max_heads : int, optional
        Measure at most so many heads per model, chosen evenly over its layers and within each; all by default.
    logit_sd : float, optional
        Standard deviation of the logits of drawn weights, see `brainalign.models.drawn.drawn_attention`; as before
        training by default.
    seed : int
        Of everything that is drawn. What is drawn for a model depends on its name and the seed alone, not on the
        other models.

    Raises
    ------
    ValueError
        For unknown weights or positions, fewer than two heads, or drawn weights with other positions.
    """

    weights: Weights = "trained"
    positions: Positions = "study"
    max_positions: int = 50
    grid: int | None = None
    largest_grid: int | None = None
    graph: GraphRecipe = STUDY_RECIPE
    starts: int = 8
    max_heads: int | None = None
    logit_sd: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what no survey can be made with."""
        for name, allowed in (("weights", Weights), ("positions", Positions)):
            if getattr(self, name) not in get_args(allowed):
                msg = f"{name} = {getattr(self, name)!r} is unknown; choose one of {', '.join(get_args(allowed))}."
                raise ValueError(msg)
        if self.weights == "drawn" and self.positions != "study":
            msg = f"drawn weights come with the study's positions: give positions='study', not '{self.positions}'."
            raise ValueError(msg)
        if self.logit_sd is not None and self.weights != "drawn":
            msg = f"logit_sd = {self.logit_sd:g} is for drawn weights; trained ones have a spread of their own."
            raise ValueError(msg)
        if self.max_heads is not None and self.max_heads < _FEWEST_HEADS:
            msg = f"max_heads = {self.max_heads} leaves no spread over heads; give at least {_FEWEST_HEADS}."
            raise ValueError(msg)

    def generator(self, model: str, purpose: str) -> np.random.Generator:
        """Source of what is drawn for one model and one purpose."""
        return np.random.default_rng([self.seed, zlib.crc32(model.encode()), zlib.crc32(purpose.encode())])


@dataclass(frozen=True)
class HeadWeights:
    """Weights of those heads of a model that are measured.

    Attributes
    ----------
    positions, query, key, bias
        As in `brainalign.models.SpatialAttention`, of the chosen layers and heads.
    layers, heads : ndarray of int
        Numbers that the chosen layers, and the chosen heads of each, have in the model.
    n_layers, n_heads : int
        Layers of the whole model, and heads of all of them together.
    position_kind : str
    kernel : RotaryKernel or None
        As in `brainalign.models.SpatialAttention`.
    """

    positions: NDArray[np.floating] | None
    query: NDArray[np.floating]
    key: NDArray[np.floating]
    bias: NDArray[np.floating] | None
    layers: NDArray[np.intp]
    heads: NDArray[np.intp]
    n_layers: int
    n_heads: int
    position_kind: str
    kernel: RotaryKernel | None = None


def read_weights(reference: str, recipe: SurveyRecipe) -> HeadWeights:
    """Read, or draw, the weights of a model.

    Parameters
    ----------
    reference : str
        The model. Drawn weights need a row of the registry whose architecture is known; for models of the mini-zoo
        and folders of the user's own they are the first weights, as they were before training.
    recipe : SurveyRecipe
        What is read.

    Returns
    -------
    HeadWeights

    Raises
    ------
    ValueError
        When the model has a single head or no positions, and as `spatial_attention` and `drawn_attention` do.
    MissingDataError
        When the weights are not on this machine; the text says how to get them.
    """
    found, (n_layers, n_heads) = _draw(reference, recipe) if recipe.weights == "drawn" else _read(reference, recipe)
    if n_layers * n_heads < _FEWEST_HEADS:
        msg = f"{reference} has a single head; a survey compares the spread of heads, so it needs at least 2."
        raise ValueError(msg)
    if found.positions is None and found.bias is None:
        msg = f"{reference} has neither positions nor a bias for pairs of positions; its heads have no graph."
        raise ValueError(msg)
    whole = HeadWeights(
        found.positions,
        found.query,
        found.key,
        found.bias,
        _evenly(n_layers, found.n_layers),
        _evenly(n_heads, found.n_heads),
        n_layers,
        n_layers * n_heads,
        found.position_kind,
        found.kernel,
    )
    return whole if recipe.max_heads is None else _choose(whole, recipe.max_heads)


def _read(reference: str, recipe: SurveyRecipe) -> tuple[SpatialAttention, tuple[int, int]]:
    parsed = parse_reference(reference)
    if parsed.hub in HUBS:
        files_of(str(parsed.files))  # a model that was not fetched is missing; a survey does not fetch
    read = partial(spatial_attention, reference, positions=recipe.positions, max_positions=recipe.max_positions)
    found = read(grid=recipe.grid)
    if recipe.grid is None and recipe.largest_grid and max(found.grid or (0,)) > recipe.largest_grid:
        found = read(grid=recipe.largest_grid)
    return found, (found.n_layers, found.n_heads)


def _draw(reference: str, recipe: SurveyRecipe) -> tuple[SpatialAttention, tuple[int, int]]:
    parsed = parse_reference(reference)
    if parsed.hub in ("zoo", "file"):
        return _read(str(replace(parsed, random=True)), recipe)
    from brainalign.models.attention_shapes import n_nodes
    from brainalign.models.drawn import drawn_attention, head_counts

    grid, most = recipe.grid, recipe.largest_grid
    if grid is None and most and n_nodes(reference, grid=most) < n_nodes(reference):
        grid = most
    drawn = drawn_attention(
        reference,
        generator=recipe.generator(reference, "weights"),
        max_positions=recipe.max_positions,
        grid=grid,
        max_heads=recipe.max_heads,
        logit_sd=recipe.logit_sd,
    )
    return drawn, head_counts(reference)


def _choose(whole: HeadWeights, max_heads: int) -> HeadWeights:
    """Keep at most so many heads, evenly over the layers and within each."""
    n_layers, n_heads = whole.query.shape[:2]
    layers = _evenly(n_layers, min(n_layers, max_heads))
    heads = _evenly(n_heads, min(n_heads, max_heads // len(layers)))
    of_layers = whole.positions is not None and whole.positions.ndim == 3
    chosen = np.ix_(layers, heads)
    return replace(
        whole,
        positions=whole.positions[layers] if of_layers else whole.positions,
        query=whole.query[chosen],
        key=whole.key[chosen],
        bias=None if whole.bias is None else whole.bias[chosen],
        layers=whole.layers[layers],
        heads=whole.heads[heads],
    )


def _evenly(n: int, n_chosen: int) -> NDArray[np.intp]:
    return (np.arange(n_chosen) * n) // n_chosen
