"""Activations of words in running text."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal, assert_equal
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, GPT2Config, GPT2Model, PreTrainedTokenizerFast

from brainalign.models.loading import load_model
from brainalign.models.words import word_states

WORDS = ["Alice", "did", "n't", "remember", "the", "rabbit", "'s", "waistcoat", "pocket"]
# float32 sums of other batch sizes and padded or unpadded texts
TOLERANCE = {"rtol": 0, "atol": 2e-6}


def save_gpt2(folder):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=270, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(["the rabbit did remember the pocket"] * 3, trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    config = GPT2Config(vocab_size=270, n_positions=64, n_embd=16, n_layer=2, n_head=2)
    return save(GPT2Model(config), folder)


def save_bert(folder):
    alphabet = "abcdefghijklmnopqrstuvwxyz'"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "rabbit", *alphabet, *(f"##{letter}" for letter in alphabet)]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(pieces), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=20,
        max_position_embeddings=64,
    )  # fmt: skip
    return save(BertModel(config), folder)


def save(module, folder):
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():  # large weights: the context must matter
        parameter.data = torch.randn(parameter.shape, generator=generator) / 3
    module.eval().save_pretrained(folder)
    return module


@pytest.fixture(scope="module", params=[save_gpt2, save_bert])
def language_model(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    request.param(folder)
    return load_model(f"file:{folder}")


def text_up_to(place, context):
    text = " ".join(WORDS[max(0, place - context) : place + 1])
    return text.replace(" n't", "n't").replace(" 's", "'s")


@pytest.mark.parametrize("context", [0, 3, 25])
def test_states_are_those_of_the_text_that_ends_with_the_word(language_model, context):
    states = word_states(language_model, WORDS, context=context, batch_size=2)["residual"]
    assert_equal(states.shape, (len(WORDS), 2, 16))
    for place in range(len(WORDS)):
        encoding = language_model.tokenize([text_up_to(place, context)])
        before = len(text_up_to(place, context)) - len(WORDS[place])
        spans = [encoding.token_to_chars(0, position) for position in range(encoding["input_ids"].shape[1])]
        own = [position for position, span in enumerate(spans) if span and span.end > before]
        with torch.no_grad():
            output = language_model.module(encoding["input_ids"], output_hidden_states=True).hidden_states
        # GPT-2 returns its last layer behind a final normalization, which is no part of the block.
        assert_allclose(states[place, 0], output[1][0, own].mean(dim=0), **TOLERANCE)


def test_all_tokens_of_a_word_count_and_no_others(language_model):
    encoding = language_model.tokenize(["the rabbit's waistcoat"])
    own = [p for p in range(encoding["input_ids"].shape[1]) if (s := encoding.token_to_chars(0, p)) and s.start >= 13]
    assert len(own) >= len("waistcoat") - 2  # the tokenizers of these tests do not know the word
    with torch.no_grad():
        output = language_model.module(encoding["input_ids"], output_hidden_states=True).hidden_states[1][0]
    found = word_states(language_model, ["the", "rabbit", "'s", "waistcoat"])["residual"][-1, 0]
    assert_allclose(found, output[own].mean(dim=0), **TOLERANCE)


def test_a_word_does_not_know_what_follows(language_model):
    whole = word_states(language_model, WORDS, context=4)["residual"]
    part = word_states(language_model, WORDS[:5], context=4)["residual"]
    assert_allclose(whole[:5], part, **TOLERANCE)


def test_the_context_reaches_as_many_words_back_as_it_says(language_model):
    changed = ["Dinah", *WORDS[1:]]
    before = word_states(language_model, WORDS, context=3)["residual"]
    after = word_states(language_model, changed, context=3)["residual"]
    differs = np.abs(before - after).max(axis=(1, 2)) > 1e-3
    assert_array_equal(differs, [True] * 4 + [False] * 5)


def test_a_text_that_comes_back_is_read_once_and_counts_again(language_model):
    seen = []
    handle = language_model.module.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    try:
        twice = word_states(language_model, [*WORDS, *WORDS[::-1]], context=0)["residual"]
    finally:
        handle.remove()
    assert_equal(sum(seen), len(WORDS))
    assert_array_equal(twice[len(WORDS) :], twice[: len(WORDS)][::-1])


def test_kinds_and_layers_are_chosen(language_model):
    states = word_states(language_model, WORDS, what=("residual", "context", "neurons"), layers=[1])
    n_neurons = states["neurons"].shape[2]
    assert n_neurons in (20, 64)
    assert_equal(states["context"].shape, (len(WORDS), 1, 2, 8))
    every = word_states(language_model, WORDS)["residual"]
    assert_allclose(states["residual"][:, 0], every[:, 1], **TOLERANCE)


@pytest.mark.parametrize(
    ("words", "options", "message"),
    [
        ([], {}, "words must be a sequence of words, at least one"),
        ("Alice was", {}, "words must be a sequence of words"),
        (["Alice", "was "], {}, r"word 1 is 'was ': a word is a text without blanks around it"),
        (["Alice", ""], {}, "word 1 is ''"),
        (["Alice"], {"what": ["attention"]}, r"what = \['attention'\]; give a sequence out of: residual"),
        (["Alice"], {"context": -1}, "context = -1 must be 0 or more"),
        (["Alice"], {"batch_size": 0}, "batch_size = 0 must be 1 or more"),
        (["Alice"], {"layers": [2]}, r"has layers 0 to 1; got \[2\]"),
        (["waistcoat"] * 20, {"context": 19}, r"cut off or dropped: .* reads at most 64 tokens\. Take a shorter"),
    ],
)
def test_what_cannot_be_read_is_refused(language_model, words, options, message):
    with pytest.raises(ValueError, match=message):
        word_states(language_model, words, **options)


@pytest.mark.parametrize("reference", ["zoo:bert-s", "zoo:supervised-xs"])
def test_models_that_read_no_running_text_are_refused(reference):
    with pytest.raises(ValueError, match="cannot read a story: a language model of"):
        word_states(load_model(reference), WORDS)


def test_minilm_cuts_a_rare_word_into_tokens_that_are_averaged():
    model = load_model("minilm")
    encoding = model.tokenize(["the rabbit's waistcoat"])
    assert_equal(encoding.tokens(0), ["[CLS]", "the", "rabbit", "'", "s", "waist", "##coat", "[SEP]"])
    with torch.no_grad():
        output = model.module(**encoding, output_hidden_states=True).hidden_states[1:]
    found = word_states(model, ["the", "rabbit", "'s", "waistcoat"])["residual"]
    assert_allclose(found[3], torch.cat(output)[:, 5:7].mean(dim=1), **TOLERANCE)
