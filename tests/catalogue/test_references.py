"""The texts that name models: read, written, refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainalign.catalogue.references import FORMS, Reference, parse_reference

CANONICAL = {
    "minilm": Reference("package", "minilm"),
    "minilm@random": Reference("package", "minilm", random=True),
    "timm:deit_tiny_patch16_224.fb_in1k": Reference("timm", "deit_tiny_patch16_224.fb_in1k"),
    "hf:gpt2": Reference("hf", "gpt2"),
    "hf:Qwen/Qwen2.5-0.5B@random": Reference("hf", "Qwen/Qwen2.5-0.5B", random=True),
    "hf:a/b@refs/pr/1": Reference("hf", "a/b", revision="refs/pr/1"),
    "hf:openai/clip-vit-base-patch16#vision": Reference("hf", "openai/clip-vit-base-patch16", "vision"),
    "hf:a/b#text@0123abc": Reference("hf", "a/b", "text", "0123abc"),
    "open_clip:ViT-B-32/laion2b_s34b_b79k#text": Reference("open_clip", "ViT-B-32/laion2b_s34b_b79k", "text"),
    "meter:pretrain-288#fusion-text-self": Reference("meter", "pretrain-288", "fusion-text-self"),
    "zoo:mae-s": Reference("zoo", "mae-s"),
    "zoo:mae-s/2@random": Reference("zoo", "mae-s/2", random=True),
    "file:/a b/c@d/e": Reference("file", "/a b/c@d/e"),
    "file:~/x/model.safetensors#vision@random": Reference("file", "~/x/model.safetensors", "vision", random=True),
    "file:C:/models/x": Reference("file", "C:/models/x"),
}


@pytest.mark.parametrize("text", CANONICAL)
def test_canonical_texts_are_read_and_written_alike(text):
    assert parse_reference(text) == CANONICAL[text]
    assert str(CANONICAL[text]) == text


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("hf:a/b@random#vision", "hf:a/b#vision@random"),
        ("zoo:mae-s/0", "zoo:mae-s"),
        ("zoo:mae-s/02", "zoo:mae-s/2"),
        (" minilm ", "minilm"),
        ("deit-tiny", "timm:deit_tiny_patch16_224.fb_in1k"),
        ("deit-tiny@random", "timm:deit_tiny_patch16_224.fb_in1k@random"),
        ("clip-base-16-vision", "hf:openai/clip-vit-base-patch16#vision"),
        ("clip-base-16-vision#vision@abc", "hf:openai/clip-vit-base-patch16#vision@abc"),
        ("meter-pretrain-288#text", "meter:pretrain-288#text"),
    ],
)
def test_other_spellings_mean_the_same_model(text, canonical):
    assert str(parse_reference(text)) == canonical


NAMES = {
    "timm": st.from_regex(r"[a-z][a-z0-9_]{0,20}(\.[a-z0-9_]{1,9})?", fullmatch=True),
    "hf": st.from_regex(r"[A-Za-z0-9][\w.-]{0,12}/[A-Za-z0-9][\w.-]{0,20}", fullmatch=True),
    "open_clip": st.from_regex(r"[A-Za-z0-9-]{1,12}/[a-z0-9_]{1,12}", fullmatch=True),
}


@st.composite
def references(draw):
    hub = draw(st.sampled_from(sorted(NAMES)))
    suffix = draw(st.sampled_from([(None, False), (None, True), ("main", False), ("1110a243fd", False)]))
    return Reference(hub, draw(NAMES[hub]), draw(st.sampled_from([None, "vision", "fusion-text-self"])), *suffix)


@given(references())
def test_writing_and_reading_a_reference_changes_nothing(reference):
    assert parse_reference(str(reference)) == reference


def test_a_reference_is_returned_as_it_is():
    reference = Reference("hf", "a/b")
    assert parse_reference(reference) is reference


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("deit-tinny", ["unknown model 'deit-tinny'", "Did you mean 'deit-tiny'"]),
        ("openai/clip-vit-base-patch16", ["Did you mean 'hf:openai/clip-vit-base-patch16'?"]),
        ("tim:deit_tiny", ["unknown prefix 'tim:'", "Did you mean 'timm:deit_tiny'?"]),
        ("open_clip:ViT-B-32", ["'ViT-B-32' is no name of the form open_clip:ARCH/PRETRAINED"]),
        ("zoo:mae-s/two", ["zoo:NAME or zoo:NAME/SEED"]),
        ("hf:a/b/c", ["hf:ORG/NAME"]),
        ("timm:", ["'' is no name"]),
        ("hf:a/b#vision#text", ["cannot be read"]),
        ("hf:a/b@", ["cannot be read"]),
        ("", ["unknown model ''"]),
        ("zoo:mae-s@main", ["only timm, hf and open_clip have revisions"]),
        ("minilm@main", ["only timm, hf and open_clip have revisions"]),
        ("clip-base-16-vision#text", ["stands for the tower 'vision'"]),
    ],
)
def test_what_names_no_model_is_refused_with_advice(text, words):
    with pytest.raises(ValueError, match=r".") as refused:
        parse_reference(text)
    assert [word for word in words if word not in str(refused.value)] == []


def test_a_refusal_lists_every_form():
    with pytest.raises(ValueError, match="unknown model") as refused:
        parse_reference("zzzzzz")
    assert [form for form in FORMS if form not in str(refused.value)] == []
    assert "Did you mean" not in str(refused.value)
