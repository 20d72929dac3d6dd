"""Graph metrics of the heads of many models, one model at a time, each kept on disk as soon as it is measured."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

import pandas as pd

from brainalign.catalogue.references import parse_reference
from brainalign.runs.stages import stage
from brainalign.studies.survey.reading import TWIN_KINDS, HeadWeights, SurveyRecipe, read_weights
from brainalign.topology import METRICS, MeasuredHeads, draw_twin, head_metrics, measure_each

_HEAD_COLUMNS = ["model", "layer", "head", "n_nodes", *METRICS]


def measure_models(references: Sequence[str], recipe: SurveyRecipe | None = None) -> MeasuredHeads:
    """Graph metrics of every head of many models.

    Every model is a stage of its own, kept as one table on disk: a run that was killed goes on with the next model,
    and one more model costs only itself. One model at a time is in memory, and the graphs of a few of its layers.

    Parameters
    ----------
    references : sequence of str
        Models, each once; see `brainalign.catalogue.references.parse_reference`.
    recipe : SurveyRecipe, optional
        How they are read; as in the study by default.

    Returns
    -------
    MeasuredHeads
        A model whose weights are not on this machine or cannot be used (no positions, values that are not finite, a
        single head) is left out of the heads and stands among the models with the reason.

    Raises
    ------
    ValueError
        When no model is given, one is given twice, or none could be measured.
    """
    recipe = recipe or SurveyRecipe()
    _check_references(references)
    return measure_each({reference: partial(_measure, reference, recipe) for reference in references})


def measure_twins(
    references: Sequence[str], recipe: SurveyRecipe | None = None, *, kind: str = "matched", n_twins: int = 9
) -> pd.DataFrame:
    """Graph metrics of twins of every model: its weights drawn anew or shuffled, nothing else changed.

    Parameters
    ----------
    references : sequence of str
        Models that `measure_models` could measure.
    recipe : SurveyRecipe, optional
        As there; a model and its twins have the same nodes and heads.
    kind : str
        One of `TWIN_KINDS`; see `brainalign.topology.random_twin` and `brainalign.topology.shuffle_weights`.
    n_twins : int
        How many twins of each model, at least 2, so that they have a spread.

    Returns
    -------
    DataFrame with one row per head of a twin
        As the heads of `measure_models`, with the number of the twin in front of the metrics, as ``twin``.

    Raises
    ------
    ValueError
        For an unknown kind, fewer than two twins, and when a model cannot be read.

    Notes
    -----
    Relative-position biases that a model adds to its logits are drawn or shuffled with the weights, within each head.
    The study has no null model; these are ours.
    """
    recipe = recipe or SurveyRecipe()
    _check_references(references)
    if kind not in TWIN_KINDS or n_twins < 2:
        msg = f"give a kind of {', '.join(TWIN_KINDS)} and at least 2 twins: got {kind!r} and {n_twins}."
        raise ValueError(msg)
    tables = [_measure_twins(reference, recipe, kind, n_twins).assign(model=reference) for reference in references]
    return pd.concat(tables, ignore_index=True)[["twin", *_HEAD_COLUMNS]]


def _measure(reference: str, recipe: SurveyRecipe) -> pd.DataFrame:
    inputs = {"reference": reference, "recipe": recipe}
    return stage(_stage_name("heads of", reference), inputs, lambda: _read_and_measure(reference, recipe))


def _read_and_measure(reference: str, recipe: SurveyRecipe) -> pd.DataFrame:
    found = read_weights(reference, recipe)
    whole = {"n_layers": found.n_layers, "n_heads": found.n_heads, "position_kind": found.position_kind}
    return _metrics(found, recipe).assign(**whole)


def _measure_twins(reference: str, recipe: SurveyRecipe, kind: str, n_twins: int) -> pd.DataFrame:
    inputs = {"reference": reference, "recipe": recipe, "kind": kind, "n_twins": n_twins}
    name = _stage_name(f"{n_twins} twins, {kind}, of", reference)
    return stage(name, inputs, lambda: _draw_and_measure(reference, recipe, kind, n_twins))


def _draw_and_measure(reference: str, recipe: SurveyRecipe, kind: str, n_twins: int) -> pd.DataFrame:
    found, generator = read_weights(reference, recipe), recipe.generator(reference, kind)
    # One at a time: all twins of a large model together would not fit in memory.
    twins = (_metrics(draw_twin(found, kind, generator), recipe).assign(twin=number) for number in range(n_twins))
    return pd.concat(list(twins), ignore_index=True)


def _stage_name(what: str, reference: str) -> str:
    return re.sub(r"[^\w .=,+-]", "-", f"{what} {reference}")[:80]


def _metrics(found: HeadWeights, recipe: SurveyRecipe) -> pd.DataFrame:
    table = head_metrics(found, recipe=recipe.graph, starts=recipe.starts)
    return table.assign(layer=found.layers[table["layer"]], head=found.heads[table["head"]])


def _check_references(references: Sequence[str]) -> None:
    if not references:
        msg = "no model was given; name at least one."
        raise ValueError(msg)
    named = [str(parse_reference(reference)) for reference in references]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        msg = f"{', '.join(twice)} was given more than once; its heads would count twice."
        raise ValueError(msg)
