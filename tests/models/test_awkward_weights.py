"""Checkpoints as people really have them: every one gives the right value, or is refused in words; never a wrong one.

Each row spoils a copy of a sound tiny model in one way, and lists the words that the refusal must have: what was found,
and what to do. Before a model is spoilt it is read, so that no row can pass because of something else.
"""

from __future__ import annotations

import io
import json
import pickle
import re
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import transformers as hf
from numpy.testing import assert_allclose, assert_array_equal, assert_equal
from open_clip.model import CLIP
from safetensors.torch import load_file, save_file

from brainalign import cli
from brainalign.catalogue.files import ChecksumError, MissingDataError
from brainalign.catalogue.references import parse_reference
from brainalign.models import spatial_attention
from brainalign.models.layouts import LAYOUTS
from brainalign.models.loading import load_model
from tests.models.families import CLIP_TEXT, CLIP_VISION, GPT2, OPT, PICTURE, TEXT, TIMM, save

BERT_QUERY = "encoder.layer.1.attention.self.query"
PICTURE_QUERY = "encoder.layer.1.attention.attention.query"
SMALL = {"num_hidden_layers": 4}
LLAMA = TEXT | SMALL | {"hidden_size": 24, "num_attention_heads": 6, "num_key_value_heads": 2}


def _timm_state(name, **changes):
    arguments = TIMM | {"depth": 4} | changes
    return timm.create_model(name, **arguments), {"architecture": name, "model_args": arguments}


def _with(made, **fields):
    return made[0], made[1] | fields


def _open_clip():
    return CLIP(8, CLIP_VISION, CLIP_TEXT), {"model_cfg": {"vision_cfg": CLIP_VISION, "text_cfg": CLIP_TEXT}}


MODELS: dict[str, Callable[[], tuple[torch.nn.Module, dict | None]]] = {
    "bert": lambda: (hf.BertModel(hf.BertConfig(**TEXT | SMALL)), None),
    "roberta": lambda: (hf.RobertaModel(hf.RobertaConfig(**TEXT | SMALL)), None),
    "gpt2": lambda: (hf.GPT2Model(hf.GPT2Config(**GPT2 | {"n_layer": 4})), None),
    "opt": lambda: (hf.OPTModel(hf.OPTConfig(**OPT | SMALL)), None),
    "llama": lambda: (hf.LlamaModel(hf.LlamaConfig(**LLAMA)), None),
    "vit": lambda: (hf.ViTModel(hf.ViTConfig(**PICTURE | SMALL)), None),
    "beit": lambda: (hf.BeitModel(hf.BeitConfig(**PICTURE | SMALL, use_relative_position_bias=True)), None),
    "timm": lambda: _timm_state("vit_tiny_patch16_224"),
    "timm to run": lambda: _with(_timm_state("vit_tiny_patch16_224"), pretrained_cfg={"input_size": [3, 64, 64]}),
    "eva": lambda: _timm_state("eva02_base_patch14_224", embed_dim=24, patch_size=16),
    "timm's beit": lambda: _timm_state("beit_base_patch16_224"),
    "clip": lambda: (hf.CLIPVisionModel(hf.CLIPVisionConfig(**PICTURE | SMALL)), None),
    "open_clip": _open_clip,
}
TOWER = {"open_clip": "#vision"}
ASK = {"llama": {"positions": "none"}}

State = dict[str, torch.Tensor]
Config = dict[str, Any]


