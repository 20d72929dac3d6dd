"""Tiny models of every family whose layout is known, made and saved by their own libraries."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

import timm
import torch
import transformers as hf
from open_clip.coca_model import CoCa
from open_clip.model import CLIP, CustomTextCLIP
from open_clip.transformer import TextTransformer, VisionTransformer
from safetensors.torch import save_model
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from brainalign.models.meter import Meter, MeterConfig

# Eleven layers where it is cheap: "10" sorts before "2" as text. Every width differs from every other.
LAYERS, HEADS, WIDTH, ROWS = 11, 3, 12, 60
TEXT = {
    "hidden_size": WIDTH,
    "num_attention_heads": HEADS,
    "num_hidden_layers": LAYERS,
    "intermediate_size": 8,
    "vocab_size": 20,
    "max_position_embeddings": ROWS,
    "layer_norm_eps": 0.1,  # large, so that another value would be seen
}
GROUPED = TEXT | {"num_hidden_layers": 3, "num_attention_heads": 6, "num_key_value_heads": 2, "hidden_size": 24}
GROUPED |= {"rms_norm_eps": 0.1}
PICTURE = {
    "hidden_size": WIDTH,
    "num_attention_heads": HEADS,
    "num_hidden_layers": LAYERS,
    "intermediate_size": 8,
    "image_size": 8,
    "patch_size": 2,
    "layer_norm_eps": 0.2,
}
SHALLOW = {"num_hidden_layers": 2}
GPT2 = {"n_embd": WIDTH, "n_head": HEADS, "n_layer": LAYERS, "n_positions": ROWS, "vocab_size": 20}
GPT2 |= {"bos_token_id": 0, "eos_token_id": 0, "layer_norm_epsilon": 0.1}
OPT = {"hidden_size": WIDTH, "num_attention_heads": HEADS, "num_hidden_layers": LAYERS, "ffn_dim": 8, "vocab_size": 20}
OPT |= {"max_position_embeddings": ROWS, "word_embed_proj_dim": WIDTH}
DECODER = {
    "decoder_hidden_size": WIDTH,
    "decoder_num_attention_heads": HEADS,
    "decoder_num_hidden_layers": 2,
    "decoder_intermediate_size": 8,
}
TOWERS = {
    "text_config": TEXT | SHALLOW | {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2},
    "vision_config": PICTURE | {"hidden_size": 16, "num_attention_heads": 4, "num_hidden_layers": 3},
}
BLIP = TOWERS | {"text_config": TOWERS["text_config"] | {"projection_dim": WIDTH, "encoder_hidden_size": 16}}
ROPE = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4}
QWEN_TEXT = {**GROUPED, "num_attention_heads": 3, "num_key_value_heads": 1, "rope_parameters": ROPE}
QWEN_VISION = {"depth": 3, "num_heads": 2, "patch_size": 2, "intermediate_size": 8}
BRIDGE = {
    "hidden_size": 24,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "intermediate_size": 8,
    "text_config": TOWERS["text_config"],
    "vision_config": {"hidden_size": 128, "num_hidden_layers": 2, "patch_size": 2, "image_size": 8},
}
TIMM = {"embed_dim": WIDTH, "num_heads": HEADS, "depth": LAYERS, "img_size": 64, "patch_size": 16}
CLIP_VISION = {"layers": 2, "width": 24, "head_width": 8, "patch_size": 2, "image_size": 8}
CLIP_TEXT = {"context_length": 20, "vocab_size": 30, "width": WIDTH, "heads": HEADS, "layers": 2}
METER = {
    "image_size": 8,
    "patch_size": 2,
    "image_width": 16,
    "image_heads": 2,
    "image_layers": 2,
    "text_width": WIDTH,
    "text_heads": HEADS,
    "text_layers": 3,
    "text_mlp": 8,
    "vocabulary": 20,
    "text_positions": ROWS,
    "width": 24,
    "heads": 4,
    "layer_pairs": 2,
    "clip_text": (7, 5),
}
IDS = {"input_ids": torch.full((1, 50), 5)}


@dataclass(frozen=True)
class Family:
    """One tower of a tiny model, and where the library keeps what is compared.

    `table` is the path of the module's position table (below `root` when it begins with a dot; None: it has none),
    `looked_up` says how to run the model so that the rows that the library takes are seen, instead of guessed.
    """

    make: Callable[[], tuple[nn.Module, dict | None]]
    attention: str
    tower: str | None = None
    root: str = ""
    table: str | None = None
    looked_up: Callable[[nn.Module], object] | None = None
    shape: tuple[int, int, int, int] = (LAYERS, HEADS, WIDTH, WIDTH // HEADS)


def _hf(name, **fields):
    config = getattr(hf, f"{name}Config")
    return lambda model=None: (getattr(hf, model or f"{name}Model")(config(**fields)), None)


def _hf_as(model, name, **fields):
    return lambda: _hf(name, **fields)(model)


def _timm(architecture, **changes):
    arguments = TIMM | changes

    def make():
        return timm.create_model(architecture, **arguments), {"architecture": architecture, "model_args": arguments}

    return make


def _open_clip(cls, vision):
    def make():
        return cls(8, vision, CLIP_TEXT), {"model_cfg": {"vision_cfg": vision, "text_cfg": CLIP_TEXT}}

    return make


def _coca():
    vision = CLIP_VISION | {"attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True}
    text = CLIP_TEXT | {"embed_cls": True, "output_tokens": True}
    return CoCa(8, text, CLIP_TEXT, vision), {"model_cfg": {"vision_cfg": vision, "text_cfg": text}}


def _open_clip_vision():
    config = {"image_size": 8, "patch_size": 2, "width": 24, "layers": 2, "heads": 4, "mlp_ratio": 2.0}
    return VisionTransformer(**config), config


def _open_clip_text():
    return TextTransformer(**CLIP_TEXT), CLIP_TEXT


def _untyped(model, name, **fields):
    """A model of transformers, saved without its configuration's type."""
    return lambda: (_hf_as(model, name, **fields)()[0], fields)


