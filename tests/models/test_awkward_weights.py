"""Checkpoints as people really have them: every one gives the right value, or is refused in words; never a wrong one.

Each row spoils a copy of a sound tiny model in one way, and lists the words that the refusal must have: what was found,
and what to do. Before a model is spoilt it is read, so that no row can pass because of something else.
"""

from __future__ import annotations

import sys

import pytest
import torch
import transformers as hf
from numpy.testing import assert_equal

from brainalign import cli
from brainalign.models import spatial_attention
from brainalign.models.layouts import LAYOUTS
from brainalign.models.loading import load_model
from tests.models.awkward import (
    ASK,
    BERT_QUERY,
    LFS,
    PICTURE_QUERY,
    TOWER,
    Row,
    assert_says,
    beside,
    both,
    copied,
    fewer_rows,
    renamed,
    set_config,
    shape_of,
    spoilt,
    stored_as,
    unset,
    without,
)

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
    capsys.readouterr()  # what the libraries said while the models were saved
    monkeypatch.setattr(sys, "argv", ["brainalign", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code, capsys.readouterr().err


def test_every_known_type_is_one_of_the_library():
    known = set(hf.models.auto.configuration_auto.CONFIG_MAPPING_NAMES)
    assert set(LAYOUTS) <= known
    assert not set(KIN) & set(LAYOUTS)
