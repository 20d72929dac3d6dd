"""Captions that people wrote of the photographs of COCO, which several recordings show."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path


def read_captions(path: str | Path, images: Collection[int]) -> dict[int, tuple[str, ...]]:
    """Captions of some images out of an annotation file of COCO.

    Parameters
    ----------
    path : path
        A file such as ``captions_train2017.json``, from the archive annotations_trainval2017.zip of COCO.
    images : collection of int
        Numbers of the images in COCO.

    Returns
    -------
    dict of int to tuple of str
        Of every image its captions (usually five), in the order of their numbers; without line ends.

    Raises
    ------
    ValueError
        A file of another layout, or an image without captions in it.

    Notes
    -----
    The file is an object with the list ``annotations`` of objects with ``image_id``, ``id`` and ``caption``.

    References
    ----------
    Lin et al. 2014, ECCV; Chen et al. 2015, arXiv 1504.00325.
    """
    wanted, found = set(images), {}
    with open(path, encoding="utf-8") as stream:
        annotations = json.load(stream).get("annotations", [])
    for annotation in annotations:
        if "caption" not in annotation:
            msg = f"{path} has an annotation without a caption; expected a file such as captions_train2017.json."
            raise ValueError(msg)
        if annotation["image_id"] in wanted:
            found.setdefault(annotation["image_id"], []).append((annotation["id"], annotation["caption"]))
    missing = sorted(wanted - set(found))
    if missing:
        msg = f"{path} has no caption of image {missing[0]} (and {len(missing) - 1} more). Take the file of its split."
        raise ValueError(msg)
    return {image: tuple(" ".join(text.split()) for _, text in sorted(rows)) for image, rows in found.items()}
