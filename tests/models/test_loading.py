"""Whole models, by reference."""

from __future__ import annotations

import json
import re

import numpy as np
import open_clip
import pytest
import timm
import torch
from huggingface_hub import constants
from numpy.testing import assert_equal
from PIL import Image
from safetensors.torch import save_file
from transformers import ViTConfig, ViTImageProcessor, ViTModel

from brainalign.catalogue import web
from brainalign.datasets import MissingDataError
from brainalign.models.loading import load_model
from brainalign.models.meter import Meter, MeterConfig
from tests.models.loopback import COMMIT, serve

TIMM = "vit_tiny_patch16_224.augreg_in21k"
OPEN_CLIP = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
METER = MeterConfig(
    image_size=32, image_width=64, image_heads=1, image_layers=1, text_width=64, text_heads=1, text_layers=1,
    text_mlp=64, vocabulary=50, text_positions=20, width=64, heads=1, layer_pairs=1, clip_text=None,
)  # fmt: skip


def save_vit(folder):
    config = ViTConfig(
        hidden_size=32, num_attention_heads=2, num_hidden_layers=2, intermediate_size=32, image_size=32, patch_size=16
    )
    model = ViTModel(config).eval()
    model.save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return model


def save_timm(folder, **options):
    model = timm.create_model(TIMM, pretrained=False, **options).eval()
    folder.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), folder / "model.safetensors")
    config = {"architecture": TIMM.partition(".")[0], "pretrained_cfg": {}, "model_args": options}
    (folder / "config.json").write_text(json.dumps(config | {"num_classes": model.num_classes}), encoding="utf-8")
    return model


def save_open_clip(folder):
    model = open_clip.CLIP(**OPEN_CLIP).eval()
    folder.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": OPEN_CLIP}), encoding="utf-8")
    return model


def save_meter(folder):
    model = Meter(METER, generator=torch.Generator().manual_seed(0)).eval()
    torch.save({"state_dict": model.state_dict()}, folder / "last.ckpt")
    return model


def assert_same_weights(module, other):
    theirs = other.state_dict()
    assert_equal(set(module.state_dict()), set(theirs))
    for name, tensor in module.state_dict().items():
        torch.testing.assert_close(tensor, theirs[name], rtol=0, atol=0)


@pytest.fixture
def picture():
    return Image.fromarray(np.arange(50 * 40 * 3, dtype=np.uint8).reshape(50, 40, 3))


@pytest.mark.parametrize(
    ("save", "file", "kind"),
    [
        (save_vit, "", "transformers"),
        (save_timm, "", "timm"),
        (save_open_clip, "", "open_clip"),
        (save_meter, "/last.ckpt", "meter"),
    ],
)
def test_a_folder_is_loaded_by_the_library_that_wrote_it(tmp_path, picture, save, file, kind):
    saved = save(tmp_path)
    loaded = load_model(f"file:{tmp_path}{file}")
    assert_equal((loaded.kind, loaded.reference), (kind, f"file:{tmp_path}{file}"))
    assert_same_weights(loaded.module, saved)
    assert not any(module.training for module in loaded.module.modules())
    image = loaded.preprocess(picture)
    assert_equal((image.ndim, image.shape[0], image.shape[1]), (3, 3, image.shape[2]))
    # The picture is of the size that the model was made for.
    if kind != "meter":
        encode = loaded.module.encode_image if kind == "open_clip" else loaded.module
        with torch.no_grad():
            encode(image[None])


def test_minilm_reads_texts():
    loaded = load_model("minilm", dtype=torch.float64)
    tokens = loaded.tokenize(["two words", "a few words more"])
    with torch.no_grad():
        hidden = loaded.module(**tokens).last_hidden_state
    assert_equal((tuple(hidden.shape), hidden.dtype), ((2, 6, 384), torch.float64))
    assert_equal((loaded.kind, loaded.preprocess), ("transformers", None))


