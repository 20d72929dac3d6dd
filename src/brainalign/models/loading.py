"""Load whole models by reference, each by the library that it belongs to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from brainalign.catalogue.references import Reference, parse_reference
from brainalign.models.checkpoints import TensorPart, open_stored
from brainalign.models.checkpoints.local import EXPORTED, config_of, open_tensors, own_path, packaged_files, weights_in
from brainalign.models.checkpoints.soundness import refuse_other_than_weights
from brainalign.models.checkpoints.stored import check_precision
from brainalign.models.checkpoints.tensor_files import StoredCheckpoint
from brainalign.models.checkpoints.whole import BESIDE, whole_model

Kind = Literal["timm", "transformers", "open_clip", "meter", "zoo"]
_METER_TOKENIZER = "FacebookAI/roberta-base"
_NOT_RUN = r"pooler|mask_token|position_ids"
"""Weights that a model of transformers may lack, because nothing that is looked at runs through them."""

_METER_SIGN = "cross_modal_text_transform.weight"


@dataclass(frozen=True)
class LoadedModel:
    """A model that can be run.

    Attributes
    ----------
    reference : str
        What it was loaded by.
    module : Module
        The model in evaluation mode.
    kind : {"timm", "transformers", "open_clip", "meter", "zoo"}
        Whose class it is of.
    preprocess : callable or None
        Turns a PIL image into the tensor that the model takes, without batch axis (the mini-zoo: an array of ink of
        shape (batch, 24, 24) into a batch); None for a model of texts, or where the files do not say how.
    tokenize : callable or None
        Turns a list of strings into what the model takes; None for a model of images, or where the files lack it.
    """

    reference: str
    module: nn.Module
    kind: Kind
    preprocess: Callable[..., Tensor] | None = None
    tokenize: Callable[[Sequence[str]], Any] | None = None


def load_model(
    reference: str | Reference,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
    seed: int = 0,
) -> LoadedModel:
    """Load a model, or build its untrained twin.

    Parameters
    ----------
    reference : str or Reference
        The model, see `brainalign.catalogue.references.parse_reference`. A tower changes nothing: the whole is loaded.
        With ``@random`` the same architecture with first weights; nothing is fetched then.
    device : str or torch.device
        Where the weights go.
    dtype : torch.dtype, optional
        Precision of the weights; that of the files without it.
    seed : int
        For the first weights of an untrained twin (of the mini-zoo's the seed in the reference counts). torch's own
        random numbers are left as they were.

    Returns
    -------
    LoadedModel

    Raises
    ------
    ValueError
        No such model, an untrained twin whose architecture is not known without a network, or files that are not whole
        weights in ordinary precision of the model that they say they are.
    MissingDataError
        The files are not on this machine and cannot be had.
    ChecksumError
        A file was truncated or altered.
    """
    parsed = parse_reference(reference)
    with _in_words(parsed), torch.random.fork_rng(devices=[], enabled=parsed.random):
        if parsed.random:
            torch.manual_seed(seed)
        model = _LOADERS[parsed.hub](parsed)
    module = model.module.to(device=device, dtype=dtype).eval()
    return LoadedModel(str(parsed), module, model.kind, model.preprocess, model.tokenize)


@contextmanager
def _in_words(reference: Reference) -> Iterator[None]:
    """Say which model it was when its library fails on it."""
    try:
        yield
    except (RuntimeError, LookupError, TypeError, AttributeError, AssertionError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        msg = (
            f"'{reference}' cannot be loaded by its library ({first}): its weights and its configuration do not belong "
            "together, or a file is damaged. Fetch all its files again, or save it anew."
        )
        raise ValueError(msg) from error


def _whole_and_sound(reference: Reference) -> Path:
    """File of a hub's model with all its files beside it, after a look at what it holds."""
    weights = whole_model(reference)
    tensors = open_tensors(weights)
    stored = StoredCheckpoint(str(reference), config_of(weights.parent, tensors), tensors)
    refuse_other_than_weights(stored.reference, stored.config, stored.names())
    check_precision(stored)
    return weights


def _load_timm(reference: Reference) -> LoadedModel:
    import timm  # seconds, as are the other libraries

    if reference.random:
        return _of_timm(reference, timm.create_model(reference.name, pretrained=False))
    weights = _whole_and_sound(reference)
    overlay = {"file": str(weights)}
    return _of_timm(reference, timm.create_model(reference.name, pretrained=True, pretrained_cfg_overlay=overlay))


def _of_timm(reference: Reference, module: nn.Module) -> LoadedModel:
    import timm

    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(module))
    return LoadedModel(str(reference), module, "timm", transform)


