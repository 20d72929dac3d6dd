"""Whether what a checkpoint stores are the weights themselves: not integers, codes, masks or parts of an adapter.

Every way to read weights passes here: the names and the configuration when a checkpoint is opened, the precision
when a tensor is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

_DEQUANTIZED = "Give a copy in float32, float16 or bfloat16: load it with the library that made it, dequantise, save."
_MERGED = "Merge it into the weights first (peft: merge_and_unload), save the result, and give that."
_MADE_PLAIN = "Make it permanent first (torch.nn.utils.prune.remove, or mask the weights), save, and give that."

_BESIDE = {
    "bitsandbytes int8": (r"SCB|weight_format", _DEQUANTIZED),
    "bitsandbytes 4-bit": (r"absmax|quant_map|nested_absmax|nested_quant_map|quant_state(?:\.\w+)+", _DEQUANTIZED),
    "GPTQ or AWQ": (r"qweight|qzeros|g_idx", _DEQUANTIZED),
    "compressed-tensors": (r"weight_packed|weight_zero_point|weight_g_idx", _DEQUANTIZED),
    "EETQ": (r"weight_scales", _DEQUANTIZED),
    "FP8 or another format with scales": (r"weight_scale(?:_inv|_2)?", _DEQUANTIZED),
    "HQQ": (r"W_q", _DEQUANTIZED),
    "quanto": (r"weight\._(?:data|scale|shift)", _DEQUANTIZED),
    "torchao": (r"_?weight_qdata|_packed_params(?:\.\w+)*", _DEQUANTIZED),
    "EXL2 or EXL3": (r"q_weight|q_groups|trellis", _DEQUANTIZED),
    "AQLM, QuIP# or VPTQ": (r"codebooks|Qidxs|centroids", _DEQUANTIZED),
    "MXFP4": (r"\w+_blocks", _DEQUANTIZED),
    "an adapter that is not merged": (
        r"(?:weight_)?lora_(?:A|B|E|embedding_A|embedding_B|magnitude_vector)(?:\.\w+)*"
        r"|(?:hada|lokr)_w\d\w*(?:\.\w+)*|ia3_l(?:\.\w+)*|oft_r(?:\.\w+)*",
        _MERGED,
    ),
    "pruning by a mask": (r"weight_mask|weight_orig", _MADE_PLAIN),
}
"""What kind of storage the last part of a tensor's name gives away, and what to do about it."""

_FIELDS = ("quantization_config", "quantization", "compression_config")
_WHOLE_NUMBERS = re.compile(
    r"(?:.+\.)?(?:position_ids|token_type_ids|relative_position_index|num_batches_tracked|(?:attn|attention)\.bias)"
)


def refuse_other_than_weights(reference: str, config: Mapping[str, Any], names: Sequence[str]) -> None:
    """Refuse a checkpoint whose configuration or names say that its tensors are not simply the weights.

    Parameters
    ----------
    reference : str
        The model, for the error.
    config : mapping
        Content of ``config.json``.
    names : sequence of str
        Names of all tensors.

    Raises
    ------
    ValueError
        Quantised weights, an adapter that is not merged, a mask beside the weights, or heads that were pruned; the
        text names the method and says what to do.
    """
    for field, value in _set_fields(config, _FIELDS):
        msg = (
            f"'{reference}' is quantised ({_method(value)}): its config.json has {field}. Weights are read as they "
            f"are stored, in float64, float32, float16 or bfloat16. {_DEQUANTIZED}"
        )
        raise ValueError(msg)
    for _, heads in _set_fields(config, ("pruned_heads",)):
        msg = (
            f"'{reference}' has pruned heads ({_shortened(heads)} in its config.json): its layers differ in their "
            "heads, which is not read. Give the model before pruning."
        )
        raise ValueError(msg)
    for method, (pattern, advice) in _BESIDE.items():
        found = [name for name in names if re.fullmatch(rf"(?:.+\.)?(?:{pattern})", name)]
        if found:
            msg = (
                f"'{reference}' holds more than weights: {method}, as {len(found)} tensors such as '{found[0]}' tell. "
                f"Weights are read as they are stored, without anything beside them. {advice}"
            )
            raise ValueError(msg)
    if scaled := [name for name in names if name.endswith(".scales") and f"{name[:-7]}.biases" in set(names)]:
        msg = f"'{reference}' is quantised (MLX, as '{scaled[0]}' tells). {_DEQUANTIZED}"
        raise ValueError(msg)


def refuse_other_than_floats(reference: str, name: str, dtype: torch.dtype) -> None:
    """Refuse a tensor that is no weight in ordinary precision.

    Raises
    ------
    ValueError
        Integers, flags, complex numbers, or floats of 8 bits and less, of any tensor but a buffer of whole numbers.
    """
    ordinary = dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16)
    if ordinary or _WHOLE_NUMBERS.fullmatch(name):
        return
    msg = (
        f"'{name}' of '{reference}' is stored as {str(dtype).removeprefix('torch.')}, which are not its weights but "
        "numbers to compute them from (quantised, or not weights at all). Allowed are float64, float32, float16 and "
        f"bfloat16. {_DEQUANTIZED}"
    )
    raise ValueError(msg)


def _set_fields(config: Mapping[str, Any], fields: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Fields that say something, of the configuration and of its sections."""
    for name, value in config.items():
        if name in fields and value:
            yield name, value
        elif isinstance(value, Mapping):
            yield from _set_fields(value, fields)


def _method(value: Any) -> str:
    if not isinstance(value, Mapping):
        return _shortened(value)
    bits = next((f"{value[key]}-bit" for key in ("bits", "w_bit", "weight_bits") if key in value), "")
    bits = bits or next(
        (key.removeprefix("load_in_") for key in ("load_in_4bit", "load_in_8bit") if value.get(key)), ""
    )
    named = next((str(value[key]) for key in ("quant_method", "quant_algo", "mode") if value.get(key)), "")
    if not named:
        named = "MLX" if "group_size" in value else "no method is named"
    return f"{named} {bits}".strip()


def _shortened(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
