"""Checkpoints on a hub: what travels, what is kept, and what happens when something fails."""

from __future__ import annotations

import socket
import time

import pytest
import torch
from numpy.testing import assert_array_less, assert_equal
from safetensors.torch import load_file

from brainalign.catalogue import web
from brainalign.datasets import ChecksumError, MissingDataError
from brainalign.models.checkpoints import TensorPart
from brainalign.models.checkpoints.repositories import METER_RELEASES
from brainalign.models.fetching import fetch
from brainalign.models.opening import open_checkpoint
from brainalign.models.spatial import spatial_attention
from tests.models.checkpoints.conftest import WIDTH, parts_of
from tests.models.loopback import COMMIT, sha256

QUERY = "encoder.layer.1.attention.attention.query.weight"
TIMM = "vit_tiny_patch16_224.augreg_in21k"
OPEN_CLIP = "ViT-B-32/laion2b_s34b_b79k"
WEIGHTS = "/tiny/vit/resolve/main/model.safetensors"
# The longest that a user waits for the word that there is no connection.
PATIENCE = 10


def whole_state(folder):
    """Every tensor of a saved model, by the library."""
    files = [*folder.glob("*.safetensors")]
    if not files:
        (file,) = [*folder.glob("*.bin"), *folder.glob("*.ckpt")]
        state = torch.load(file, weights_only=True)
        return state.get("state_dict", state)
    return {name: tensor for file in files for name, tensor in load_file(file).items()}


def assert_read_equals_saved(read, folder):
    state = whole_state(folder)
    assert len(read) > 0
    for part, tensor in read.items():
        saved = state[part.name] if part.rows is None else state[part.name][slice(*part.rows)]
        torch.testing.assert_close(tensor, saved, rtol=0, atol=0, msg=str(part))


def read_needed(reference, **options):
    checkpoint = open_checkpoint(reference, **options)
    return checkpoint, checkpoint.read(parts_of({name: checkpoint.shape(name) for name in checkpoint.names()}))


def requests_for(hub, file):
    return [request for request in hub.requests if file in request]