def _meter():
    return Meter(MeterConfig(**METER)), METER


_TIMM_TOWER = {"timm_model_name": "test_vit", "timm_pool": "", "timm_proj": "linear", "image_size": 64}
_BERT = ".embeddings.position_embeddings"
_SMALL, _NARROW = (2, HEADS, WIDTH, 4), (3, 6, 24, 4)
_VISION = (3, 4, 16, 4)
_JOINT_VISION = {"tower": "vision", "root": "vision_model", "shape": _VISION}
_JOINT_TEXT = {"tower": "text", "root": "text_model", "shape": _SMALL}
_CLIP_TABLE = ".embeddings.position_embedding.weight"


def _ask(model):
    return model(**IDS)


FAMILIES = {
    "BERT": Family(_hf("Bert", **TEXT), "BertSelfAttention", table=_BERT, looked_up=_ask),
    "BERT with head": Family(
        _hf_as("BertForMaskedLM", "Bert", **TEXT), "BertSelfAttention", root="bert", table=_BERT, looked_up=_ask
    ),
    "RoBERTa": Family(_hf("Roberta", **TEXT), "RobertaSelfAttention", table=_BERT, looked_up=_ask),
    "RoBERTa with head": Family(
        _hf_as("RobertaForMaskedLM", "Roberta", **TEXT),
        "RobertaSelfAttention",
        root="roberta",
        table=_BERT,
        looked_up=_ask,
    ),
    "XLM-RoBERTa": Family(_hf("XLMRoberta", **TEXT), "XLMRobertaSelfAttention", table=_BERT, looked_up=_ask),
    **{
        name: Family(_hf(name, **TEXT, **extra), f"{name}SelfAttention", table=_BERT, looked_up=_ask)
        for name, extra in {
            "Camembert": {},
            "Data2VecText": {},
            "XLMRobertaXL": {},
            "RobertaPreLayerNorm": {},
            "Xmod": {"languages": ["en_XX"], "default_language": "en_XX"},
            "Ernie": {},
            "Electra": {"embedding_size": WIDTH},
        }.items()
    },
    "GPT-2": Family(_hf("GPT2", **GPT2), "GPT2Attention", table=".wpe", looked_up=_ask),
    "GPT-2 with head": Family(
        _hf_as("GPT2LMHeadModel", "GPT2", **GPT2), "GPT2Attention", root="transformer", table=".wpe", looked_up=_ask
    ),
    "OPT": Family(
        _hf_as("OPTForCausalLM", "OPT", **OPT),
        "OPTAttention",
        root="model.decoder",
        table=".embed_positions",
        looked_up=_ask,
    ),
    "Pythia": Family(
        _hf_as("GPTNeoXForCausalLM", "GPTNeoX", **TEXT | {"hidden_size": 24}), "GPTNeoXAttention", shape=(11, 3, 24, 8)
    ),
    "LLaMA": Family(_hf_as("LlamaForCausalLM", "Llama", **GROUPED), "LlamaAttention", shape=_NARROW),
    "Mistral": Family(_hf_as("MistralForCausalLM", "Mistral", **GROUPED), "MistralAttention", shape=_NARROW),
    "Qwen2": Family(_hf_as("Qwen2ForCausalLM", "Qwen2", **GROUPED), "Qwen2Attention", shape=_NARROW),
    "Qwen3": Family(
        _hf_as("Qwen3ForCausalLM", "Qwen3", **GROUPED, head_dim=10), "Qwen3Attention", shape=(3, 6, 24, 10)
    ),
    "Phi-3": Family(_hf_as("Phi3ForCausalLM", "Phi3", **GROUPED, pad_token_id=0), "Phi3Attention", shape=_NARROW),
    "ViT": Family(_hf("ViT", **PICTURE), "ViTAttention", table=_BERT),
    "ViT with head": Family(
        _hf_as("ViTForImageClassification", "ViT", **PICTURE), "ViTAttention", root="vit", table=_BERT
    ),
    "DeiT": Family(_hf("DeiT", **PICTURE), "DeiTAttention", table=_BERT),
    "MAE": Family(_hf("ViTMAE", **PICTURE, **DECODER), "ViTMAEAttention", table=_BERT),
    "MAE with decoder": Family(
        _hf_as("ViTMAEForPreTraining", "ViTMAE", **PICTURE, **DECODER), "ViTMAEAttention", root="vit", table=_BERT
    ),
    "BEiT": Family(_hf("Beit", **PICTURE, use_relative_position_bias=True), "BeitAttention"),
    "BEiT, one bias for all layers": Family(
        _hf("Beit", **PICTURE, use_shared_relative_position_bias=True), "BeitAttention"
    ),
    "BEiT with positions": Family(
        _hf("Beit", **PICTURE, use_relative_position_bias=True, use_absolute_position_embeddings=True),
        "BeitAttention",
        table=_BERT,
    ),
    "DINOv2": Family(_hf("Dinov2", **PICTURE), "Dinov2Attention", table=_BERT),
    "DINOv2 with registers": Family(_hf("Dinov2WithRegisters", **PICTURE), "Dinov2WithRegistersAttention", table=_BERT),
    "DINOv3": Family(
        _hf("DINOv3ViT", **PICTURE | {"hidden_size": 24, "num_register_tokens": 4}),
        "DINOv3ViTAttention",
        shape=(11, 3, 24, 8),
    ),
    "CLIP, vision": Family(_hf("CLIP", **TOWERS), "CLIPAttention", table=_CLIP_TABLE, **_JOINT_VISION),
    "CLIP, text": Family(_hf("CLIP", **TOWERS), "CLIPAttention", table=_CLIP_TABLE, **_JOINT_TEXT),
    "CLIP's vision alone": Family(_hf("CLIPVision", **PICTURE), "CLIPAttention", table=_CLIP_TABLE),
    "CLIP's text alone": Family(_hf("CLIPText", **TEXT), "CLIPAttention", table=_CLIP_TABLE),
    "SigLIP, vision": Family(_hf("Siglip", **TOWERS), "SiglipAttention", table=_CLIP_TABLE, **_JOINT_VISION),
    "SigLIP, text": Family(_hf("Siglip", **TOWERS), "SiglipAttention", table=_CLIP_TABLE, **_JOINT_TEXT),
    "BLIP, vision": Family(
        _hf_as("BlipForImageTextRetrieval", "Blip", **BLIP),
        "BlipAttention",
        table=".embeddings.position_embedding",
        **_JOINT_VISION,
    ),
    "BLIP, text": Family(
        _hf_as("BlipForImageTextRetrieval", "Blip", **BLIP),
        "BlipTextSelfAttention",
        "text",
        "text_encoder",
        _BERT + ".weight",
        shape=_SMALL,
    ),
    "BLIP that writes, text": Family(
        _hf_as("BlipForConditionalGeneration", "Blip", **BLIP),
        "BlipTextSelfAttention",
        "text",
        "text_decoder.bert",
        _BERT + ".weight",
        shape=_SMALL,
    ),
    "Qwen2-VL, vision": Family(
        _hf_as(
            "Qwen2VLForConditionalGeneration",
            "Qwen2VL",
            text_config=QWEN_TEXT,
            vision_config=QWEN_VISION | {"embed_dim": 32, "hidden_size": 24},
        ),
        "VisionAttention",
        "vision",
        shape=(3, 2, 32, 16),
    ),
    "Qwen2.5-VL, vision": Family(
        _hf_as(
            "Qwen2_5_VLForConditionalGeneration",
            "Qwen2_5_VL",
            text_config=QWEN_TEXT,
            vision_config=QWEN_VISION | {"hidden_size": 32, "out_hidden_size": 24},
        ),
        "Qwen2_5_VLVisionAttention",
        "vision",
        shape=(3, 2, 32, 16),
    ),
    "Qwen2.5-VL, text": Family(
        _hf_as(
            "Qwen2_5_VLForConditionalGeneration",
            "Qwen2_5_VL",
            text_config=QWEN_TEXT,
            vision_config=QWEN_VISION | {"hidden_size": 32, "out_hidden_size": 24},
        ),
        "Qwen2_5_VLAttention",
        "text",
        shape=(3, 3, 24, 8),
    ),
    "BridgeTower, vision": Family(
        _hf("BridgeTower", **BRIDGE),
        "MultiheadAttention",
        "vision",
        "vision_model",
        ".visual.embeddings.position_embedding.weight",
        shape=(2, 2, 128, 64),
    ),
    "BridgeTower, text": Family(
        _hf("BridgeTower", **BRIDGE),
        "BridgeTowerSelfAttention",
        "text",
        "text_model",
        _BERT,
        lambda model: model.text_model(**IDS),
        _SMALL,
    ),
    "BridgeTower, fusion of text": Family(
        _hf("BridgeTower", **BRIDGE),
        "BridgeTowerSelfAttention",
        "fusion-text-self",
        "cross_modal_text_layers",
        shape=_SMALL,
    ),
    "BridgeTower, fusion of pictures": Family(
        _hf("BridgeTower", **BRIDGE),
        "BridgeTowerSelfAttention",
        "fusion-image-self",
        "cross_modal_image_layers",
        shape=_SMALL,
    ),
    "ViLT, pictures": Family(_hf("Vilt", **PICTURE, vocab_size=20), "ViltSelfAttention", "vision", table=_BERT),
    "ViLT, text": Family(
        _hf("Vilt", **PICTURE, vocab_size=20, max_position_embeddings=40),
        "ViltSelfAttention",
        "text",
        table="embeddings.text_embeddings.position_embeddings.weight",
    ),
    "timm's ViT": Family(_timm("vit_tiny_patch16_224"), "Attention", table="pos_embed"),
    "timm's distilled DeiT": Family(_timm("deit_tiny_distilled_patch16_224"), "Attention", table="pos_embed"),
    "timm's DeiT-3": Family(_timm("deit3_small_patch16_224"), "Attention", table="pos_embed"),
    "timm's DINOv2": Family(_timm("vit_small_patch14_reg4_dinov2"), "Attention", table="pos_embed"),
    "timm's CLIP": Family(_timm("vit_base_patch16_clip_224"), "Attention", table="pos_embed"),
    "timm's SigLIP": Family(
        _timm("vit_base_patch16_siglip_224", depth=2), "Attention", table="pos_embed", shape=_SMALL
    ),
    "timm's BEiT": Family(_timm("beit_base_patch16_224"), "Attention"),
    "timm's BEiTv2": Family(_timm("beitv2_base_patch16_224"), "Attention"),
    "timm's DINOv3": Family(
        _timm("vit_small_patch16_dinov3", embed_dim=24, depth=3), "EvaAttention", shape=(3, 3, 24, 8)
    ),
    "timm's EVA-02, fused": Family(
        _timm("eva02_tiny_patch14_224", embed_dim=24, depth=3), "EvaAttention", table="pos_embed", shape=(3, 3, 24, 8)
    ),
    "timm's EVA-02, separate": Family(
        _timm("eva02_base_patch14_224", embed_dim=24, depth=3), "EvaAttention", table="pos_embed", shape=(3, 3, 24, 8)
    ),
    "open_clip, vision": Family(
        _open_clip(CLIP, CLIP_VISION),
        "MultiheadAttention",
        "vision",
        "visual",
        ".positional_embedding",
        shape=(2, 3, 24, 8),
    ),
    "open_clip, text": Family(
        _open_clip(CLIP, CLIP_VISION),
        "MultiheadAttention",
        "text",
        "transformer",
        shape=_SMALL,
        table="positional_embedding",
    ),
    "open_clip with timm, vision": Family(
        _open_clip(CustomTextCLIP, _TIMM_TOWER),
        "Attention",
        "vision",
        "visual.trunk",
        ".pos_embed",
        shape=(6, 2, 64, 32),
    ),
    "open_clip with timm, text": Family(
        _open_clip(CustomTextCLIP, _TIMM_TOWER),
        "MultiheadAttention",
        "text",
        "text",
        ".positional_embedding",
        shape=_SMALL,
    ),
    "open_clip's vision alone": Family(
        _open_clip_vision, "MultiheadAttention", table="positional_embedding", shape=(2, 4, 24, 6)
    ),
    "open_clip's text alone": Family(_open_clip_text, "MultiheadAttention", table="positional_embedding", shape=_SMALL),
    "BERT without a type": Family(
        _untyped("BertModel", "Bert", **TEXT), "BertSelfAttention", table=_BERT, looked_up=_ask
    ),
    "GPT-2 without a type": Family(
        _untyped("GPT2Model", "GPT2", **GPT2), "GPT2Attention", table=".wpe", looked_up=_ask
    ),
    "CoCa, vision": Family(
        _coca, "MultiheadAttention", "vision", "visual", ".positional_embedding", shape=(2, 3, 24, 8)
    ),
    "CoCa, text": Family(_coca, "MultiheadAttention", "text", "text", ".positional_embedding", shape=_SMALL),
    "METER, vision": Family(
        _meter, "PackedSelfAttention", "vision", "vit_model", ".visual.positional_embedding", shape=(2, 2, 16, 8)
    ),
    "METER, text": Family(
        _meter,
        "SeparateAttention",
        "text",
        "text_transformer",
        _BERT,
        lambda model: model.text_transformer.embeddings(IDS["input_ids"]),
        (3, HEADS, WIDTH, 4),
    ),
    "METER, fusion of text": Family(
        _meter, "SeparateAttention", "fusion-text-self", "cross_modal_text_layers", shape=(2, 4, 24, 6)
    ),
    "METER, fusion of pictures": Family(
        _meter, "SeparateAttention", "fusion-image-self", "cross_modal_image_layers", shape=(2, 4, 24, 6)
    ),
}


