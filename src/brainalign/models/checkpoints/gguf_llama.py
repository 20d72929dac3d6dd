"""The Llama architecture as llama.cpp stores it, translated into names, fields and row order of transformers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

_ENDS = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
_INSIDE = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_FIELDS = {
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "num_hidden_layers": "block_count",
    "num_attention_heads": "attention.head_count",
    "rms_norm_eps": "attention.layer_norm_rms_epsilon",
    "max_position_embeddings": "context_length",
}


def llama_name(path: Path, name: str) -> str:
    """Name that transformers has for a tensor.

    Raises
    ------
    ValueError
        The architecture has no such tensor.
    """
    found = re.fullmatch(r"(?:blk\.(?P<layer>\d+)\.)?(?P<what>\w+)\.(?P<kind>weight|bias)", name)
    known = _INSIDE if found and found["layer"] else _ENDS
    if not found or found["what"] not in known:
        msg = (
            f"{path} has a tensor '{name}', which the Llama architecture has not (scaled rotations and mixtures of "
            "experts are not read). Give the model's safetensors."
        )
        raise ValueError(msg)
    layer = f"model.layers.{found['layer']}." if found["layer"] else ""
    return f"{layer}{known[found['what']]}.{found['kind']}"


def llama_config(path: Path, fields: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Content of the ``config.json`` that transformers would have.

    Raises
    ------
    ValueError
        Another architecture, a stretched rotation, or a field that is missing.
    """
    architecture = fields.get("general.architecture")
    if architecture != "llama":
        msg = (
            f"{path} is a GGUF file of the architecture '{architecture}', which is not read. Read is: llama (Llama, "
            "SmolLM, TinyLlama and others of that layout). Give the model's safetensors."
        )
        raise ValueError(msg)
    llama = {key.removeprefix("llama."): value for key, value in fields.items() if key.startswith("llama.")}
    lacking = [f"llama.{field}" for field in _FIELDS.values() if field not in llama]
    if lacking:
        msg = f"{path} lacks {', '.join(lacking)}, without which the model is not known. Fetch the file again."
        raise ValueError(msg)
    if llama.get("rope.scaling.type", "none") != "none":
        msg = f"{path} stretches its rotation ({llama['rope.scaling.type']}), which is not read. Give the safetensors."
        raise ValueError(msg)
    config = {ours: llama[theirs] for ours, theirs in _FIELDS.items()}
    head_dim = llama.get("attention.key_length", config["hidden_size"] // config["num_attention_heads"])
    if llama.get("rope.dimension_count", head_dim) != head_dim:
        msg = f"{path} turns {llama['rope.dimension_count']} of {head_dim} components of a head, which is not read."
        raise ValueError(msg)
    tokens = fields.get("tokenizer.ggml.tokens", ())
    return config | {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "head_dim": head_dim,
        "num_key_value_heads": llama.get("attention.head_count_kv", config["num_attention_heads"]),
        "vocab_size": llama.get("vocab_size") or len(tokens),
        "rope_parameters": {"rope_type": "default", "rope_theta": llama.get("rope.freq_base", 10_000.0)},
        "tie_word_embeddings": "output.weight" not in names,
        "attention_bias": any(name.endswith("attn_q.bias") for name in names),
        "bos_token_id": fields.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": fields.get("tokenizer.ggml.eos_token_id"),
        "pad_token_id": fields.get("tokenizer.ggml.padding_token_id"),
    }


def rotary_heads(config: Mapping[str, Any]) -> dict[str, int]:
    """How many heads the tensors have that llama.cpp reorders, by the end of their names."""
    query, key = config["num_attention_heads"], config["num_key_value_heads"]
    kinds = ("weight", "bias")
    return {f"self_attn.{which}_proj.{kind}": n for which, n in (("q", query), ("k", key)) for kind in kinds}


def undo_rotary_order(stored: Tensor, n_heads: int) -> Tensor:
    """Rows of queries or keys in the order of transformers: both halves of a head one after the other.

    llama.cpp turns neighbouring components, transformers component a with a + head_dim / 2.
    """
    pairs = stored.reshape(n_heads, stored.shape[0] // n_heads // 2, 2, *stored.shape[1:])
    return pairs.transpose(1, 2).reshape(stored.shape)