@pytest.mark.parametrize("redirects", [False, True])
@pytest.mark.parametrize(
    ("reference", "folder", "share"),
    [
        ("hf:tiny/vit", "tiny/vit", 0.4),
        ("hf:tiny/bert", "tiny/bert", 0.2),
        ("hf:tiny/gpt2", "tiny/gpt2", 0.4),
        ("hf:tiny/clip", "tiny/clip", 0.2),
        ("hf:tiny/qwen2", "tiny/qwen2", 0.15),
        ("hf:tiny/sharded", "tiny/sharded", 0.15),
        ("hf:tiny/pickled", "tiny/pickled", 0.4),
        (f"timm:{TIMM}", f"timm/{TIMM}", 0.4),
        (f"open_clip:{OPEN_CLIP}", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", 0.2),
    ],
)
def test_only_needed_bytes_travel_and_tensors_are_identical(hub, reference, folder, share, redirects):
    hub.redirects = redirects
    folder = hub.root / folder
    checkpoint, read = read_needed(reference)
    state = whole_state(folder)
    assert_equal(set(read), set(parts_of({name: tuple(tensor.shape) for name, tensor in state.items()})))
    assert_read_equals_saved(read, folder)
    weights = sum(file.stat().st_size for file in folder.iterdir() if file.suffix in (".safetensors", ".bin"))
    assert_array_less(hub.bytes_served, share * weights)
    # Little beside the tensors themselves: headers, and what lies between near spans.
    needed = sum(tensor.nbytes for tensor in read.values())
    assert_array_less(hub.bytes_served, needed + 0.02 * weights)
    assert checkpoint.bytes_read <= hub.bytes_served


def test_the_size_and_the_bytes_read_are_told(hub):
    checkpoint, read = read_needed("hf:tiny/vit")
    assert_equal(checkpoint.size, (hub.root / "tiny" / "vit" / "model.safetensors").stat().st_size)
    config = (hub.root / "tiny" / "vit" / "config.json").stat().st_size
    assert_equal(checkpoint.bytes_read, hub.bytes_served - config)
    assert_array_less(sum(tensor.nbytes for tensor in read.values()), checkpoint.bytes_read)


@pytest.mark.parametrize("name", ["vit", "sharded", "pickled"])
def test_the_second_run_asks_for_nothing(hub, monkeypatch, name):
    first, read = read_needed(f"hf:tiny/{name}")
    assert len(hub.requests) > 0
    hub.forget()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    second, again = read_needed(f"hf:tiny/{name}")
    assert_equal(hub.requests, [])
    assert_equal(second.bytes_read, 0)
    assert_equal((second.size, second.names(), second.config), (first.size, first.names(), first.config))
    assert_equal(second.config["model_type"], {"pickled": "bert", "sharded": "qwen2"}.get(name, name))
    torch.testing.assert_close(list(again.values()), list(read.values()), rtol=0, atol=0)


def test_a_new_part_is_added_to_what_is_kept(hub):
    folder = hub.root / "tiny" / "vit"
    read_needed("hf:tiny/vit")
    hub.forget()
    value = TensorPart(QUERY.replace("query", "value"), (3, 7))
    checkpoint = open_checkpoint("hf:tiny/vit")
    assert_read_equals_saved(checkpoint.read([value, TensorPart(QUERY)]), folder)
    # The version that was read first stays.
    assert_equal({request.split(" ")[1] for request in hub.requests}, {WEIGHTS.replace("main", COMMIT)})
    assert_array_less(hub.bytes_served, 20_000)
    hub.forget()
    assert_read_equals_saved(read_needed("hf:tiny/vit")[1], folder)
    assert_read_equals_saved(open_checkpoint("hf:tiny/vit").read([value]), folder)
    assert_equal(hub.requests, [])


def test_a_revision_is_asked_for_and_the_commit_is_kept(hub):
    read_needed("hf:tiny/vit")
    assert_equal(requests_for(hub, WEIGHTS)[0], f"GET {WEIGHTS} bytes=0-16383")
    hub.forget()
    # The commit that was served is known, so the pinned reference finds the same parts.
    read_needed(f"hf:tiny/vit@{COMMIT}")
    assert_equal(hub.requests, [])
    read_needed(f"hf:tiny/bert@{COMMIT}")
    assert_equal(requests_for(hub, "/resolve/main/"), [])
    assert len(requests_for(hub, f"/resolve/{COMMIT}/")) > 0


def test_two_names_of_a_commit_share_what_is_kept(hub):
    hub.revisions = {"main", "v1"}
    read_needed("hf:tiny/vit@v1")
    read = hub.bytes_served
    read_needed("hf:tiny/vit")
    assert_array_less(hub.bytes_served, read + 20_000)  # only what the new name stands for had to be asked
    hub.forget()
    for reference in ("hf:tiny/vit", "hf:tiny/vit@v1", f"hf:tiny/vit@{COMMIT}"):
        assert_read_equals_saved(read_needed(reference)[1], hub.root / "tiny" / "vit")
    assert_equal(hub.requests, [])


@pytest.mark.parametrize("redirects", [False, True])
def test_a_broken_transfer_goes_on_from_the_byte_it_had(hub, redirects):
    hub.redirects = redirects
    checkpoint = open_checkpoint("hf:tiny/vit")
    begun = hub.bytes_served
    hub.cuts = [50_000, 40_000, 0, 30_000]
    assert_read_equals_saved(checkpoint.read([TensorPart(QUERY)]), hub.root / "tiny" / "vit")
    assert_equal(hub.cuts, [])
    assert_equal(hub.bytes_served - begun, WIDTH * WIDTH * 4)  # no byte travelled twice


def test_a_transfer_that_was_given_up_goes_on_in_the_next_run(hub):
    checkpoint = open_checkpoint("hf:tiny/vit")
    begun = hub.bytes_served
    hub.cuts = [50_000, 0, 0, 0]
    with pytest.raises(MissingDataError, match=r"the transfer of .*model\.safetensors broke .*Run it again to go on"):
        checkpoint.read([TensorPart(QUERY)])
    assert_equal(hub.bytes_served - begun, 50_000)
    hub.forget()
    assert_read_equals_saved(open_checkpoint("hf:tiny/vit").read([TensorPart(QUERY)]), hub.root / "tiny" / "vit")
    assert_equal(hub.bytes_served, 16_384 + WIDTH * WIDTH * 4 - 50_000)


def test_an_overloaded_server_is_asked_again_but_not_for_ever(hub):
    checkpoint = open_checkpoint("hf:tiny/vit")
    hub.overloads = 2
    assert_read_equals_saved(checkpoint.read([TensorPart(QUERY)]), hub.root / "tiny" / "vit")
    hub.overloads = 1000
    with pytest.raises(MissingDataError, match="the server answers with status 503"):
        checkpoint.read([TensorPart(QUERY.replace("query", "value"))])
    assert_equal(1000 - hub.overloads, 3)
    with pytest.raises(MissingDataError, match=r"'hf:tiny/bert': .* status 503.* brainalign models fetch hf:tiny/bert"):
        open_checkpoint("hf:tiny/bert")


def test_an_address_that_expires_is_renewed(hub):
    hub.redirects = True
    checkpoint = open_checkpoint("hf:tiny/vit")
    hub.forget()
    hub.expire_after = 0
    assert_read_equals_saved(checkpoint.read([TensorPart(QUERY)]), hub.root / "tiny" / "vit")
    paths = [request.split(" ")[1].split("/")[1] for request in hub.requests]
    assert_equal(paths, ["store", "tiny", "store"])


def test_a_server_without_ranges_is_asked_once(hub):
    hub.ranges = False
    checkpoint, read = read_needed("hf:tiny/vit")
    assert_read_equals_saved(read, hub.root / "tiny" / "vit")
    others = [TensorPart(name) for name in checkpoint.names()]
    for again in (checkpoint, open_checkpoint("hf:tiny/vit")):
        assert_read_equals_saved(again.read(others), hub.root / "tiny" / "vit")
    assert_equal(len(requests_for(hub, WEIGHTS)), 1)


def test_shards_of_a_server_without_ranges_are_sent_once(hub):
    hub.ranges = False
    _, read = read_needed("hf:tiny/sharded")
    assert_read_equals_saved(read, hub.root / "tiny" / "sharded")
    others = open_checkpoint("hf:tiny/sharded")
    part = next(TensorPart(name) for name in others.names() if "v_proj" in name)
    assert_read_equals_saved(others.read([part]), hub.root / "tiny" / "sharded")
    shards = [request for request in hub.requests if "-of-" in request]
    assert_equal(len({request.split("/")[-1] for request in shards}), len(shards))


def test_a_server_that_stops_knowing_ranges(hub):
    checkpoint = open_checkpoint("hf:tiny/vit")
    hub.ranges = False
    assert_read_equals_saved(checkpoint.read([TensorPart(QUERY)]), hub.root / "tiny" / "vit")
    hub.forget()
    others = [TensorPart(name) for name in checkpoint.names()]
    assert_read_equals_saved(checkpoint.read(others), hub.root / "tiny" / "vit")
    assert_equal(hub.requests, [])


@pytest.mark.parametrize("ranges", [True, False])
def test_a_truncated_file_is_refused(hub, ranges):
    hub.ranges, hub.lost_bytes = ranges, 1000
    with pytest.raises(ChecksumError, match="truncated or altered"):
        open_checkpoint("hf:tiny/vit")
    hub.lost_bytes = 0
    assert_read_equals_saved(read_needed("hf:tiny/vit")[1], hub.root / "tiny" / "vit")


def test_a_file_that_is_replaced_while_it_is_read_is_refused(hub):
    checkpoint = open_checkpoint("hf:tiny/vit")
    hub.version = "new"
    with pytest.raises(ChecksumError, match="changed on the server while it was read"):
        checkpoint.read([TensorPart(QUERY)])


@pytest.mark.parametrize("spoil", [lambda content: content[:-5], lambda content: content[:-1] + b"!"])
@pytest.mark.parametrize("name", ["extract.safetensors", "extract.json"])
def test_a_spoilt_extract_is_refused(hub, home, spoil, name):
    read_needed("hf:tiny/vit")
    folder = home / "models" / f"hf--tiny--vit@{COMMIT[:12]}"
    assert_equal({file.name for file in folder.iterdir()} - {"lock"}, {"extract.safetensors", "extract.json"})
    (folder / name).write_bytes(spoil((folder / name).read_bytes()))
    message = rf"was truncated or altered\. Delete the folder {folder}, then .* brainalign models fetch hf:tiny/vit"
    with pytest.raises(ChecksumError, match=message):
        read_needed("hf:tiny/vit")


def test_a_gated_model(hub, monkeypatch):
    hub.gated, hub.token, hub.redirects = True, "secret", True
    with pytest.raises(MissingDataError, match=r"'hf:tiny/vit' is gated.*HF_TOKEN"):
        open_checkpoint("hf:tiny/vit")
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert_read_equals_saved(read_needed("hf:tiny/vit")[1], hub.root / "tiny" / "vit")
    sent = {path.split("/")[1]: token for path, token in hub.tokens}
    assert_equal(sent, {"tiny": "Bearer secret", "store": None})


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("hf:tiny/none", r"'hf:tiny/none': .*tiny/none.* does not exist \(RepoNotFound\)"),
        ("hf:tiny/vit@other", r"'hf:tiny/vit@other' at revision other: tiny/vit has none of model\.safetensors, "),
        (f"timm:{TIMM}", r"timm/vit_tiny.* has none of model\.safetensors, pytorch_model\.bin"),
    ],
)
def test_a_missing_file_is_named(hub, tmp_path, reference, message):
    (tmp_path / "timm" / TIMM).mkdir(parents=True)
    hub.root = tmp_path if reference.startswith("timm") else hub.root
    with pytest.raises(MissingDataError, match=message):
        open_checkpoint(reference)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("timm:vit_tiny_patch16_225", "timm knows no pretrained weights .* Did you mean vit_tiny_patch16_224"),
        ("timm:vit_tiny_patch16_224.augreg", r"Did you mean .*vit_tiny_patch16_224\.augreg_in21k"),
        ("open_clip:ViT-B-32/laion2b", "open_clip knows no pretrained weights .* Did you mean ViT-B-32/laion2b"),
        ("open_clip:ViT-B-33/openai", "Did you mean ViT-B-32/openai"),
    ],
)
def test_unknown_names_meet_the_nearest(hub, reference, message):
    with pytest.raises(ValueError, match=message):
        open_checkpoint(reference)
    assert_equal(hub.requests, [])