@dataclass
class Row:
    """One awkward input: which model, how it is spoilt, and the words of the refusal."""

    base: str
    spoil: Callable[[State, Config], None]
    says: tuple[str, ...]
    ask: dict[str, Any] = field(default_factory=dict)
    tower: str | None = None


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Folder of a sound model with weights that differ clearly, read once to see that it is sound."""
    known: dict[str, Path] = {}

    def make(base: str) -> Path:
        if base not in known:
            module, config = MODELS[base]()
            generator = torch.Generator().manual_seed(1)
            with torch.no_grad():
                for parameter in module.parameters():
                    parameter.normal_(0, 0.5, generator=generator)
            known[base] = tmp_path_factory.mktemp(base)
            save(module, config, known[base])
            spatial_attention(f"file:{known[base]}{TOWER.get(base, '')}", **ASK.get(base, {}))
        return known[base]

    return make


def spoilt(source: Path, folder: Path, spoil: Callable[[State, Config], None]) -> str:
    state, config = load_file(source / "model.safetensors"), json.loads((source / "config.json").read_text())
    spoil(state, config)
    save_file({name: tensor.contiguous().clone() for name, tensor in state.items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return f"file:{folder}"


def assert_says(error: BaseException, words: tuple[str, ...]) -> None:
    text = str(error)
    missing = [word for word in words if word not in text]
    assert not missing, f"{missing} not in: {text}"
    assert "\n" not in text, text


def set_config(**fields):
    return lambda _, config: config.update(fields)


def unset(*names):
    return lambda _, config: [config.pop(name, None) for name in names]


def beside(name, tensor=None, base=BERT_QUERY):
    """Put a tensor beside a query weight, as formats of quantised weights do."""
    return lambda state, _: state.update({f"{base}.{name}": torch.ones(3) if tensor is None else tensor})


def stored_as(pattern, dtype):
    """Store some tensors in another precision."""

    def spoil(state, _):
        chosen = [name for name in state if re.search(pattern, name)]
        assert chosen
        for name in chosen:
            state[name] = (state[name] * 20).to(dtype)

    return spoil


def renamed(pattern, replacement):
    def spoil(state, _):
        names = list(state)
        for name in names:
            state[re.sub(pattern, replacement, name)] = state.pop(name)
        assert set(names) != set(state)

    return spoil


def without(pattern):
    def spoil(state, _):
        chosen = [name for name in state if re.search(pattern, name)]
        assert chosen
        for name in chosen:
            del state[name]

    return spoil


def both(*spoils):
    return lambda state, config: [spoil(state, config) for spoil in spoils]


def copied(*prefixes, scale=2.0, keep=False):
    """Several copies of the model in one file, the second with other numbers than the first."""

    def spoil(state, _):
        original = dict(state)
        if not keep:
            state.clear()
        for place, prefix in enumerate(prefixes):
            state |= {prefix + name: tensor * scale**place for name, tensor in original.items()}

    return spoil


def shape_of(name, function):
    return lambda state, _: state.update({name: function(state[name])})


def fewer_rows(pattern, n):
    def spoil(state, _):
        for name in [name for name in state if re.search(pattern, name)]:
            state[name] = state[name][:n]

    return spoil


QUANTISED = {
    "bitsandbytes int8, by its scales": Row("bert", beside("SCB"), ("bitsandbytes int8", "SCB", "dequantise")),
    "bitsandbytes nf4, by its state": Row(
        "bert", beside("weight.quant_state.bitsandbytes__nf4"), ("4-bit", "quant_state", "dequantise")
    ),
    "bitsandbytes nf4, by absmax": Row("bert", beside("weight.absmax"), ("4-bit", "absmax")),
    "GPTQ": Row("bert", beside("qweight"), ("GPTQ or AWQ", "qweight", "dequantise")),
    "GPTQ, order of groups": Row("bert", beside("g_idx"), ("GPTQ or AWQ", "g_idx")),
    "AWQ": Row("bert", beside("qzeros"), ("GPTQ or AWQ", "qzeros")),
    "compressed-tensors, packed": Row("bert", beside("weight_packed"), ("compressed-tensors", "weight_packed")),
    "compressed-tensors, zero point": Row("bert", beside("weight_zero_point"), ("compressed-tensors",)),
    "EETQ": Row("bert", beside("weight_scales"), ("EETQ", "dequantise")),
    "FP8 with scales": Row("bert", beside("weight_scale"), ("FP8", "weight_scale", "dequantise")),
    "FP8 with inverse scales": Row("bert", beside("weight_scale_inv"), ("FP8", "weight_scale_inv")),
    "HQQ": Row("bert", beside("W_q"), ("HQQ", "W_q")),
    "quanto": Row("bert", beside("weight._data"), ("quanto", "dequantise")),
    "torchao": Row("bert", beside("weight_qdata"), ("torchao", "weight_qdata")),
    "torch.ao": Row("bert", beside("_packed_params.dtype"), ("torchao", "_packed_params")),
    "EXL2": Row("llama", beside("q_weight"), ("EXL2", "q_weight")),
    "EXL3": Row("llama", beside("trellis"), ("EXL3", "trellis")),
    "AQLM": Row("llama", beside("codebooks"), ("AQLM", "codebooks")),
    "QuIP#": Row("llama", beside("Qidxs"), ("QuIP#", "Qidxs")),
    "MXFP4 experts": Row("llama", beside("gate_up_proj_blocks"), ("MXFP4", "dequantise")),
    "MLX": Row("llama", both(beside("scales"), beside("biases")), ("MLX", "dequantise")),
    "int8 queries": Row("bert", stored_as(r"query\.weight", torch.int8), ("int8", "float32", "dequantise")),
    "int8 everywhere": Row("bert", stored_as(r"weight", torch.int8), ("int8", "Allowed are float64")),
    "int8 position table": Row(
        "bert", stored_as(r"position_embeddings", torch.int8), ("position_embeddings", "int8", "dequantise")
    ),
    "uint8": Row("vit", stored_as(r"key\.weight", torch.uint8), ("uint8", "dequantise")),
    "int16": Row("vit", stored_as(r"key\.weight", torch.int16), ("int16", "dequantise")),
    "int32": Row("gpt2", stored_as(r"c_attn\.weight", torch.int32), ("int32", "dequantise")),
    "int64": Row("timm", stored_as(r"pos_embed", torch.int64), ("pos_embed", "int64")),
    "bool": Row("bert", stored_as(r"query\.weight", torch.bool), ("bool", "dequantise")),
    "MLX uint32": Row("llama", stored_as(r"q_proj", torch.uint32), ("uint32", "dequantise"), ASK["llama"]),
    "FP8 without scales": Row("llama", stored_as(r"q_proj", torch.float8_e4m3fn), ("float8_e4m3fn",), ASK["llama"]),
    "FP8 e5m2": Row("bert", stored_as(r"query\.weight", torch.float8_e5m2), ("float8_e5m2", "float32")),
    "FP8 positions": Row(
        "vit", stored_as(r"position_embeddings", torch.float8_e5m2), ("position_embeddings", "float8")
    ),
    "complex": Row("bert", stored_as(r"query\.weight", torch.complex64), ("complex64", "Allowed")),
    "biases of relative positions in int8": Row(
        "beit", stored_as(r"relative_position_bias_table", torch.int8), ("int8",)
    ),
    "norm in int8": Row("bert", stored_as(r"embeddings\.LayerNorm", torch.int8), ("int8",), {"positions": "normed"}),
    **{
        f"config.json of {method}": Row("bert", set_config(quantization_config=value), (named, "quantization_config"))
        for method, value, named in (
            ("bitsandbytes", {"quant_method": "bitsandbytes", "load_in_8bit": True}, "bitsandbytes 8bit"),
            ("bitsandbytes without a method", {"load_in_4bit": True}, "4bit"),
            ("GPTQ", {"quant_method": "gptq", "bits": 4}, "gptq 4-bit"),
            ("AWQ", {"quant_method": "awq", "w_bit": 4}, "awq 4-bit"),
            ("EETQ", {"quant_method": "eetq"}, "eetq"),
            ("HQQ", {"quant_method": "hqq"}, "hqq"),
            ("FP8", {"quant_method": "fp8", "weight_block_size": [128, 128]}, "fp8"),
            ("compressed-tensors", {"quant_method": "compressed-tensors"}, "compressed-tensors"),
            ("modelopt", {"quant_algo": "NVFP4"}, "NVFP4"),
        )
    },
    "config.json of MLX": Row("llama", set_config(quantization={"group_size": 64, "bits": 4}), ("MLX 4-bit",)),
    "config.json of sparse weights": Row("llama", set_config(compression_config={"format": "x"}), ("quantised",)),
    "config.json of a section": Row(
        "llama", set_config(text_config={"quantization_config": {"quant_method": "awq"}}), ("awq", "dequantise")
    ),
}
BESIDE_THE_WEIGHTS = {
    "loralib": Row("bert", both(beside("lora_A"), beside("lora_B")), ("adapter", "lora_A", "merge_and_unload")),
    "peft": Row("bert", beside("lora_A.default.weight"), ("adapter", "lora_A", "merge_and_unload")),
    "DoRA": Row("bert", beside("lora_magnitude_vector"), ("adapter", "merge_and_unload")),
    "LoHa": Row("bert", beside("hada_w1_a"), ("adapter", "merge_and_unload")),
    "IA3": Row("bert", beside("ia3_l.default"), ("adapter", "merge_and_unload")),
    "a mask of torch's pruning": Row("bert", beside("weight_mask"), ("mask", "prune.remove")),
    "a mask in place of the weights": Row(
        "bert", both(renamed(r"query\.weight", "query.weight_orig"), beside("weight_mask")), ("mask", "prune.remove")
    ),
    "NaN": Row("bert", shape_of(f"{BERT_QUERY}.weight", lambda w: w / 0 * 0), ("not finite", "another copy")),
    "infinite": Row("vit", shape_of(f"{PICTURE_QUERY}.weight", lambda w: w / 0), ("not finite", "overflowed")),
    "one NaN among the positions": Row(
        "bert",
        lambda state, _: state["embeddings.position_embeddings.weight"][3].fill_(torch.nan),
        ("position_embeddings", "12 numbers that are not finite"),
    ),
}
INCOMPLETE = {
    "the last layers are missing": Row(
        "bert", without(r"layer\.[23]\."), ("holds 2 layers", "tells of 4", "incomplete")
    ),
    "a layer in between is missing": Row("bert", without(r"layer\.1\."), ("none for 1", "incomplete")),
    "the first layer is missing": Row("bert", without(r"layer\.0\."), ("none for 0", "incomplete")),
    "GPT-2, a layer is missing": Row("gpt2", without(r"h\.2\."), ("none for 2", "complete checkpoint")),
    "GPT-2, the last layer is missing": Row("gpt2", without(r"h\.3\."), ("holds 3 layers", "tells of 4")),
    "timm, a block is missing": Row("timm", without(r"blocks\.1\."), ("none for 1", "incomplete")),
    "timm, the last block is missing": Row("timm", without(r"blocks\.3\."), ("holds 3 layers", "tells of 4")),
    "Llama, a layer is missing": Row("llama", without(r"layers\.1\."), ("none for 1",), ASK["llama"]),
    "Llama, the last layer is missing": Row("llama", without(r"layers\.3\."), ("tells of 4",), ASK["llama"]),
    "open_clip, the last layer is missing": Row(
        "open_clip", without(r"visual.*blocks\.1\."), ("holds 1 layers", "of 2")
    ),
    "open_clip, a text layer is missing": Row(
        "open_clip", without(r"^transformer.*blocks\.1\."), ("holds 1 layers", "of 2"), tower="#text"
    ),
    "BEiT, a table of biases is missing": Row("beit", without(r"3.*bias_table"), ("3 tables", "one per layer")),
    "BEiT, all tables are missing": Row("beit", without(r"bias_table"), ("lacks biases", "incomplete")),
    "BEiT, its table is missing": Row("beit", set_config(use_absolute_position_embeddings=True), ("lacks a table",)),
    "BEiT, a table too many": Row(
        "beit", set_config(use_relative_position_bias=False), ("holds biases", "config.json")
    ),
    "EVA without its table": Row("eva", without(r"pos_embed"), ("lacks a table of positions", "incomplete")),
    "timm's BEiT without biases": Row("timm's beit", without(r"bias_table"), ("lacks biases", "incomplete")),
    "a key is missing": Row("bert", without(r"layer\.3\..*key\.weight"), ("4 layers of query and 3 of key",)),
    "a query in between is missing": Row("bert", without(r"layer\.1\..*query\.weight"), ("none for 1",)),
    "more layers than configured": Row("bert", set_config(num_hidden_layers=2), ("holds 4 layers", "tells of 2")),
    "no query at all": Row("bert", without(r"query"), ("no known layout fits", "Looked for")),
    "no positions": Row("bert", without(r"position_embeddings"), ("no positions of its own", "positions='none'")),
    "OPT without positions": Row("opt", without(r"embed_positions"), ("no positions of its own",)),
    "timm without positions": Row("timm", without(r"pos_embed"), ("lacks a table of positions", "incomplete")),
    "no norm where one belongs": Row(
        "bert", without(r"embeddings\.LayerNorm"), ("not every norm", "positions='study'"), {"positions": "normed"}
    ),
}
KIN = (
    "longformer-next", "ibert", "nystromformer", "yoso", "convbert", "rembert", "mobilebert", "megatron-bert",
    "splinter", "layoutlm", "visual_bert", "bert-generation", "deberta", "roformer", "nomic_bert", "modernbert", "esm",
    "tapas",
)  # fmt: skip
TYPES = {
    **{
        f"model_type {kind}": Row(
            "bert", set_config(model_type=kind), (f"of type '{kind}'", "types whose layout is known")
        )
        for kind in KIN
    },
    "model_type gpt_bigcode": Row("gpt2", set_config(model_type="gpt_bigcode"), ("of type 'gpt_bigcode'",)),
    "model_type imagegpt": Row("gpt2", set_config(model_type="imagegpt"), ("of type 'imagegpt'",)),
    "model_type gemma": Row("llama", set_config(model_type="gemma"), ("of type 'gemma'",), ASK["llama"]),
    "model_type olmo2": Row("llama", set_config(model_type="olmo2"), ("of type 'olmo2'",), ASK["llama"]),
    "model_type yolos": Row("vit", set_config(model_type="yolos"), ("of type 'yolos'",)),
    "model_type siglip2": Row(
        "clip", set_config(model_type="siglip2_vision_model"), ("of type 'siglip2_vision_model'",)
    ),
    "model_type is a list": Row("bert", set_config(model_type=["bert"]), ("of type ['bert']", "known")),
    "RoBERTa without a type, by its padding": Row(
        "roberta", unset("model_type", "architectures"), ("padding token", "Write its 'model_type'")
    ),
    "RoBERTa without a type, by its class": Row(
        "roberta", unset("model_type", "pad_token_id"), ("RobertaModel", "Write its 'model_type'")
    ),
    "RoBERTa without a type, by its names": Row(
        "roberta",
        both(unset("model_type", "pad_token_id", "architectures"), renamed("^", "roberta.")),
        ("names of RoBERTa", "Write its 'model_type'"),
    ),
    "GPT-2's kin without a type": Row(
        "gpt2", both(unset("model_type"), set_config(architectures=["GPTBigCodeModel"])), ("GPTBigCodeModel",)
    ),
    "logits scaled by the layer": Row("gpt2", set_config(scale_attn_by_inverse_layer_idx=True), ("inverse_layer_idx",)),
    "logits that are not scaled": Row("gpt2", set_config(scale_attn_weights=False), ("scale_attn_weights",)),
    "another model's config.json": Row(
        "bert", set_config(model_type="gpt2"), ("of type 'gpt2'", "no known layout fits")
    ),
    "relative positions": Row("bert", set_config(position_embedding_type="relative_key"), ("no absolute position",)),
}
COPIES = {
    "two encoders": Row(
        "bert", copied("question_encoder.", "ctx_encoder."), ("ctx-encoder, question-encoder", "name one")
    ),
    "two encoders of DPR": Row(
        "bert",
        both(copied("question_encoder.bert_model.", "ctx_encoder.bert_model."), set_config(model_type="dpr")),
        ("ctx-encoder, question-encoder", "name one"),
    ),
    "student and teacher": Row("vit", copied("student.", "teacher."), ("student, teacher", "name one")),
    "student and teacher of timm": Row("timm", copied("student.", "teacher."), ("student, teacher", "name one")),
    "a moving average beside the model": Row("timm", copied("ema.", keep=True), ("ema, vision", "name one")),
    "a moving average beside BERT": Row("bert", copied("model_ema.", keep=True), ("model-ema, text", "name one")),
    "actor and critic": Row("gpt2", copied("actor.transformer.", "critic.transformer."), ("actor, critic", "name one")),
    "policy and reference": Row("llama", copied("policy.", "ref."), ("policy, ref", "name one"), ASK["llama"]),
    "three momentum encoders": Row("vit", copied("a.", "b.", "c."), ("a, b, c", "name one")),
    "two whole models of open_clip": Row(
        "open_clip",
        copied("student.", "teacher."),
        ("student-text, student-vision, teacher-text", "name one"),
        tower="",
    ),
    "no such copy": Row(
        "vit", copied("student.", "teacher."), ("no tower 'pupil'", "student, teacher"), tower="#pupil"
    ),
    "a layer twice": Row(
        "llama", lambda s, _: s.update({f"model.{n}": t for n, t in list(s.items())}), ("two copies",)
    ),
    "copies with one name": Row("vit", copied("a_b.", "a.b."), ("2 copies", "file of its own")),
}
HEADS = {
    "pruned heads in config.json": Row(
        "bert", set_config(pruned_heads={"2": [0, 1]}), ("pruned heads", "before pruning")
    ),
    "pruned heads of a section": Row(
        "clip", set_config(vision_config={"pruned_heads": {"0": [1]}}), ("pruned heads", "before pruning")
    ),
    "BERT, pruned in one layer": Row("bert", fewer_rows(r"1.*(query|key)\.weight", 8), ("do not divide the 8 rows",)),
    "BERT, pruned everywhere": Row(
        "bert", fewer_rows(r"(query|key)\.weight", 6), ("3 heads of width 4 need 12 rows", "pruned", "has 6")
    ),
    "BERT, queries narrower than keys": Row("bert", fewer_rows(r"query\.weight", 6), ("query", "has 6")),
    "ViT, pruned": Row("vit", fewer_rows(r"(query|key)\.weight", 6), ("3 heads of width 4 need 12 rows", "pruned")),
    "timm, pruned": Row("timm", fewer_rows(r"qkv\.weight", 18), ("need 24 rows", "qkv", "pruned")),
    "GPT-2, pruned": Row(
        "gpt2",
        lambda s, _: s.update({n: t[:, :18] for n, t in s.items() if n.endswith("c_attn.weight")}),
        ("3 heads of width 4 need 12 rows", "c_attn", "pruned"),
    ),
    "Llama, pruned": Row("llama", fewer_rows(r"[qk]_proj\.weight", 6), ("pruned", "head_dim"), ASK["llama"]),
    "Llama, another head_dim": Row("llama", set_config(head_dim=8), ("width 8 need 48 rows", "head_dim"), ASK["llama"]),
    "key heads missing": Row("llama", unset("num_key_value_heads"), ("k_proj", "or", "key heads"), ASK["llama"]),
    "key heads read as one": Row("llama", set_config(num_key_value_heads=1), ("1 heads of width 4",), ASK["llama"]),
    "key heads not shared evenly": Row(
        "llama", set_config(num_key_value_heads=4), ("6 heads cannot share 4",), ASK["llama"]
    ),
    "twice as many heads in config.json": Row("bert", set_config(num_attention_heads=24), ("24 heads do not divide",)),
    "no heads in config.json": Row("bert", unset("model_type", "num_attention_heads"), ("num_attention_heads", "Put")),
    "open_clip without configuration": Row(
        "open_clip", lambda _, c: c.clear(), ("head_width", "open_clip_config.json")
    ),
    "open_clip without a section": Row("open_clip", lambda _, c: c.update(model_cfg={"embed_dim": 8}), ("head_width",)),
    "open_clip's text without configuration": Row("open_clip", lambda _, c: c.clear(), ("heads", "Put"), tower="#text"),
    "layers of several widths": Row(
        "bert", shape_of(f"{BERT_QUERY}.weight", lambda w: torch.ones(12, 16)), ("width 16", "first layer takes in 12")
    ),
    "one axis too many": Row(
        "bert", shape_of(f"{BERT_QUERY}.weight", lambda w: w[None]), ("shape (1, 12, 12)", "matrix")
    ),
    "a flat weight": Row("bert", shape_of(f"{BERT_QUERY}.weight", lambda w: w.flatten()), ("shape (144,)", "matrix")),
}
POSITIONS = {
    "narrow embeddings": Row(
        "bert",
        shape_of("embeddings.position_embeddings.weight", lambda w: w[:, :5]),
        ("file:", "width 5", "takes in 12", "positions='none'"),
    ),
    "a table of four axes": Row(
        "timm", shape_of("pos_embed", lambda w: torch.ones(1, 4, 4, 12)), ("(1, 4, 4, 12)", "matrix")
    ),
    "a batch of tables": Row("timm", shape_of("pos_embed", lambda w: w.repeat(2, 1, 1)), ("(2, 17, 12)", "matrix")),
    "all positions equal": Row(
        "vit", shape_of("embeddings.position_embeddings", torch.zeros_like), ("all positions are equal",)
    ),
    "all positions equal, not zero": Row(
        "timm", shape_of("pos_embed", torch.ones_like), ("all positions are equal", "trained")
    ),
    "all biases equal": Row(
        "beit",
        lambda s, _: s.update({n: torch.zeros_like(t) for n, t in s.items() if n.endswith("bias_table")}),
        ("all positions are equal",),
    ),
    "ViT of another size": Row("vit", set_config(image_size=16), ("17 positions", "8 x 8 patches", "config.json")),
    "ViT of other patches": Row("vit", set_config(patch_size=4), ("17 positions", "2 x 2 patches", "config.json")),
    "ViT with registers in its table": Row(
        "vit",
        shape_of("embeddings.position_embeddings", lambda w: torch.cat([w, w[:, :4]], 1)),
        ("21 positions", "4 x 4"),
    ),
    "CLIP of another size": Row("clip", set_config(image_size=[8, 4]), ("17 positions", "4 x 2 patches")),
    "BEiT of another size": Row(
        "beit", set_config(image_size=[32, 2]), ("52 relative-position biases", "16 x 1 patches")
    ),
    "timm of another size": Row(
        "timm", lambda _, c: c["model_args"].update(img_size=[128, 64]), ("17 positions", "8 x 4", "14 x 14")
    ),
    "OPT with its norms after attention": Row(
        "opt",
        set_config(do_layer_norm_before=False),
        ("do_layer_norm_before", "positions='study'"),
        {"positions": "normed"},
    ),
}
ROTARY = {
    **{
        f"rope type {kind}": Row(
            "llama",
            both(unset("rope_parameters"), set_config(rope_scaling={"rope_type": kind, "factor": 2.0})),
            (kind, "known are", "rope_type"),
            {"positions": "rotary"},
        )
        for kind in ("su", "ntk", "mystery")
    },
    "rope without its factor": Row(
        "llama",
        both(unset("rope_parameters"), set_config(rope_scaling={"rope_type": "yarn"})),
        ("yarn",),
        {"positions": "rotary"},
    ),
    "rope with a text for a number": Row(
        "llama",
        set_config(rope_parameters={"rope_type": "default", "rope_theta": "many"}),
        ("default",),
        {"positions": "rotary"},
    ),
}
ROWS = QUANTISED | BESIDE_THE_WEIGHTS | INCOMPLETE | TYPES | COPIES | HEADS | POSITIONS | ROTARY


@pytest.mark.parametrize("name", ROWS)
def test_it_is_refused_in_words(sound, tmp_path, name):
    row = ROWS[name]
    reference = spoilt(sound(row.base), tmp_path, row.spoil)
    tower = TOWER.get(row.base, "") if row.tower is None else row.tower
    with pytest.raises(ValueError, match=r"\w") as caught:
        spatial_attention(reference + tower, **row.ask)
    assert_says(caught.value, row.says)


# Files that are no weights.

JIT = {"archive/data.pkl": b"", "archive/code/model.py": b"", "archive/constants.pkl": b""}


def zipped(**entries: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("weights"), io.BytesIO())
    return buffer.getvalue()


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 440473133\n"
KINDS = {
    "a pointer of Git LFS": (LFS, ("Git LFS", "git lfs pull")),
    "a web page": (b"<!DOCTYPE html>\n<html><body>404</body></html>", ("web page", "Download")),
    "an answer in XML": (b"  <?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", ("web page", "Download")),
    "a configuration": (b'{"model_type": "bert"}', ("JSON text", "the file with the weights")),
    "a page of text": (b"Entry not found", ("text ('Entry not found')", "Download")),
    "Keras": (b"\x89HDF\r\n\x1a\n" + bytes(100), ("HDF5", "Save the weights")),
    "an array of NumPy": (b"\x93NUMPY\x01\x00" + bytes(100), ("NumPy", "Save the weights")),
    "a gzip archive": (b"\x1f\x8b\x08" + bytes(100), ("gzip", "Unpack")),
    "a 7z archive": (b"7z\xbc\xaf\x27\x1c" + bytes(100), ("7z", "Unpack")),
    "a Zstandard archive": (b"\x28\xb5\x2f\xfd" + bytes(100), ("Zstandard", "Unpack")),
    "a tar archive": (tarred(), ("tar", "Unpack")),
    "a PDF": (b"%PDF-1.7\n" + bytes(100), ("PDF", "Download")),
    "arrays of NumPy in a zip": (zipped(**{"weight.npy": b"x"}), ("zip", "weight.npy", "state_dict")),
    "Keras in a zip": (zipped(**{"model.weights.h5": b"x", "config.json": b"{}"}), ("zip", "model.weights.h5")),
    "TorchScript": (zipped(**JIT), ("TorchScript", "state_dict")),
}


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin", "weights.pt"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_another_kind_is_named(tmp_path, kind, name):
    content, says = KINDS[kind]
    (tmp_path / name).write_bytes(content)
    with pytest.raises((ValueError, ChecksumError), match=re.escape(name)) as caught:
        spatial_attention(f"file:{tmp_path / name}")
    assert_says(caught.value, says)
    assert "weights_only" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"\x80\x02garbage", pickle.dumps({"a": 1}), b"\x08\x07\x12\x07pytorch" + bytes(99)]
)
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_what_torch_cannot_load_is_refused_without_its_advice(tmp_path, content):
    (tmp_path / "weights.bin").write_bytes(content)
    with pytest.raises(ValueError, match=r"weights\.bin.*state_dict") as caught:
        spatial_attention(f"file:{tmp_path / 'weights.bin'}")
    assert not re.search("weights_only|arbitrary code|trust", str(caught.value))


def test_the_content_of_a_file_counts_not_its_name(sound, tmp_path):
    source = sound("bert")
    expected = spatial_attention(f"file:{source}")
    state = load_file(source / "model.safetensors")
    (tmp_path / "config.json").write_bytes((source / "config.json").read_bytes())
    (tmp_path / "weights.bin").write_bytes((source / "model.safetensors").read_bytes())
    torch.save(state, tmp_path / "weights.safetensors")
    for name in ("weights.bin", "weights.safetensors"):
        assert_array_equal(spatial_attention(f"file:{tmp_path / name}").query, expected.query)


@pytest.mark.parametrize(
    ("content", "says"),
    [(LFS, "Git LFS"), (b"<html>", "web page"), (b"[1, 2]", "list"), (b'{"model_type": ', "no JSON"), (b"", "no JSON")],
)
def test_a_configuration_of_another_kind_is_named(sound, tmp_path, content, says):
    (tmp_path / "model.safetensors").write_bytes((sound("bert") / "model.safetensors").read_bytes())
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ChecksumError, match=says):
        spatial_attention(f"file:{tmp_path}")


# Shards.


@pytest.fixture
def shards(sound, tmp_path):
    """A BERT in four shards, as the library writes them."""
    module = hf.BertModel.from_pretrained(sound("bert"))
    module.save_pretrained(tmp_path, max_shard_size="6KB")
    assert len(list(tmp_path.glob("*-of-*.safetensors"))) > 3
    expected, read = spatial_attention(f"file:{sound('bert')}"), spatial_attention(f"file:{tmp_path}")
    assert_array_equal(read.query, expected.query)
    return tmp_path


def edit_index(folder, **fields):
    file = folder / "model.safetensors.index.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | fields), encoding="utf-8")


def weight_map(folder):
    return json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]


def test_one_shard_alone_is_refused(shards):
    name = min(file.name for file in shards.glob("*-of-*.safetensors"))
    with pytest.raises(ValueError, match=r"is one of \d+ shards: .*Give the folder"):
        spatial_attention(f"file:{shards / name}")


def test_a_missing_shard_is_named(shards):
    lost = weight_map(shards)[f"{BERT_QUERY}.weight"]
    (shards / lost).unlink()
    with pytest.raises(MissingDataError, match=rf"names the shard '{lost}', which is not there; .*Fetch"):
        spatial_attention(f"file:{shards}")


def test_shards_without_their_index_are_no_model(shards):
    (shards / "model.safetensors.index.json").unlink()
    with pytest.raises(MissingDataError, match=r"no file model\.safetensors"):
        spatial_attention(f"file:{shards}")


def test_an_index_of_another_version_is_refused(shards):
    names = weight_map(shards)
    other = next(file for file in names.values() if file != names[f"{BERT_QUERY}.weight"])
    edit_index(shards, weight_map=names | {f"{BERT_QUERY}.weight": other})
    with pytest.raises(ChecksumError, match=rf"says that {other} holds '{BERT_QUERY}.weight', .*different versions"):
        spatial_attention(f"file:{shards}")


def test_an_index_that_leaves_layers_out_is_refused(shards):
    edit_index(shards, weight_map={name: file for name, file in weight_map(shards).items() if "layer.3." not in name})
    with pytest.raises(ValueError, match=r"holds 3 layers .* tells of 4: .*incomplete"):
        spatial_attention(f"file:{shards}")


@pytest.mark.parametrize("value", [None, [], {}, {"a": 1}, "model.safetensors"])
def test_an_index_without_a_map_is_refused(shards, value):
    edit_index(shards, weight_map=value)
    with pytest.raises(ChecksumError, match=r"needs a 'weight_map' .*Fetch"):
        spatial_attention(f"file:{shards}")


@pytest.mark.parametrize("metadata", [None, {}, {"total_size": None}, {"total_size": 12.0}, {"total_size": "12"}])
def test_what_else_an_index_says_does_not_matter(shards, metadata):
    edit_index(shards, metadata=metadata)
    assert_equal(spatial_attention(f"file:{shards}").n_layers, 4)


# Adapters in files of their own.


@pytest.mark.parametrize(
    "adapter", ["adapter_config.json", "adapter_model.safetensors", "pytorch_lora_weights.safetensors"]
)
def test_a_folder_with_an_adapter_is_refused(sound, tmp_path, adapter):
    (tmp_path / adapter).write_text("{}")
    with pytest.raises(ValueError, match=f"no weights of the model itself .{adapter}.*merge_and_unload"):
        spatial_attention(f"file:{tmp_path}")
    for file in sound("bert").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(ValueError, match=f"an adapter beside the weights.*{adapter}.*merge_and_unload"):
        spatial_attention(f"file:{tmp_path}")


# Checkpoints of training.


@pytest.mark.parametrize("zipped", [True, False])
def test_copies_in_a_checkpoint_of_training_are_told_apart(sound, tmp_path, zipped):
    state = load_file(sound("timm") / "model.safetensors")
    (tmp_path / "config.json").write_bytes((sound("timm") / "config.json").read_bytes())
    ema = {f"module.{name}": 3 * tensor for name, tensor in state.items()}
    content = {"model": state, "model_ema": ema, "epoch": 3, "optimizer": {"state": {0: torch.ones(2)}}}
    torch.save(content, tmp_path / "weights.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match="has the towers model, model-ema-module"):
        spatial_attention(f"file:{tmp_path / 'weights.pth'}")
    own, averaged = (
        spatial_attention(f"file:{tmp_path / 'weights.pth'}#{tower}") for tower in ("model", "model-ema-module")
    )
    assert_array_equal(averaged.query, 3 * own.query)
    assert_array_equal(averaged.positions, 3 * own.positions)
    assert_array_equal(own.query, spatial_attention(f"file:{sound('timm')}").query)


# Right values: what is awkward and can be read is read as it is meant.


def same(found, expected, scale=1.0):
    for part in ("query", "key", "positions"):
        assert_array_equal(getattr(found, part), scale * getattr(expected, part))


@pytest.mark.parametrize("base", ["bert", "gpt2", "vit", "timm", "opt", "clip"])
@pytest.mark.parametrize("wrapper", ["module.", "_orig_mod.", "module._orig_mod.", "model.encoder_q."])
def test_wrappers_are_looked_through(sound, tmp_path, base, wrapper):
    found = spatial_attention(spoilt(sound(base), tmp_path, renamed("^", wrapper)))
    same(found, spatial_attention(f"file:{sound(base)}"))
    assert_equal(found.tower, "text" if base in ("bert", "gpt2", "opt") else "vision")


@pytest.mark.parametrize(("base", "prefixes"), [("vit", ("student.", "teacher.")), ("bert", ("a.bert.", "b.bert."))])
def test_the_copy_that_is_named_is_read_whole(sound, tmp_path, base, prefixes):
    reference = spoilt(sound(base), tmp_path, copied(*prefixes))
    expected = spatial_attention(f"file:{sound(base)}")
    for place, prefix in enumerate(prefixes):
        named = f"{reference}#{prefix.split('.')[0]}"
        same(spatial_attention(named), expected, 2.0**place)
        normed = spatial_attention(named, positions="normed")
        assert_equal(normed.n_positions, expected.n_positions)


def test_a_decoder_beside_the_model_is_no_copy(sound, tmp_path):
    def with_decoder(state, _):
        state |= {f"decoder.{n}": t for n, t in list(state.items()) if not n.startswith("blocks.3.")}

    same(spatial_attention(spoilt(sound("timm"), tmp_path, with_decoder)), spatial_attention(f"file:{sound('timm')}"))


def test_both_towers_in_a_file_whose_configuration_means_one(tmp_path):
    vision = PICTURE | SMALL | {"hidden_size": 16, "num_attention_heads": 4}
    config = hf.CLIPConfig(text_config=TEXT | {"num_hidden_layers": 2}, vision_config=vision)
    module = hf.CLIPModel(config)
    module.save_pretrained(tmp_path)
    config.vision_config.save_pretrained(tmp_path)
    found = spatial_attention(f"file:{tmp_path}")
    assert_equal((found.tower, found.n_layers, found.n_heads), ("vision", 4, 4))


@pytest.mark.parametrize("name", ["Longformer", "Luke"])
def test_positions_of_kin_whose_attention_differs(tmp_path, name):
    extra = {"Longformer": {"attention_window": 4}, "Luke": {"entity_vocab_size": 5, "entity_emb_size": 12}}[name]
    module = getattr(hf, f"{name}Model")(getattr(hf, f"{name}Config")(**TEXT | SMALL, **extra))
    module.save_pretrained(tmp_path)
    table = module.embeddings.position_embeddings.weight.detach().numpy()
    assert_array_equal(spatial_attention(f"file:{tmp_path}").positions, table[2:52])


def test_first_names_of_a_norm_are_known(sound, tmp_path):
    old = both(renamed(r"LayerNorm\.weight$", "LayerNorm.gamma"), renamed(r"LayerNorm\.bias$", "LayerNorm.beta"))
    found = spatial_attention(spoilt(sound("bert"), tmp_path, old), positions="normed")
    same(found, spatial_attention(f"file:{sound('bert')}", positions="normed"))


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("vit_tiny_patch16_224", {}),
        ("aimv2_large_patch14_224", {"patch_size": 16}),
        ("eva02_base_patch14_224", {"embed_dim": 24, "patch_size": 16}),
        ("vit_base_patch16_clip_224", {}),
    ],
)
def test_the_norm_is_the_one_of_the_block(tmp_path, name, size):
    module, config = _timm_state(name, **size)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0, 0.5)
    save(module, config, tmp_path)
    table = module.pos_embed.detach()[0]
    expected = module.blocks[0].norm1(module.norm_pre(table)).detach().numpy()
    found = spatial_attention(f"file:{tmp_path}", positions="normed")
    assert_allclose(found.positions, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["vit_base_patch16_rpn_224", "eva02_enormous_patch14_clip_224"])
def test_a_norm_after_attention_is_none_before_it(tmp_path, name):
    module, config = _timm_state(name, patch_size=16)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0, 0.5)
    save(module, config, tmp_path)
    assert_equal(spatial_attention(f"file:{tmp_path}", positions="own").n_positions, len(module.pos_embed[0]))
    with pytest.raises(ValueError, match="no norm of a known kind between its"):
        spatial_attention(f"file:{tmp_path}", positions="normed")


NOT_PLAIN = (
    "hiera_tiny_224", "convit_tiny", "xcit_nano_12_p16_224", "cait_xxs24_224", "samvit_base_patch16", "volo_d1_224",
    "vit_dpwee_patch16_reg1_gap_256",
)  # fmt: skip


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_other_attention_of_timm_is_refused(sound, tmp_path, name):
    # The names of a plain Transformer under such an architecture, so that nothing else can refuse it.
    reference = spoilt(sound("timm"), tmp_path, lambda _, config: config.update(architecture=name, model_args={}))
    with pytest.raises(ValueError, match=rf"{name} .*attention is not that of a plain Transformer.*Read are"):
        spatial_attention(reference, positions="none")


@pytest.mark.parametrize("name", ["hiera_tiny_224", "convit_tiny", "xcit_nano_12_p16_224"])
def test_real_tensors_of_other_models_of_timm_are_refused(tmp_path, name):
    save(timm.create_model(name), {"architecture": name}, tmp_path)
    with pytest.raises(ValueError, match=r"\w") as caught:
        spatial_attention(f"file:{tmp_path}", positions="none")
    assert re.search("plain Transformer|no known layout", str(caught.value))


def wide(**fields):
    return PICTURE | SMALL | {"image_size": [16, 4], "patch_size": 2} | fields


NOT_SQUARE = {
    "ViT": lambda: (hf.ViTModel(hf.ViTConfig(**wide())), None),
    "DeiT": lambda: (hf.DeiTModel(hf.DeiTConfig(**wide())), None),
    "DINOv2": lambda: (hf.Dinov2Model(hf.Dinov2Config(**wide())), None),
    "CLIP": lambda: (hf.CLIPVisionModel(hf.CLIPVisionConfig(**wide(image_size=8))), None),
    "timm": lambda: _timm_state("vit_tiny_patch16_224", img_size=[128, 32]),
    "timm's BEiT": lambda: _timm_state("beit_base_patch16_224", img_size=[128, 32]),
    "open_clip": lambda: (
        CLIP(8, CLIP_VISION | {"image_size": (16, 4)}, CLIP_TEXT),
        {"model_cfg": {"vision_cfg": CLIP_VISION | {"image_size": [16, 4]}, "text_cfg": CLIP_TEXT}},
    ),
}


@pytest.mark.parametrize("name", NOT_SQUARE)
def test_pictures_that_are_not_square(tmp_path, name):
    module, config = NOT_SQUARE[name]()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0, 0.5)
    save(module, config, tmp_path)
    found = spatial_attention(f"file:{tmp_path}{'#vision' if name == 'open_clip' else ''}", positions="own")
    grid = (4, 4) if name == "CLIP" else (8, 2)
    assert_equal((found.grid, found.n_prefix), (grid, 2 if name == "DeiT" else 1))
    assert_equal(found.n_positions, found.n_prefix + 16)


def test_resampling_knows_the_shape_of_the_picture(tmp_path):
    module, config = _timm_state("vit_tiny_patch16_224", img_size=[128, 32])
    rows = torch.arange(8.0)[:, None].expand(8, 2).reshape(-1, 1)
    with torch.no_grad():
        module.pos_embed[0, 1:] = rows
    save(module, config, tmp_path)
    patches = spatial_attention(f"file:{tmp_path}", grid=2).positions[1:].reshape(2, 2, -1)
    assert_allclose(patches[:, 0], patches[:, 1], atol=1e-5)  # the number of a row is the same in all its columns
    assert np.all(patches[1] - patches[0] > 2)


def test_registers_before_the_patches_of_timm(tmp_path):
    module, config = _timm_state("vit_tiny_patch16_224", reg_tokens=4)
    save(module, config, tmp_path)
    found = spatial_attention(f"file:{tmp_path}", positions="own")
    assert_equal((found.n_prefix, found.grid), (5, (4, 4)))


def test_double_and_half_precision_are_weights(sound, tmp_path):
    expected = spatial_attention(f"file:{sound('bert')}")
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        found = spatial_attention(
            spoilt(sound("bert"), tmp_path, lambda s, _, d=dtype: s.update({n: t.to(d) for n, t in s.items()}))
        )
        assert_allclose(found.query, expected.query, rtol=1e-2, atol=1e-2)


def test_whole_numbers_beside_the_weights_are_no_weights(sound, tmp_path):
    extra = {
        "embeddings.position_ids": torch.arange(60)[None],
        "embeddings.token_type_ids": torch.zeros(1, 60, dtype=torch.int64),
    }
    same(
        spatial_attention(spoilt(sound("bert"), tmp_path, lambda state, _: state.update(extra))),
        spatial_attention(f"file:{sound('bert')}"),
    )


# Untrained models.


@pytest.mark.parametrize("make", [lambda: hf.DeiTModel(hf.DeiTConfig(**PICTURE | SMALL))])
def test_untrained_models_whose_positions_begin_at_zero(tmp_path, make):
    make().save_pretrained(tmp_path)
    for reference in (f"file:{tmp_path}", f"file:{tmp_path}@random"):
        with pytest.raises(ValueError, match=r"all positions are equal.*Give the trained model"):
            spatial_attention(reference)
        assert_equal(spatial_attention(reference, positions="none").n_layers, 4)


# Names.


@pytest.mark.parametrize(
    "text",
    [
        "/models/bert", "./bert", "../bert", "~/bert", "bert/model.safetensors", "weights.pt", "C:\\models\\bert",
        "model.gguf", "hf:/models/bert", "timm:./vit", "hf:~/bert",
    ],
)  # fmt: skip
def test_a_path_is_answered_with_how_a_path_is_written(text):
    with pytest.raises(ValueError, match="is a path on this machine") as caught:
        parse_reference(text)
    assert "Did you mean" not in str(caught.value)


def test_a_folder_that_exists_is_a_path(sound, monkeypatch):
    folder = sound("bert")
    monkeypatch.setattr("brainalign.catalogue.references.project_root", lambda: folder.parent.parent)
    with pytest.raises(ValueError, match=rf"a path is written 'file:{folder.parent.name}/{folder.name}'"):
        parse_reference(f"{folder.parent.name}/{folder.name}")


# Whole models, to be run.

RUN = {
    "int8": Row("bert", stored_as(r"query\.weight", torch.int8), ("int8", "dequantise")),
    "quantised": Row("bert", set_config(quantization_config={"quant_method": "gptq"}), ("gptq", "dequantise")),
    "a layer is missing": Row("bert", without(r"layer\.2\."), ("lacks", "layer.2", "Fetch")),
    "a weight is missing": Row("vit", without(r"layer\.1.*key\.weight"), ("lacks 1", "Fetch")),
    "another width": Row("bert", set_config(hidden_size=24), ("file:", "Fetch")),
    "a block of timm is missing": Row("timm to run", without(r"blocks\.2\."), ("cannot be loaded", "Fetch")),
    "another depth of timm": Row(
        "timm to run", lambda _, c: c["model_args"].update(depth=2), ("cannot be loaded", "Fetch")
    ),
    "pruned heads": Row("bert", set_config(pruned_heads={"0": [1]}), ("pruned heads",)),
}


@pytest.mark.parametrize("name", RUN)
def test_a_model_to_run_is_refused_in_words(sound, tmp_path, name):
    row = RUN[name]
    load_model(f"file:{sound(row.base)}")
    with pytest.raises(ValueError, match=r"\w") as caught:
        load_model(spoilt(sound(row.base), tmp_path, row.spoil))
    assert_says(caught.value, row.says)


# The command line.

SAMPLE = (
    "bitsandbytes int8, by its scales",
    "int8 queries",
    "FP8 without scales",
    "config.json of GPTQ",
    "loralib",
    "a layer in between is missing",
    "pruned heads in config.json",
    "model_type yoso",
    "RoBERTa without a type, by its padding",
    "copies with one name",
)
# A chapter may run a model whose layout is not known.
LEFT_TO_THE_CHAPTER = ("model_type yoso", "RoBERTa without a type, by its padding", "copies with one name")


@pytest.mark.parametrize(
    ("name", "words"),
    [(name, ("models", "fetch")) for name in SAMPLE]
    + [(name, ("run", "topology", "--profile", "smoke", "-p")) for name in SAMPLE if name not in LEFT_TO_THE_CHAPTER],
)
def test_the_command_answers_in_a_sentence(sound, tmp_path, monkeypatch, capsys, name, words):
    row = ROWS[name]
    reference = spoilt(sound(row.base), tmp_path, row.spoil) + (row.tower or "")
    code, err = command(monkeypatch, capsys, *words, f"model={reference}" if words[0] == "run" else reference)
    assert_equal(code, 2)
    assert "Traceback" not in err
    assert err.startswith("brainalign: ")
    assert "executing" not in err


def test_the_command_names_what_a_file_is(tmp_path, monkeypatch, capsys):
    (tmp_path / "model.safetensors").write_bytes(LFS)
    code, err = command(monkeypatch, capsys, "models", "fetch", f"file:{tmp_path}")
    assert_equal(code, 2)
    assert "Git LFS" in err
    assert "Traceback" not in err


def command(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["brainalign", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code, capsys.readouterr().err


def test_every_known_type_is_one_of_the_library():
    known = set(hf.models.auto.configuration_auto.CONFIG_MAPPING_NAMES)
    assert set(LAYOUTS) <= known
    assert not set(KIN) & set(LAYOUTS)
