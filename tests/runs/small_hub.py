"""Repositories of a hub for tests of chapters and commands: small enough to be saved and read at once."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import BertConfig, BertModel, GPT2Config, GPT2Model, Qwen2Config, Qwen2ForCausalLM

from brainalign.models.position_sources import STAND_INS

WIDTH = 32
_SIZES = {"hidden_size": WIDTH, "num_attention_heads": 2, "num_hidden_layers": 2, "intermediate_size": 64}


def save_repositories(root: Path) -> None:
    """Save two equal models, one that was cut off, one that rotates, and the one that lends positions to such."""
    state = torch.random.get_rng_state()
    torch.manual_seed(0)
    bert = BertModel(BertConfig(**_SIZES, vocab_size=50))
    saved = {
        "tiny/bert": bert,
        "tiny/other": bert,
        "tiny/broken": bert,
        "tiny/qwen2": Qwen2ForCausalLM(Qwen2Config(**_SIZES, num_key_value_heads=1, vocab_size=50)),
        STAND_INS["text"].removeprefix("hf:"): GPT2Model(
            GPT2Config(n_embd=WIDTH, n_head=2, n_layer=1, vocab_size=50, n_positions=60)
        ),
    }
    torch.random.set_rng_state(state)
    for name, model in saved.items():
        model.save_pretrained(root / name)
    weights = root / "tiny" / "broken" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