def build(name):
    """A model whose heads differ clearly, and its configuration; with the libraries' first weights none differ."""
    module, config = FAMILIES[name].make()
    module = module.eval()
    if hasattr(module, "set_attn_implementation"):
        module.set_attn_implementation("eager")  # the other implementations show no attention
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter_name, parameter in module.named_parameters():
            if parameter_name.endswith("bias"):
                parameter.zero_()
            else:
                parameter.normal_(0, 0.5, generator=generator)
    return module, config


def save(module, config, folder: Path):
    """Save as the library itself does."""
    if config is None:
        module.save_pretrained(folder)
        return
    save_model(module, str(folder / "model.safetensors"))
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


def attention_modules(name, module):
    """The library's self-attention modules of a tower, in the order of their layers."""
    family = FAMILIES[name]
    root = attrgetter(family.root)(module) if family.root else module
    return [
        found
        for path, found in root.named_modules()
        if type(found).__name__ == family.attention and "crossattention" not in path and "attn_pool" not in path
    ][: family.shape[0]]


def library_positions(name, module):
    """The rows that the library adds to tokens or patches 0, 1, 2, ...; None where it has no table."""
    family = FAMILIES[name]
    if family.table is None:
        return None
    path = family.root + family.table if family.table.startswith(".") else family.table
    table = attrgetter(path.lstrip("."))(module)
    if family.looked_up is None:
        rows = table.detach().reshape(table.shape[-2:])
        return rows[: 50 if "text" in name else None]
    used = []
    hook = table.register_forward_hook(lambda _module, _inputs, output: used.append(output.detach()))
    family.looked_up(module)
    hook.remove()
    return used[0].reshape(-1, used[0].shape[-1])