def _load_open_clip(reference: Reference) -> LoadedModel:

    architecture = reference.name.partition("/")[0]
    if reference.random:
        return _of_open_clip(reference, architecture, load_weights=False, pretrained_text=False)
    weights = _whole_and_sound(reference)
    return _of_open_clip(reference, f"local-dir:{weights.parent}")


def _of_open_clip(reference: Reference, name: str, **options: bool) -> LoadedModel:
    import open_clip

    module, _, preprocess = open_clip.create_model_and_transforms(name, **options)

    # Some tokenizers are fetched: only when a text comes.
    @cache
    def tokenizer() -> Callable[[Sequence[str]], Tensor]:
        return open_clip.get_tokenizer(name)

    return LoadedModel(str(reference), module, "open_clip", preprocess, lambda texts: tokenizer()(list(texts)))


def _load_transformers(reference: Reference) -> LoadedModel:
    if not reference.random:
        return _from_transformers_folder(reference, _whole_and_sound(reference).parent)
    from transformers import AutoModel

    from brainalign.models.registry import architecture_config

    return LoadedModel(str(reference), AutoModel.from_config(architecture_config(reference)), "transformers")


def _from_transformers_folder(reference: Reference, folder: Path) -> LoadedModel:
    from transformers import AutoConfig, AutoImageProcessor, AutoModel, AutoTokenizer

    local = {"local_files_only": True, "trust_remote_code": False}
    if reference.random:
        module = AutoModel.from_config(AutoConfig.from_pretrained(folder, **local))
    else:
        module, told = AutoModel.from_pretrained(folder, **local, output_loading_info=True)
        _refuse_invented(reference, told)
    preprocess = tokenize = None
    if (folder / BESIDE[0]).is_file():
        preprocess = partial(_process, AutoImageProcessor.from_pretrained(folder, **local))
    if any((folder / name).is_file() for name in BESIDE[1:]):
        tokenizer = AutoTokenizer.from_pretrained(folder, **local)
        tokenize = partial(_tokenize, tokenizer)
    return LoadedModel(str(reference), module, "transformers", preprocess, tokenize)


def _refuse_invented(reference: Reference, told: Mapping[str, Any]) -> None:
    """Refuse a model of whose weights some were not in the files, so that the library drew them at random."""
    drawn = sorted(str(name) for key in ("missing_keys", "mismatched_keys") for name in told.get(key) or ())
    drawn = [name for name in drawn if not re.search(_NOT_RUN, name)]
    if drawn:
        msg = (
            f"'{reference}' lacks {len(drawn)} of its weights, or has them in other shapes, such as {drawn[0]}: the "
            "files are incomplete, or its config.json is another model's. Fetch all its files again."
        )
        raise ValueError(msg)


def _process(processor: Any, image: Any) -> Tensor:
    return processor(images=image, return_tensors="pt")["pixel_values"][0]


def _tokenize(tokenizer: Any, texts: Sequence[str]) -> Any:
    return tokenizer(list(texts), padding=tokenizer.pad_token is not None, truncation=True, return_tensors="pt")


def _load_package(reference: Reference) -> LoadedModel:
    weights, *_ = packaged_files(reference.name)
    if weights.suffix in EXPORTED:
        return _from_exported(reference, weights)
    return _from_transformers_folder(reference, weights.parent)


