"""Public score tables of Brain-Score: scores of models on benchmarks of vision, with their nesting."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from brainalign.catalogue.entries import locate
from brainalign.datasets.text_tables import read_text_table

__all__ = [
    "Leaderboard",
    "load_brainscore_leaderboard",
    "load_public_benchmarks",
    "mean_of_children",
    "model_families",
    "read_leaderboard",
]

_CATALOGUED = "brainscore-tables"
_LEADERBOARDS = {
    "public": ("brainscore-leaderboard", "new_leaderboard.csv"),
    "scaling": (_CATALOGUED, "benchmark_scores_brainscore.csv"),
}
_FAILED = "X"
_TOP = ("average_vision", "neural_vision", "behavior_vision", "engineering_vision")
_REGIONS = ("V1", "V2", "V4", "IT")
_NOT_SCORES = ("rank", "model", "model_name", "model_id", "model id", "layers", "filtered_score", "submitter", "id")
_CATEGORIES = {"neural_vision": "neural", "behavior_vision": "behavior", "engineering_vision": "engineering"}

# Benchmarks whose name does not say where they belong.
_PLACED = {
    **dict.fromkeys(_REGIONS, "neural_vision"),
    **dict.fromkeys(("neural_vision", "behavior_vision"), "average_vision"),
    "Marques2020": "V1",
    "Cadena2017-pls": "V1",
    "Kar2019-ost": "IT",
    "Bracci2019.anteriorVTC-rdm": "IT",
    "Igustibagus2024-ridge": "IT",
    "Igustibagus2024.IT_readout-accuracy": "engineering_vision",
    "Hermann2020": "engineering_vision",
}

# The single properties of V1 neurons that each group of properties averages.
_V1_PROPERTIES = {
    "V1-response_magnitude": r"max_(texture|noise|dc)",
    "V1-texture_modulation": r"(abs_)?texture_modulation_index",
    "V1-surround_modulation": r"surround_suppression_index",
    "V1-receptive_field_size": r"grating_summation_field|surround_diameter",
    "V1-response_selectivity": r"texture_(selectivity|variance_ratio|sparseness)|modulation_ratio",
    "V1-spatial_frequency": r"sf_(bandwidth|selective)|peak_sf",
    "V1-orientation": r"or_(bandwidth|selective)|opr_cv_diff|pref_or|cv_bandwidth_ratio|orth_pref_ratio"
    r"|circular_variance",
}

# Families of architectures by what the names of their models hold; the first that is found counts.
_FAMILIES = {
    "cornet": "cornet|realnet",
    "alexnet": "alexnet",
    "grcnn": "grcnn",
    "convnext": "convnext",
    "resnext": "resnext|rnext",
    "inception": "inception|xception",
    "vit": r"vit_|vit-|^vision_transformer|^deit|^openclip|mvit",
    "efficientnet": "efficientnet|effnet",
    "mobilenet": "mobilenet|mobilevit",
    "nasnet": "nasnet",
    "resnet": r"resnet|res2net|^bit-|rn?50|imagenet_l2|^r3m",
    "densenet": "densenet",
    "swin": "swin",
    "cvt": "^cvt",
    "vgg": "vgg",
}

_STUDY = r"[A-Za-z]+\d{4}"
_BEHAVIORAL = re.compile(
    r"i2n|error_consistency|accuracy|value_delta|match|similarity|consistency|distance|threshold|behavior",
    re.IGNORECASE,
)


@dataclass(frozen=True, eq=False)
class Leaderboard:
    """Scores of a leaderboard as they were exported.

    Attributes
    ----------
    scores : DataFrame of shape (n_models, n_columns)
        Numbers; NaN where there is no score.
    failed : DataFrame of shape (n_models, n_columns)
        Whether a run was tried and failed (marked X). Newer exports leave such cells empty, and nothing is marked.
    nesting : DataFrame of shape (n_columns, 2)
        Indexed by column: ``parent``, the column that averages it (None at the top), and ``category``, one of "neural",
        "behavior", "engineering" and "overall".
    """

    scores: pd.DataFrame
    failed: pd.DataFrame
    nesting: pd.DataFrame


def read_leaderboard(path: str | Path, *, parents: Mapping[str, str] | None = None) -> Leaderboard:
    """Read a leaderboard of Brain-Score as its site exports it.

    Parameters
    ----------
    path : str or Path
        A CSV file with one row per model and one column per benchmark, in any order; lines from # on are skipped.
        A column without a name that holds nothing, or numbers of rows, is left out.
    parents : mapping of str to str, optional
        Where benchmarks belong that the names do not place: column to the column that averages it, for example
        ``{"MyStudy2026-r": "IT"}``. Wins over what the name says.

    Returns
    -------
    Leaderboard

    Raises
    ------
    ValueError
        When a row is not as long as the header, there is no column of models, a model has no name or comes twice, a
        cell is neither a finite number nor X nor empty, or a benchmark cannot be placed. The text says what to do, and
        where.

    Notes
    -----
    Columns are averages of others: regions average their benchmarks, a study averages its conditions.
    Brain-Score counts a missing score as 0 in every average, see `mean_of_children`. A version at the end of a name
    (``_v1``) is dropped. Submissions that share a name carry their number behind it, where the file gives one.
    """
    table = read_text_table(path, comments=True, dtype=str, keep_default_na=False).map(str.strip)
    table = _without_row_numbers(table.rename(columns=str.strip), Path(path).name)
    table = table.set_index(_models_of(table, Path(path).name))
    table = table[[name for name in table.columns if name.lower() not in _NOT_SCORES]]
    table.columns = [re.sub(r"_v\d+$", "", name) for name in table.columns]
    if table.columns.has_duplicates:
        msg = f"benchmark '{table.columns[table.columns.duplicated()][0]}' is there in two versions; keep one of them."
        raise ValueError(msg)
    return Leaderboard(_as_numbers(table), table == _FAILED, _nesting(table.columns, parents or {}))


def load_brainscore_leaderboard(name: Literal["public", "scaling"] = "public") -> Leaderboard:
    """The vision leaderboard of Brain-Score, with its gaps.

    Parameters
    ----------
    name : {"public", "scaling"}
        "public": 455 submissions in 130 columns, 106 of them single metrics, exported in May 2025. "scaling": 28 models
        in 154 columns, exported early in 2025 for a study of scaling.

    Returns
    -------
    Leaderboard

    Raises
    ------
    ValueError
        For another name.
    MissingDataError
        When the file is not on this machine; the text says how to get it.

    References
    ----------
    Schrimpf et al. 2018, Brain-Score, bioRxiv 407007; the export lies in the repository of its site, brain-score.web.
    The small one was released with Gokce and Schrimpf 2024, arXiv:2411.05712, under the MIT licence.
    """
    if name not in _LEADERBOARDS:
        msg = f"there is no leaderboard '{name}'; choose one of {', '.join(_LEADERBOARDS)}."
        raise ValueError(msg)
    return read_leaderboard(locate(*_LEADERBOARDS[name]))


def model_families(models: pd.Index) -> pd.Series:
    """Family of the architecture of models, as far as their names say.

    Parameters
    ----------
    models : Index of str
        Names as on a leaderboard.

    Returns
    -------
    Series of length n_models
        "resnet" for ``resnet50-barlow``, ``BiT-S-R50x1`` and ``voneresnet-50``; where no known architecture is named,
        the letters that the name begins with.
    """
    names = models.to_series().str.lower()
    families = names.str.extract(r"^([a-z]*)", expand=False)
    for family, pattern in reversed(_FAMILIES.items()):
        families = families.mask(names.str.contains(pattern), family)
    return families


def load_public_benchmarks() -> pd.DataFrame:
    """993 models, most of them trained for the purpose, on five public benchmarks of Brain-Score.

    Returns
    -------
    DataFrame of 4965 rows
        One score per row. ``model``; ``metric``: V1, V2, V4, IT or Behavioral; ``score``, NaN for six failures;
        ``category``: "neural" or "behavior"; ``family``: family of the architecture; ``recipe``: what models differing
        in the seed only have in common.

    Raises
    ------
    MissingDataError
        When the file is not on this machine; the text says how to get it.

    References
    ----------
    Gokce and Schrimpf 2024, arXiv:2411.05712, under the MIT licence.
    """
    table = pd.read_csv(locate(_CATALOGUED, "benchmark_scores.csv"))
    return pd.DataFrame(
        {
            "model": table["model_id"],
            "metric": table["region"],
            "score": table["score"],
            "category": np.where(table["region"] == "Behavioral", "behavior", "neural"),
            "family": table["arch_family"],
            "recipe": table["model_id"].str.replace(r"_seed-\d+$", "", regex=True),
        }
    )


def mean_of_children(board: Leaderboard) -> pd.DataFrame:
    """Every average of a leaderboard computed again from the columns it averages.

    Parameters
    ----------
    board : Leaderboard
        With all its columns.

    Returns
    -------
    DataFrame of shape (n_models, n_averages)
        Means of the children's scores, missing ones counted as 0, as the leaderboard does it.
    """
    children = board.nesting["parent"].dropna()
    parents = [name for name in board.scores.columns if (children == name).any()]
    filled = board.scores.fillna(0)
    return pd.DataFrame({name: filled[children.index[children == name]].mean(axis=1) for name in parents})


def _models_of(table: pd.DataFrame, name: str) -> pd.Series:
    """Name of the model in every row; submissions that share a name are told apart by their number."""
    # Where there is a name as well, model_id is a number.
    column = next((known for known in ("model", "model_name", "Model", "model_id") if known in table), None)
    if column is None:
        msg = f"{name} has no column model or model_id; its first columns are {', '.join(table.columns[:5])}."
        raise ValueError(msg)
    models = table[column].rename("model")
    nameless = np.flatnonzero(models == "")
    if nameless.size:
        msg = f"{name}: row {nameless[0] + 1} (and {nameless.size - 1} more) names no model; complete it."
        raise ValueError(msg)
    number = next((other for other in table if other.lower() in ("model_id", "model id") and other != column), None)
    if number is not None:
        models = models.where(~models.duplicated(keep=False), models + " (" + table[number] + ")")
    if models.duplicated().any():
        msg = f"model '{models[models.duplicated()].iloc[0]}' comes more than once; keep one of its rows."
        raise ValueError(msg)
    return models


def _without_row_numbers(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Leave out columns without a name; pandas calls them so when it reads them."""
    nameless = [column for column in table if column == "" or column.startswith("Unnamed:")]
    if any(cell and not cell.isdecimal() for column in nameless for cell in table[column]):
        msg = f"{name} has a column without a name, which holds more than numbers of rows; name it or drop it."
        raise ValueError(msg)
    return table.drop(columns=nameless)


