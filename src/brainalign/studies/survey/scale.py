"""What scores do when nothing is learned: random weights in the true shapes of published models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainalign.models.attention_shapes import attention_shape
from brainalign.studies.survey.measuring import measure_models
from brainalign.studies.survey.reading import SurveyRecipe
from brainalign.topology import fit_space
from brainalign.topology.axes import Space

_SUMMARIES = {"sum": np.sum, "mean": np.mean, "median": np.median}


def shape_names(model_ids: Sequence[str]) -> dict[str, str]:
    """For every model the first of the list that has its shape: before training, models of one shape are one model.

    Parameters
    ----------
    model_ids : sequence of str
        Rows of the registry, see `brainalign.models.attention_shapes.attention_shape`.

    Returns
    -------
    dict of str to str
        By id, in the order given.

    Raises
    ------
    ValueError
        When the shape of a model is not known.
    """
    first: dict[object, str] = {}
    return {model_id: first.setdefault(_numbers_of(model_id), model_id) for model_id in model_ids}


def measure_drawn(
    model_ids: Sequence[str],
    *,
    largest_grid: int,
    max_heads: int,
    n_draws: int,
    logit_sd: float | None = None,
    starts: int = 1,
    seed: int = 0,
) -> pd.DataFrame:
    """Graph metrics of heads of random weights, drawn several times in the shape of every model.

    Parameters
    ----------
    model_ids : sequence of str
        Rows of the registry, each once.
    largest_grid : int
        Pictures of more rows of patches than this are given so many.
    max_heads : int
        Heads that are drawn of each model, see `brainalign.models.drawn.drawn_attention`.
    n_draws : int
        How often everything is drawn, at least 1.
    logit_sd : float, optional
        Standard deviation of every head's logits; as before training by default.
    starts : int
        Starts of the search for communities.
    seed : int
        Of the first draw; the next ones count up.

    Returns
    -------
    DataFrame with one row per head
        ``draw``, then the columns of `brainalign.topology.MeasuredHeads.heads`.

    Raises
    ------
    ValueError
        With no draws, or when a model cannot be drawn.
    """
    if n_draws < 1:
        msg = f"n_draws = {n_draws} draws nothing; give at least 1."
        raise ValueError(msg)
    shape = {"largest_grid": largest_grid, "max_heads": max_heads, "logit_sd": logit_sd, "starts": starts}
    tables = []
    for draw in range(n_draws):
        survey = measure_models(model_ids, SurveyRecipe(weights="drawn", seed=seed + draw, **shape))
        if len(survey.problems):
            msg = "; ".join(f"{model}: {problem}" for model, problem in survey.problems.items())
            raise ValueError(msg)
        tables.append(survey.heads.assign(draw=draw))
    found = pd.concat(tables, ignore_index=True)
    return found[["draw", *found.columns.drop("draw")]]


def place_heads(
    heads: pd.DataFrame, shapes: Mapping[str, str], n_heads: Mapping[str, int], networks: Sequence[str]
) -> tuple[pd.DataFrame, Space]:
    """Where heads of random weights lie on the first axis of the space that a set of models spans.

    Parameters
    ----------
    heads : DataFrame
        One row per head, with its similarity to the networks; ``model`` is the name of a shape.
    shapes : mapping of str to str
        Shape of every model that spans the space, as `shape_names` gives it.
    n_heads : mapping of str to int
        Number of heads that every model has.
    networks : sequence of str
        Columns with the similarities.

    Returns
    -------
    heads : DataFrame
        Those of the shapes, with their ``place``; larger is closer to the networks.
    space : Space
        The axes. Measured heads stand for all heads of all models of their shape, so that every head of every model
        counts the same, as in the study.

    Raises
    ------
    ValueError
        When no head was measured of a shape.
    """
    _check_measured(heads, shapes)
    total = pd.Series(n_heads)[list(shapes)].groupby(shapes).sum()
    members = heads[heads["model"].isin(total.index)]
    counts = members["model"].map(total) / members.groupby("model")["model"].transform("size")
    found = fit_space(members[list(networks)].to_numpy(), weights=counts.to_numpy())
    return members.assign(place=found.project(members[list(networks)].to_numpy())[:, 0]), found


def draw_scores(
    heads: pd.DataFrame,
    shapes: Mapping[str, str],
    n_heads: Mapping[str, int],
    *,
    n_draws: int,
    generator: np.random.Generator,
    by: str = "sum",
) -> pd.DataFrame:
    """Scores of models of random weights, many times over, from the heads that were measured of their shapes.

    Parameters
    ----------
    heads : DataFrame
        One row per head: ``draw``, ``model`` (the name of a shape) and ``place``, where it lies on the first axis.
    shapes : mapping of str to str
        Shape of every model, as `shape_names` gives it.
    n_heads : mapping of str to int
        Number of heads that every model has.
    n_draws : int
        How many sets of scores.
    generator : numpy.random.Generator
        Source of randomness.
    by : {"sum", "mean", "median"}
        How the heads of a model are taken together.

    Returns
    -------
    DataFrame of shape (n_draws, n_models)
        Each score is that of so many heads as the model has, drawn with replacement among those measured in one draw of
        its shape, so that heads keep the positions they share.

    Raises
    ------
    ValueError
        For another `by`, no draws, or a shape of which no head was measured.
    """
    if by not in _SUMMARIES or n_draws < 1:
        msg = f"by = {by!r}, n_draws = {n_draws}: choose one of {', '.join(_SUMMARIES)} and at least 1 draw."
        raise ValueError(msg)
    _check_measured(heads, shapes)
    places = {
        model: [rows["place"].to_numpy() for _, rows in found.groupby("draw")]
        for model, found in heads.groupby("model", sort=False)
    }
    return pd.DataFrame(
        {model: _score_one(places[shape], n_heads[model], n_draws, generator, by) for model, shape in shapes.items()}
    )


def null_correlations(
    scores: pd.DataFrame, accuracy: pd.Series, *, n_models: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Correlations of accuracy with scores of random weights, each over another random choice of models.

    Parameters
    ----------
    scores : DataFrame of shape (n_draws, n_models_in_all)
        What `draw_scores` returned.
    accuracy : Series
        Accuracy by model, for every column of the scores.
    n_models : int
        How many models are chosen each time, at least 4.
    generator : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (n_draws,)
        From -1 to 1.

    Raises
    ------
    ValueError
        When more models are to be chosen than there are, or fewer than 4.
    """
    if not 4 <= n_models <= scores.shape[1]:
        msg = f"n_models = {n_models}; there are {scores.shape[1]}, and a correlation needs at least 4."
        raise ValueError(msg)
    known = accuracy.reindex(scores.columns).to_numpy(dtype=np.float64)
    if not np.isfinite(known).all():
        msg = "accuracy lacks some of the models of the scores; give one for each."
        raise ValueError(msg)
    order = generator.permuted(np.tile(np.arange(scores.shape[1]), (len(scores), 1)), axis=1)[:, :n_models]
    x, y = np.take_along_axis(scores.to_numpy(), order, axis=1), known[order]
    x, y = (values - values.mean(axis=1, keepdims=True) for values in (x, y))
    return np.sum(x * y, axis=1) / np.sqrt(np.sum(x**2, axis=1) * np.sum(y**2, axis=1))


def _numbers_of(model_id: str) -> tuple[object, ...]:
    # Of the layout, which says how the files lie, only what decides on positions counts.
    shape = attention_shape(model_id)
    numbers = (getattr(shape, field.name) for field in fields(shape) if field.name not in ("model", "layout"))
    return (shape.layout.modality, shape.layout.study_positions, *numbers)


def _check_measured(heads: pd.DataFrame, shapes: Mapping[str, str]) -> None:
    missing = sorted(set(shapes.values()) - set(heads["model"]))
    if missing:
        msg = f"no head was measured of {', '.join(missing)}; measure every shape."
        raise ValueError(msg)


def _score_one(
    draws: list[NDArray[np.float64]], n_heads: int, n_scores: int, generator: np.random.Generator, by: str
) -> NDArray[np.float64]:
    chosen = generator.integers(len(draws), size=n_scores)
    scores = np.empty(n_scores)
    for number, places in enumerate(draws):
        here = chosen == number
        picked = generator.integers(len(places), size=(np.count_nonzero(here), n_heads))
        scores[here] = _SUMMARIES[by](places[picked], axis=1)
    return scores
