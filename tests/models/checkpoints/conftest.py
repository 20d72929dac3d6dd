"""Tiny models, saved by the libraries themselves, and a hub on this machine that serves them."""

from __future__ import annotations

import json
import re

import open_clip
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BertConfig,
    BertModel,
    CLIPConfig,
    CLIPModel,
    GPT2Config,
    GPT2Model,
    Qwen2Config,
    Qwen2ForCausalLM,
    ViTConfig,
    ViTModel,
)

from brainalign.models.checkpoints import TensorPart, ranges
from tests.models.loopback import serve

WIDTH = 192
SIZES = {"hidden_size": WIDTH, "num_attention_heads": 3, "num_hidden_layers": 3, "intermediate_size": 4 * WIDTH}
TOWER = SIZES | {"num_hidden_layers": 2}
TRANSFORMERS = {
    "vit": (ViTModel, ViTConfig(**SIZES, image_size=64)),
    "bert": (BertModel, BertConfig(**SIZES, vocab_size=2000)),
    "gpt2": (GPT2Model, GPT2Config(n_embd=WIDTH, n_head=3, n_layer=3, vocab_size=2000, n_positions=128)),
    "clip": (
        CLIPModel,
        CLIPConfig(text_config=TOWER | {"vocab_size": 3000}, vision_config=TOWER | {"image_size": 64}),
    ),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config(**SIZES, num_key_value_heads=1, vocab_size=6000)),
}
OPEN_CLIP = {
    "embed_dim": 64,
    "vision_cfg": {"image_size": 64, "layers": 2, "width": WIDTH, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 8000, "width": WIDTH, "heads": 3, "layers": 2},
}
_NEEDED = re.compile(
    r".*(position_embeddings?(\.weight)?|positional_embedding|pos_embed|wpe\.weight"
    r"|(query|key|q_proj|k_proj|c_attn|attn\.qkv)\.weight|in_proj_weight)"
)
_FUSED = ("qkv.weight", "in_proj_weight")
_TEXT_POSITIONS = ("position_embeddings.weight", "wpe.weight")


def parts_of(names_to_shapes):
    """Positions, and rows of query and key weights, as a topological study needs them."""
    parts = []
    for name, shape in names_to_shapes.items():
        if not _NEEDED.fullmatch(name):
            continue
        rows = None
        if name.endswith(_FUSED):
            rows = (0, shape[0] * 2 // 3)
        elif name.endswith(_TEXT_POSITIONS):
            rows = (0, 50)
        parts.append(TensorPart(name, rows))
    return parts


@pytest.fixture(scope="session")
def repositories(tmp_path_factory):
    """Folder of repositories ``tiny/NAME``; nothing may change in it."""
    root = tmp_path_factory.mktemp("hub")
    torch_state = torch.random.get_rng_state()
    for name, (cls, config) in TRANSFORMERS.items():
        model = cls(config)
        model.save_pretrained(root / "tiny" / name)
        if name == "qwen2":
            model.to(torch.bfloat16).save_pretrained(root / "tiny" / "sharded", max_shard_size="1MB")
    _save_timm(root / "timm" / "vit_tiny_patch16_224.augreg_in21k")
    _save_open_clip(root / "laion" / "CLIP-ViT-B-32-laion2B-s34B-b79K")
    _save_pickles(root / "tiny")
    torch.random.set_rng_state(torch_state)
    return root


def _save_timm(folder):
    model = timm.create_model("vit_tiny_patch16_224", depth=3, img_size=64)
    folder.mkdir(parents=True)
    save_file(model.state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"architecture": "vit_tiny_patch16_224"}), encoding="utf-8")


def _save_open_clip(folder):
    model = open_clip.CLIP(**OPEN_CLIP)
    folder.mkdir(parents=True)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": OPEN_CLIP}), encoding="utf-8")


def _save_pickles(root):
    state = load_file(root / "bert" / "model.safetensors")
    for name, zipped in (("pickled", True), ("legacy", False)):
        (root / name).mkdir()
        (root / name / "config.json").write_bytes((root / "bert" / "config.json").read_bytes())
        torch.save(state, root / name / "pytorch_model.bin", _use_new_zipfile_serialization=zipped)
    released = root.parent / "plain" / "checkpoint"
    released.mkdir(parents=True)
    lightning = {"state_dict": state, "epoch": 3, "hparams_name": "kwargs"}
    torch.save(lightning, released / "meter_clip16_288_roberta_pretrain.ckpt")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty folder for everything that is kept."""
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "home"


@pytest.fixture
def online(monkeypatch, home):
    """Requests are allowed, no token is set."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("BRAINALIGN_OFFLINE", raising=False)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("HF_HOME", str(home / "none"))


@pytest.fixture
def hub(repositories, online, monkeypatch):
    """A hub that serves the tiny models, under the address that the library reads."""
    monkeypatch.setattr(ranges, "_PAUSE", 0.01)  # tests need not wait before trying again
    with serve(repositories) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        yield running