def _as_numbers(table: pd.DataFrame) -> pd.DataFrame:
    cleaned = table.mask(table.isin([_FAILED, ""]))
    numbers = cleaned.apply(pd.to_numeric, errors="coerce")
    wrong = (~np.isfinite(numbers.astype(float)) & cleaned.notna()).to_numpy()
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        msg = (
            f"the score of '{table.index[row]}' on '{table.columns[column]}' is {table.iat[row, column]!r}; a cell "
            f"holds a number, {_FAILED} for a failed run, or nothing."
        )
        raise ValueError(msg)
    return numbers.astype(float)


def _nesting(columns: pd.Index, own: Mapping[str, str]) -> pd.DataFrame:
    parents = {name: own.get(name, _parent_of(name, set(columns))) for name in columns}
    unplaced = [name for name, parent in parents.items() if parent == ""]
    if unplaced:
        msg = (
            f"it is not known what averages {', '.join(unplaced)}. Give parents={{'{unplaced[0]}': 'IT', ...}} with "
            "V1, V2, V4, IT, behavior_vision, engineering_vision or another column."
        )
        raise ValueError(msg)
    categories = {name: _category_of(name, parents) for name in columns}
    return pd.DataFrame({"parent": pd.Series(parents, dtype=object), "category": pd.Series(categories, dtype=object)})