def assert_says_what_to_do(reference):
    message = rf"'{reference}': model\.safetensors of tiny/vit .* run: brainalign models fetch {reference}"
    begun = time.perf_counter()
    with pytest.raises(MissingDataError, match=message):
        open_checkpoint(reference)
    assert_array_less(time.perf_counter() - begun, PATIENCE)


def test_offline_nothing_is_asked(hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert_says_what_to_do("hf:tiny/vit")
    assert_equal(hub.requests, [])


def test_offline_the_size_is_known_from_the_registry(online, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    message = r"model\.safetensors of timm/deit_tiny_patch16_224\.fb_in1k \(23 MB\) is not on this machine"
    with pytest.raises(MissingDataError, match=message):
        open_checkpoint("timm:deit_tiny_patch16_224.fb_in1k")


def test_offline_a_part_that_is_not_kept_names_the_size(hub, monkeypatch):
    open_checkpoint("hf:tiny/vit").read([TensorPart(QUERY)])
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    message = r"model\.safetensors of tiny/vit \(6 MB\) is not on this machine.*brainalign models fetch hf:tiny/vit"
    with pytest.raises(MissingDataError, match=message):
        open_checkpoint("hf:tiny/vit").read([TensorPart(QUERY.replace("query", "value"))])


def test_rows_of_a_part_that_is_kept_are_read_from_it(hub, monkeypatch):
    checkpoint = open_checkpoint("hf:tiny/vit")
    checkpoint.read([TensorPart(QUERY, (3, 9)), TensorPart(QUERY.replace("query", "key"))])
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    within = [TensorPart(QUERY, (4, 7)), TensorPart(QUERY, (3, 9)), TensorPart(QUERY.replace("query", "key"), (1, 2))]
    again = open_checkpoint("hf:tiny/vit")
    assert_read_equals_saved(again.read(within), hub.root / "tiny" / "vit")
    assert_equal(again.bytes_read, 0)
    for beyond in (TensorPart(QUERY, (3, 10)), TensorPart(QUERY, (2, 5)), TensorPart(QUERY)):
        with pytest.raises(MissingDataError, match="is not on this machine"):
            again.read([beyond])


def test_a_refused_connection(online, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{unused.getsockname()[1]}")
    assert_says_what_to_do("hf:tiny/vit")


def test_a_server_that_never_answers(hub, monkeypatch):
    assert_array_less(web.ANSWER_WITHIN, PATIENCE)
    monkeypatch.setattr(web, "ANSWER_WITHIN", 0.5)  # not to wait for it in a test
    hub.silent = True
    assert_says_what_to_do("hf:tiny/vit")
    assert_equal(len(hub.requests), 1)


def test_a_legacy_pickle_is_fetched_only_when_agreed(hub):
    message = r"written before torch 1\.6.* All 7\.4 MB must be fetched: brainalign models fetch hf:tiny/legacy --full"
    with pytest.raises(ValueError, match=message):
        open_checkpoint("hf:tiny/legacy")
    assert_array_less(hub.bytes_served, 17_000)
    _, read = read_needed("hf:tiny/legacy", full_download=True)
    assert_read_equals_saved(read, hub.root / "tiny" / "legacy")
    hub.forget()
    read_needed("hf:tiny/legacy")
    assert_equal(hub.requests, [])


def fill_cache(folder, cache, altered=False):
    """Put a repository where the hub's client keeps it."""
    repository = cache / f"models--tiny--{folder.name}"
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir()
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT, encoding="utf-8")
    for file in folder.iterdir():
        blob = repository / "blobs" / sha256(file)
        content = file.read_bytes()
        blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]) if altered and file.suffix != ".json" else content)
        (snapshot / file.name).symlink_to(blob)


