"""A model of the mini-zoo by its reference."""

from __future__ import annotations

from torch import nn

from brainalign.catalogue.references import Reference, parse_reference
from brainalign.models.zoo.recipes import get_recipe
from brainalign.models.zoo.weights import load_objective, random_objective


def split_name(name: str) -> tuple[str, int]:
    """Name and seed of ``NAME`` or ``NAME/SEED``; without a seed the first shipped one is meant."""
    stem, slash, seed = name.partition("/")
    return stem, int(seed) if slash else get_recipe(stem).seeds[0]


def load_zoo(reference: str | Reference) -> nn.Module:
    """A model of the mini-zoo in evaluation mode.

    Parameters
    ----------
    reference : str or Reference
        ``zoo:NAME``, ``zoo:NAME/SEED``; with ``@random`` the same architecture with the first weights of that seed,
        as they were before training.

    Returns
    -------
    Module
        An object of the library class that the model is made of: timm's VisionTransformer, open_clip's CLIP or
        VisionTransformer, transformers' BertForMaskedLM or GPT2LMHeadModel, or this project's Meter. Pictures have
        three equal channels of 24 x 24 pixels, ink from 0 to 1: `brainalign.models.zoo.as_pixels`.

    Raises
    ------
    ValueError
        No such reference or name.
    MissingDataError
        There are no weights of that seed.

    Examples
    --------
    >>> model = load_zoo("zoo:mae-xs@random")
    >>> type(model).__name__, len(model.blocks)
    ('VisionTransformer', 3)
    """
    parsed = parse_reference(reference)
    if parsed.hub != "zoo":
        msg = f"'{parsed}' is no model of the mini-zoo; give zoo:NAME or zoo:NAME/SEED."
        raise ValueError(msg)
    name, seed = split_name(parsed.name)
    if parsed.random:
        return random_objective(name, seed).model
    return load_objective(name, seed).model
