"""Layouts of language models."""

from __future__ import annotations

from dataclasses import replace

from brainalign.models.layouts.layout import ANY_MODEL, Layout

BERT = Layout(
    tower="text",
    modality="text",
    query=ANY_MODEL + r"encoder\.layer\.(?P<layer>\d+)\.attention\.self\.query\.weight",
    key=ANY_MODEL + r"encoder\.layer\.(?P<layer>\d+)\.attention\.self\.key\.weight",
    positions=ANY_MODEL + r"embeddings\.position_embeddings\.weight",
    norms=(ANY_MODEL + r"embeddings\.LayerNorm\.weight",),
    norm_eps=("layer_norm_eps",),
    default_eps=1e-12,
)

# The table begins with two rows (padding) that no token ever gets.
ROBERTA = replace(BERT, first_position=2, padding=("pad_token_id", "pad_id"), default_eps=1e-5)

# Kin of RoBERTa whose norm comes first: after the embedding's in the one, instead of it in the other.
ROBERTA_PRELAYERNORM = replace(
    ROBERTA, norms=(*ROBERTA.norms, ANY_MODEL + r"encoder\.layer\.0\.attention\.LayerNorm\.weight")
)
XLM_ROBERTA_XL = replace(ROBERTA, norms=(ANY_MODEL + r"encoder\.layer\.0\.attention\.self_attn_layer_norm\.weight",))

_GPT2_QKV = ANY_MODEL + r"h\.(?P<layer>\d+)\.attn\.c_attn\.weight"
GPT2 = Layout(
    tower="text",
    modality="text",
    query=_GPT2_QKV,
    key=_GPT2_QKV,
    packing="columns",
    positions=ANY_MODEL + r"wpe\.weight",
    norms=(ANY_MODEL + r"h\.0\.ln_1\.weight",),
    norm_eps=("layer_norm_epsilon",),
    default_eps=1e-5,
    heads=("n_head", "num_attention_heads"),
    layers=("n_layer", "num_hidden_layers"),
)

_OPT = r"(?:model\.)?decoder\."
OPT = Layout(
    tower="text",
    modality="text",
    query=_OPT + r"layers\.(?P<layer>\d+)\.self_attn\.q_proj\.weight",
    key=_OPT + r"layers\.(?P<layer>\d+)\.self_attn\.k_proj\.weight",
    positions=_OPT + r"embed_positions\.weight",
    first_position=2,  # the library adds 2 to every position
    norms=(_OPT + r"layers\.0\.self_attn_layer_norm\.weight",),
    default_eps=1e-5,
    norm_first=("do_layer_norm_before",),
)

_NEOX_QKV = r"(?:gpt_neox\.)?layers\.(?P<layer>\d+)\.attention\.query_key_value\.weight"
GPT_NEOX = Layout(
    tower="text",
    modality="text",
    query=_NEOX_QKV,
    key=_NEOX_QKV,
    packing="per_head",
    norms=(r"(?:gpt_neox\.)?layers\.0\.input_layernorm\.weight",),
    norm_eps=("layer_norm_eps",),
    rotary="text",
)

# Newer files of models with a vision tower call the language model by that name.
_LLAMA = r"(?:model\.)?(?:language_model\.)?layers\."
LLAMA = Layout(
    tower="text",
    modality="text",
    query=_LLAMA + r"(?P<layer>\d+)\.self_attn\.q_proj\.weight",
    key=_LLAMA + r"(?P<layer>\d+)\.self_attn\.k_proj\.weight",
    norms=(_LLAMA + r"0\.input_layernorm\.weight",),
    norm_kind="rms",
    norm_eps=("rms_norm_eps",),
    rotary="text",
    key_heads=("num_key_value_heads",),
)

_PHI3_QKV = _LLAMA + r"(?P<layer>\d+)\.self_attn\.qkv_proj\.weight"
PHI3 = replace(LLAMA, query=_PHI3_QKV, key=_PHI3_QKV, packing="rows")

TEXT_LAYOUTS: dict[str, tuple[Layout, ...]] = {
    "bert": (BERT,),
    "dpr": (BERT,),
    "ernie": (BERT,),
    "electra": (BERT,),
    "roberta": (ROBERTA,),
    "xlm-roberta": (ROBERTA,),
    "camembert": (ROBERTA,),
    "data2vec-text": (ROBERTA,),
    "xmod": (ROBERTA,),
    "longformer": (ROBERTA,),
    "luke": (ROBERTA,),
    "roberta-prelayernorm": (ROBERTA_PRELAYERNORM,),
    "xlm-roberta-xl": (XLM_ROBERTA_XL,),
    "gpt2": (GPT2,),
    "opt": (OPT,),
    "gpt_neox": (GPT_NEOX,),
    "llama": (LLAMA,),
    "mistral": (LLAMA,),
    "qwen2": (LLAMA,),
    "qwen3": (LLAMA,),
    "phi3": (PHI3,),
}
"""Layouts by the ``model_type`` of a checkpoint's ``config.json``."""