@pytest.mark.parametrize("name", ["vit", "sharded", "pickled"])
def test_the_local_cache_of_the_hub_is_used(hub, tmp_path, name):
    fill_cache(hub.root / "tiny" / name, tmp_path / "cache")
    for reference in (f"hf:tiny/{name}", f"hf:tiny/{name}@{COMMIT}"):
        checkpoint, read = read_needed(reference)
        assert_read_equals_saved(read, hub.root / "tiny" / name)
        assert_equal("model_type" in checkpoint.config, True)
    assert_equal(hub.requests, [])


def test_an_altered_file_in_the_cache_is_refused(hub, tmp_path):
    fill_cache(hub.root / "tiny" / "vit", tmp_path / "cache", altered=True)
    with pytest.raises(ChecksumError, match="was truncated or altered"):
        open_checkpoint("hf:tiny/vit")


def test_fetching_makes_spatial_attention_work_offline(hub, monkeypatch):
    fetched = fetch("hf:tiny/bert")
    assert_equal((fetched.reference, fetched.bytes_read > 0), ("hf:tiny/bert", True))
    assert_array_less(fetched.bytes_read, 0.2 * fetched.size)
    hub.forget()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert_equal(spatial_attention("hf:tiny/bert").query.shape, (3, 3, WIDTH, WIDTH // 3))
    assert_equal(fetch("hf:tiny/bert").bytes_read, 0)
    assert_equal(hub.requests, [])


def test_fetching_takes_every_tower_or_the_one_that_is_named(hub, monkeypatch):
    vision = fetch("hf:tiny/clip#vision").bytes_read
    assert_array_less(0, vision)
    assert_array_less(0, fetch("hf:tiny/clip").bytes_read)  # the text tower is new
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for tower in ("text", "vision"):
        assert_equal(spatial_attention(f"hf:tiny/clip#{tower}").n_layers, 2)


def test_released_meter_files_are_read_lazily(hub, monkeypatch):
    monkeypatch.setenv(METER_RELEASES, f"{hub.endpoint}/plain")
    checkpoint, read = read_needed("meter:pretrain-288")
    assert_read_equals_saved(read, hub.root / "plain" / "checkpoint")
    assert_array_less(hub.bytes_served, 0.2 * checkpoint.size)
    hub.forget()
    read_needed("meter:pretrain-288")
    assert_equal(hub.requests, [])