def test_open_clip_tokenizes(tmp_path):
    save_open_clip(tmp_path)
    loaded = load_model(f"file:{tmp_path}")
    with torch.no_grad():
        assert_equal(tuple(loaded.module.encode_text(loaded.tokenize(["a dog", "a cat"])).shape), (2, 16))


@pytest.mark.parametrize(
    ("reference", "kind", "n_blocks"),
    [
        ("timm:vit_tiny_patch16_224.augreg_in21k@random", "timm", ("blocks", 12)),
        ("minilm@random", "transformers", ("encoder.layer", 6)),
        ("zoo:mae-xs@random", "zoo", ("blocks", 3)),
    ],
)
def test_the_untrained_twin(reference, kind, n_blocks):
    state = torch.random.get_rng_state()
    loaded = load_model(reference)
    torch.testing.assert_close(torch.random.get_rng_state(), state)  # torch's own numbers were left alone
    assert_equal((loaded.kind, loaded.reference), (kind, reference))
    assert_equal(len(loaded.module.get_submodule(n_blocks[0])), n_blocks[1])
    assert_same_weights(load_model(reference).module, loaded.module)


def test_the_seed_makes_the_twin(tmp_path):
    trained = save_vit(tmp_path).state_dict()
    first, other = (load_model(f"file:{tmp_path}@random", seed=seed).module.state_dict() for seed in (0, 1))
    assert_equal(set(first), set(trained))
    (name, *_) = (name for name in trained if name.endswith("q_proj.weight"))
    assert not torch.equal(first[name], other[name])
    assert not torch.equal(first[name], trained[name])


def test_a_twin_without_known_dimensions():
    with pytest.raises(ValueError, match="the dimensions of 'hf:org/none@random' are"):
        load_model("hf:org/none@random")
    with pytest.raises(ValueError, match="METER was not released as 'none'"):
        load_model("meter:none@random")


def test_a_folder_that_does_not_say_what_it_is(tmp_path):
    save_file({"a": torch.zeros(2)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="does not say which model it is"):
        load_model(f"file:{tmp_path}")
    with pytest.raises(MissingDataError, match="there is no folder"):
        load_model(f"file:{tmp_path}/none")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    for name in ("HF_HUB_OFFLINE", "BRAINALIGN_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path / "home"))
    with serve(tmp_path / "hub") as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        yield running


@pytest.mark.parametrize(
    ("reference", "folder", "save", "redirects"),
    [
        ("hf:tiny/vit", "tiny/vit", save_vit, False),
        ("hf:tiny/vit", "tiny/vit", save_vit, True),
        (f"timm:{TIMM}", f"timm/{TIMM}", save_timm, True),
        ("open_clip:ViT-B-32/laion2b_s34b_b79k", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", save_open_clip, True),
    ],
)
def test_a_model_of_the_hub_is_fetched_once(hub, monkeypatch, reference, folder, save, redirects):
    hub.redirects = redirects
    saved = save(hub.root / folder)
    loaded = load_model(reference)
    assert_same_weights(loaded.module, saved)
    assert_equal(loaded.reference, reference)
    hub.forget()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert_same_weights(load_model(reference).module, saved)
    assert_equal(hub.requests, [])


def test_a_commit_is_asked_for(hub):
    save_vit(hub.root / "tiny" / "vit")
    load_model(f"hf:tiny/vit@{COMMIT}")
    assert_equal([request for request in hub.requests if "/main/" in request], [])


@pytest.mark.parametrize("reference", ["hf:tiny/vit", f"timm:{TIMM}", "open_clip:ViT-B-32/laion2b_s34b_b79k"])
def test_without_a_connection_one_request_tells(hub, monkeypatch, reference):
    monkeypatch.setattr(web, "ANSWER_WITHIN", 0.5)
    hub.silent = True
    with pytest.raises(MissingDataError, match=rf"'{re.escape(reference)}'.* brainalign models fetch .* --full$"):
        load_model(reference)
    assert_equal(len(hub.requests), 1)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(MissingDataError, match="HF_HUB_OFFLINE or BRAINALIGN_OFFLINE is set"):
        load_model(reference)
    assert_equal(len(hub.requests), 1)