def _from_exported(reference: Reference, path: Path) -> LoadedModel:
    """A model whose file says all about it: its class of transformers, filled with the tensors (dequantised)."""
    from transformers import MODEL_MAPPING, AutoConfig, AutoModel, AutoTokenizer, BitImageProcessor
    from transformers.image_utils import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

    stored = StoredCheckpoint(str(reference), config_of(path.parent, tensors := open_tensors(path)), tensors)
    config = AutoConfig.for_model(**stored.config)
    if reference.random:
        module = AutoModel.from_config(config)
    else:
        state = {part.name: tensor for part, tensor in stored.read(map(TensorPart, stored.names())).items()}
        build = MODEL_MAPPING[type(config)].from_pretrained
        module, told = build(None, config=config, state_dict=state, output_loading_info=True)
        _refuse_invented(reference, told)
    preprocess = tokenize = None
    if path.suffix == ".gguf":
        tokenize = partial(_tokenize, AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name))
    else:
        # The pictures that DINOv2 is evaluated with; the file says nothing of them.
        preprocess = partial(
            _process,
            BitImageProcessor(
                size={"shortest_edge": 256},
                crop_size={"height": 224, "width": 224},
                image_mean=IMAGENET_DEFAULT_MEAN,
                image_std=IMAGENET_DEFAULT_STD,
            ),
        )
    return LoadedModel(str(reference), module, "transformers", preprocess, tokenize)


def _load_meter(reference: Reference) -> LoadedModel:
    from brainalign.models.meter import RELEASED, Meter, MeterConfig, load_meter

    if not reference.random:
        return _of_meter(reference, load_meter(_all_tensors(reference)))
    released = RELEASED.get(reference.name)
    if released is None:
        msg = f"METER was not released as '{reference.name}'. Released are: {', '.join(RELEASED)}."
        raise ValueError(msg)
    token_types = 3 if "nlvr2" in released.tasks else 2
    config = MeterConfig(image_size=released.image_size, tasks=released.tasks, token_types=token_types)
    return _of_meter(reference, Meter(config))


def _of_meter(reference: Reference, module: nn.Module) -> LoadedModel:
    from brainalign.models.meter import meter_image_transform, tokenize_captions

    preprocess = meter_image_transform(module.config.image_size)
    return LoadedModel(
        str(reference), module, "meter", preprocess, partial(tokenize_captions, tokenizer=_METER_TOKENIZER)
    )


def _all_tensors(reference: Reference) -> dict[str, Tensor]:
    checkpoint = open_stored(reference)
    return {part.name: tensor for part, tensor in checkpoint.read(map(TensorPart, checkpoint.names())).items()}


def _load_zoo(reference: Reference) -> LoadedModel:
    from brainalign.models.zoo import as_pixels, load_zoo

    return LoadedModel(str(reference), load_zoo(reference), "zoo", as_pixels)


def _load_file(reference: Reference) -> LoadedModel:
    checkpoint = open_stored(Reference("file", reference.name))  # says what is wrong with the folder or the file
    if not reference.random:
        check_precision(checkpoint)
    path = own_path(reference)
    folder = path if path.is_dir() else path.parent
    weights = weights_in(reference)
    if weights.suffix in EXPORTED:
        return _from_exported(reference, weights)
    # BridgeTower of transformers has tensors of the same names, and a config.json that says what it is.
    if not reference.random and _METER_SIGN in checkpoint.names() and "model_type" not in checkpoint.config:
        return _of_meter(reference, _load_meter_file(reference))
    if "model_cfg" in checkpoint.config:
        return _of_open_clip(reference, f"local-dir:{folder}", **({"load_weights": False} if reference.random else {}))
    if "architecture" in checkpoint.config:
        import timm

        return _of_timm(reference, timm.create_model(f"local-dir:{folder}", pretrained=not reference.random))
    if "model_type" in checkpoint.config:
        return _from_transformers_folder(reference, folder)
    msg = (
        f"'{reference}' does not say which model it is: a config.json of transformers (model_type) or timm "
        "(architecture), or an open_clip_config.json is needed beside the weights."
    )
    raise ValueError(msg)


def _load_meter_file(reference: Reference) -> nn.Module:
    from brainalign.models.meter import load_meter

    return load_meter(_all_tensors(reference))


_LOADERS: dict[str, Callable[[Reference], LoadedModel]] = {
    "timm": _load_timm,
    "open_clip": _load_open_clip,
    "hf": _load_transformers,
    "package": _load_package,
    "meter": _load_meter,
    "zoo": _load_zoo,
    "file": _load_file,
}
