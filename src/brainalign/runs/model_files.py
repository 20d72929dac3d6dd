"""What names the files of a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from brainalign.catalogue.kept_models import HUBS
from brainalign.catalogue.references import parse_reference


def files_reference(model: str) -> str:
    """What names the files of a model: its reference in full, without the tower, which lies in the same file.

    Parameters
    ----------
    model : str
        A model reference.

    Returns
    -------
    str
        For `ChapterParameters.data`. An untrained twin keeps its ``@random`` when nothing of the trained model is read
        to build it; of a single file of the user's own it is the folder.

    Examples
    --------
    >>> files_reference("clip-base-16-vision"), files_reference("zoo:mae-s@random")
    ('hf:openai/clip-vit-base-patch16', 'zoo:mae-s')
    """
    reference = parse_reference(model).files
    if reference.hub in HUBS:
        return str(reference)
    if reference.hub == "file" and Path(reference.name).expanduser().is_file():
        reference = replace(reference, name=str(Path(reference.name).parent))
    return str(replace(reference, random=False))
