"""Sound tiny models, and the ways in which people's copies of them are spoilt."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import timm
import torch
import transformers as hf
from open_clip.model import CLIP
from safetensors.torch import load_file, save_file

from tests.models.families import CLIP_TEXT, CLIP_VISION, GPT2, OPT, PICTURE, TEXT, TIMM

BERT_QUERY = "encoder.layer.1.attention.self.query"
PICTURE_QUERY = "encoder.layer.1.attention.attention.query"
SMALL = {"num_hidden_layers": 4}
LLAMA = TEXT | SMALL | {"hidden_size": 24, "num_attention_heads": 6, "num_key_value_heads": 2}


def timm_state(name, **changes):
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
    "timm": lambda: timm_state("vit_tiny_patch16_224"),
    "timm to run": lambda: _with(timm_state("vit_tiny_patch16_224"), pretrained_cfg={"input_size": [3, 64, 64]}),
    "eva": lambda: timm_state("eva02_base_patch14_224", embed_dim=24, patch_size=16),
    "timm's beit": lambda: timm_state("beit_base_patch16_224"),
    "clip": lambda: (hf.CLIPVisionModel(hf.CLIPVisionConfig(**PICTURE | SMALL)), None),
    "open_clip": _open_clip,
}
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 440473133\n"
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
