"""Curves that the study of differentiable optimisation published: one run of each measure towards each reference."""

from __future__ import annotations

from difflib import get_close_matches

import pandas as pd

from brainalign.catalogue.entries import locate, state_of

__all__ = ["OPTIMIZATION_CURVES", "PUBLISHED_MEASURES", "has_optimization_curves", "published_optimization"]

OPTIMIZATION_CURVES = "diffscore-curves"
"""Entry of the catalogue."""

PUBLISHED_MEASURES = {
    "cka": "linear_cka",
    "cka-angular-score": "angular_cka",
    "nbs": "normalized_bures_similarity",
    "procrustes-angular-score": "angular_procrustes",
    "linreg": "linear_predictivity",
    "ridge-lambda100-r2#5folds_cv": "ridge_predictivity",
    # Not an RSA: the released code takes the cosine of two double-centred Gram matrices, which is linear CKA.
    "rsa-correlation-corr": "linear_cka, published as rsa-correlation-corr",
}
"""What the published names are called here."""

_REFERENCES = ("FreemanZiemba2013", "Hatsopoulos2007", "Mante2013", "ultrametric")


def has_optimization_curves() -> bool:
    """Whether the published curves are on this machine."""
    return state_of(OPTIMIZATION_CURVES) in ("mirror", "here")


def published_optimization(reference: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores at which components were captured, and scores with decoding accuracy step by step.

    Parameters
    ----------
    reference : {"FreemanZiemba2013", "Hatsopoulos2007", "Mante2013", "ultrametric"}
        What the data were optimised towards.

    Returns
    -------
    captures : DataFrame with columns ``measure``, ``component`` (from 0), ``variance`` (share), ``score``
        NaN for a component that was not captured.
    steps : DataFrame with columns ``measure``, ``step``, ``score``, ``accuracy``
        The accuracy is relative to that on the reference, averaged over task variables.

    Raises
    ------
    ValueError
        For a reference without published curves.
    MissingDataError, ChecksumError
        When the files are not there or cannot be trusted.

    References
    ----------
    Cloos et al. (2024). Differentiable optimization of similarity scores between models and brains. arXiv 2407.07059.
    """
    if reference not in _REFERENCES:
        near = get_close_matches(reference, _REFERENCES, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        msg = f"no curves are published for '{reference}'.{hint} There are: {', '.join(_REFERENCES)}."
        raise ValueError(msg)
    captures = _read(reference, "scores_at_threshold.csv")
    captures["component"] = captures.groupby("measure").cumcount()
    captures = captures.rename(columns={"scores_at_threshold": "score", "pc_explained_variance": "variance"})
    steps = _read(reference, "scores_vs_decoding_acc.csv")
    # Their first two rows are one point: the start is stored twice.
    steps["step"] = (steps.groupby("measure").cumcount() - 1).clip(lower=0)
    steps = steps.rename(columns={"decoding_accuracy": "accuracy"}).drop_duplicates(["measure", "step"])
    return (
        captures[["measure", "component", "variance", "score"]],
        steps[["measure", "step", "score", "accuracy"]].reset_index(drop=True),
    )


def _read(reference: str, name: str) -> pd.DataFrame:
    table = pd.read_csv(locate(OPTIMIZATION_CURVES, f"{reference}/{name}"), index_col=0)
    return table.assign(measure=table["measure"].map(PUBLISHED_MEASURES))
