"""Tiny untrained models of the true classes, saved with their preparation of pictures and words."""

from __future__ import annotations

from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BridgeTowerConfig, BridgeTowerModel, CLIPConfig, CLIPImageProcessor, CLIPModel
from transformers import PreTrainedTokenizerFast as FastTokenizer

SPECIAL = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
SIZES = {"hidden_size": 24, "num_attention_heads": 3, "num_hidden_layers": 3, "intermediate_size": 32}


def save_clip(folder, *, words):
    """Save a CLIP of transformers and return its reference."""
    text = {
        **SIZES, "vocab_size": len(SPECIAL) + len(words), "max_position_embeddings": 8, "eos_token_id": 2,
        "pad_token_id": 0,
    }  # fmt: skip
    vision = {**SIZES, "image_size": 32, "patch_size": 16}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)).save_pretrained(folder)
    _save_preparation(folder, words)
    return f"file:{folder}"


def save_bridgetower(folder, *, words):
    """Save a BridgeTower, whose streams read each other, and return its reference."""
    text = {**SIZES, "vocab_size": len(SPECIAL) + len(words), "max_position_embeddings": 12, "pad_token_id": 0}
    # One head for every 64 channels.
    vision = {"hidden_size": 64, "num_hidden_layers": 3, "image_size": 32, "patch_size": 16}
    config = BridgeTowerConfig(text_config=text, vision_config=vision, **SIZES)
    BridgeTowerModel(config).save_pretrained(folder)
    _save_preparation(folder, words)
    return f"file:{folder}"


def _save_preparation(folder, words):
    numbers = {word: i for i, word in enumerate(("<pad>", "<s>", "</s>", "<unk>", *words))}
    backend = Tokenizer(models.WordLevel(numbers, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing("<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    FastTokenizer(tokenizer_object=backend, model_max_length=8, **SPECIAL).save_pretrained(folder)
    CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