def _parent_of(name: str, names: set[str]) -> str | None:
    """Name of the column that averages this one, None at the top, empty if it is not known."""
    if name in _TOP and name not in _PLACED:
        return None
    if name in _PLACED:
        return _PLACED[name]
    if name in _V1_PROPERTIES:
        return "Marques2020"
    if name.startswith("Marques2020_"):
        return next((group for group, held in _V1_PROPERTIES.items() if re.search(f"-({held})$", name)), "")
    return _study_of(name, names) or _part_of(name)


def _study_of(name: str, names: set[str]) -> str | None:
    """The study that averages this condition: Study2021 or Study2021-metric of Study2021condition-metric."""
    condition = re.fullmatch(rf"(ImageNet-C|{_STUDY})([-._]?\w.*)-([^-]+)", name)
    candidates = []
    if condition:
        candidates = [condition[1], f"{condition[1]}-{condition[3]}"]
    elif started := re.match(_STUDY, name):
        candidates = [started[0]]
    return next((found for found in candidates if found in names and found != name), None)


def _part_of(name: str) -> str:
    region = re.search(r"[._](V1|V2|V4|IT)(?![A-Za-z0-9])", name)
    if region:
        return region[1]
    if name.endswith("-top1"):
        return "engineering_vision"
    if re.fullmatch(_STUDY, name) or _BEHAVIORAL.search(name):
        return "behavior_vision"
    return ""


def _category_of(name: str, parents: Mapping[str, str | None]) -> str:
    node: str | None = name
    for _ in range(len(parents) + 1):
        if node in _CATEGORIES:
            return _CATEGORIES[node]
        if node is None:
            return "overall"
        # A parent that the export left out is still known by its name.
        node = parents.get(node, _PLACED.get(node))
    msg = f"the parents of '{name}' run in a circle; correct the ones that were given."
    raise ValueError(msg)
