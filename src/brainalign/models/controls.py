"""Control models: untrained twins that read as their model does, and a small BridgeTower that was never trained."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch

from brainalign.catalogue.references import parse_reference
from brainalign.datasets.scenes import PAD, SIDE, VOCABULARY
from brainalign.models.loading import LoadedModel, load_model
from brainalign.models.zoo.architectures import CAPTION_LENGTH, PATCH, as_pixels, initialize

_WIDTH = 64  # BridgeTower's image tower has heads of 64 channels: the smallest that its class can be
_TEXT_HEADS = 4
_FUSION = "cross_modal_"  # begins the names of all that lies above the towers, in METER and in BridgeTower
_OTHER_SEEDS = 1000  # beyond those that the mini-zoo was trained from


def load_twin(model: LoadedModel, *, seed: int = 0) -> LoadedModel:
    """The untrained twin of a loaded model, which sees pictures and captions prepared in the same way.

    Parameters
    ----------
    model : LoadedModel
        Its reference names the architecture; its preparation of pictures and its tokenizer are kept, which the
        architecture alone does not tell.
    seed : int
        For the first weights. Seed 0 of a model of the mini-zoo gives the weights that its training began with.

    Returns
    -------
    LoadedModel
        On the device of the model.

    Raises
    ------
    ValueError
        The architecture is not known without the model's files.
    """
    reference = replace(parse_reference(model.reference), random=True, revision=None)
    if reference.hub == "zoo" and seed:  # its first weights come by name
        reference = replace(reference, name=f"{reference.name.partition('/')[0]}/{_OTHER_SEEDS + seed}")
    weight = next(model.module.parameters())
    twin = load_model(reference, device=weight.device, dtype=weight.dtype, seed=seed)
    return replace(twin, preprocess=model.preprocess, tokenize=model.tokenize)


def with_untrained_fusion(model: LoadedModel, *, seed: int = 0) -> LoadedModel:
    """A fused model with its own towers and the fusion of its untrained twin.

    What such a model still does is done by the towers, and by the wiring of the fusion.

    Parameters
    ----------
    model : LoadedModel
        A METER, or a BridgeTower; it stays as it is.
    seed : int
        Of the twin, see `load_twin`.

    Returns
    -------
    LoadedModel

    Raises
    ------
    ValueError
        The model has no fusion, or its architecture is not known without its files.
    """
    if not any(name.startswith(_FUSION) for name in model.module.state_dict()):
        msg = f"'{model.reference}' has no fusion; give a METER or a BridgeTower."
        raise ValueError(msg)
    fresh = load_twin(model, seed=seed).module.state_dict()
    module = copy.deepcopy(model.module)
    module.load_state_dict({**module.state_dict(), **{k: v for k, v in fresh.items() if k.startswith(_FUSION)}})
    return replace(model, module=module)


def small_bridgetower(
    *, seed: int, layers: int = 4, fusion_layers: int = 2, device: str | torch.device = "cpu"
) -> LoadedModel:
    """A BridgeTower for digit scenes with first weights: the wiring of the large one, and nothing learned.

    Parameters
    ----------
    seed : int
        Of the first weights.
    layers : int
        Of each tower.
    fusion_layers : int
        Of each stream of the fusion; each reads a layer of its own tower, the last ones of the towers in order.
    device : str or torch.device
        Where the weights go.

    Returns
    -------
    LoadedModel
        Of kind "zoo": it reads ink of 24 x 24 pixels and the words of digit scenes.

    Raises
    ------
    ValueError
        More layers of the fusion than of the towers, or fewer than 1.

    Examples
    --------
    >>> small_bridgetower(seed=0).module.config.model_type
    'bridgetower'
    """
    from transformers import BridgeTowerConfig, BridgeTowerModel  # seconds

    if not 1 <= fusion_layers <= layers:
        msg = f"fusion_layers = {fusion_layers} must be from 1 to layers = {layers}: each reads a layer of its tower."
        raise ValueError(msg)
    text = {
        "vocab_size": len(VOCABULARY),
        "hidden_size": _WIDTH,
        "num_hidden_layers": layers,
        "num_attention_heads": _TEXT_HEADS,
        "intermediate_size": 4 * _WIDTH,
        "max_position_embeddings": CAPTION_LENGTH + PAD + 1,
        "pad_token_id": PAD,
    }
    vision = {"hidden_size": _WIDTH, "num_hidden_layers": layers, "patch_size": PATCH, "image_size": SIDE}
    sizes = {"hidden_size": _WIDTH, "num_hidden_layers": fusion_layers, "num_attention_heads": _TEXT_HEADS}
    with torch.random.fork_rng(devices=[]):  # the library draws weights that are replaced at once
        module = BridgeTowerModel(BridgeTowerConfig(**sizes, text_config=text, vision_config=vision))
    initialize(module, seed=seed)
    return LoadedModel("BridgeTower, untrained", module.to(device).eval(), "zoo", as_pixels)