class _SoftmaxRecorder(TorchDispatchMode):
    """Keeps what every softmax was given and returned, so that no library has to hand its attention out."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func is torch.ops.aten._softmax.default:
            self.seen.append((args[0].detach().clone(), result.detach()))
        return result


def library_biases(module, n_layers):
    """Relative-position bias of every layer (n_heads, n, n), by the library's own modules; None where it has none."""
    own = [found._get_rel_pos_bias()[0] for found in module.modules() if hasattr(found, "_get_rel_pos_bias")]
    own += [found((4, 4))[0] for found in module.modules() if type(found).__name__ == "BeitRelativePositionBias"]
    if not own:
        return [None] * n_layers
    return [bias.detach() for bias in own] * (1 if len(own) == n_layers else n_layers)


def library_attention(module, x, bias=None, rotation=None):
    """Logits and attention of one of the library's modules (n_heads, n, n) with x as input, without its inner norms.

    Rotation is off unless it is given.
    """
    for norm in ("q_norm", "k_norm"):
        if hasattr(module, norm):
            setattr(module, norm, nn.Identity())
    module.fused_attn = False
    with _SoftmaxRecorder() as recorder:
        if isinstance(module, nn.MultiheadAttention):
            module.train()  # in evaluation torch may fuse the softmax away; there is no dropout
            one = x[None] if module.batch_first else x[:, None]
            module(one, one, one, need_weights=True, average_attn_weights=False)
        else:
            flat, arguments = _arguments(module, x, bias, rotation)
            module(x if flat else x[None], **arguments)
    (seen,) = recorder.seen
    return tuple(tensor.reshape(-1, len(x), len(x)) for tensor in seen)


def _arguments(module, x, bias, rotation):
    names = inspect.signature(module.forward).parameters
    arguments = {
        "position_embeddings": _no_rotation(module, x) if rotation is None else rotation,
        "rope": rotation,
        "cu_seqlens": torch.tensor([0, len(x)]),
        "attention_mask": None if bias is None else bias[None],
        "source": x[None],
        "mask": None,
        "keep_attention": True,
    }
    # Qwen-VL puts all pictures into one row.
    return "cu_seqlens" in names, {name: value for name, value in arguments.items() if name in names}


def _no_rotation(module, x):
    width = getattr(module, "rotary_ndims", None) or getattr(module, "head_dim", 1)
    in_a_batch = not any(part in type(module).__name__ for part in ("DINOv3", "Vision"))
    shape = (1, len(x), width) if in_a_batch else (len(x), width)
    return torch.ones(shape), torch.zeros(shape)
