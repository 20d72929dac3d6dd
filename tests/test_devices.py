"""Devices: which one a name means, what is recorded, and what happens when memory is full."""

from __future__ import annotations

import json
import math

import pytest
import torch

from brainalign import devices
from brainalign.devices import DEVICE_LOG, MemoryWarning, in_batches, resolve_device, use_device
from brainalign.runs import execution
from brainalign.runs.parameters import ChapterParameters
from brainalign.similarity import MEASURES
from brainalign.similarity.optimization import border_of_unit_square, reach_score_pairs
from tests.simulated_card import simulated_card

CPU = torch.device("cpu")
HAS_CARD = torch.cuda.is_available()


@pytest.fixture(autouse=True)
def _settings_come_back():
    """What `use_device` sets holds for the whole process; other tests must not see it."""
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,
        torch.get_float32_matmul_precision(),
        torch.backends.cudnn.benchmark,
        torch.backends.cudnn.allow_tf32,
    )
    yield
    torch.use_deterministic_algorithms(before[0])
    torch.utils.deterministic.fill_uninitialized_memory = before[1]
    torch.set_float32_matmul_precision(before[2])
    torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32 = before[3:]


# Names


@pytest.mark.parametrize(
    ("there", "name", "found"),
    [
        (["cpu"], "auto", "cpu"),
        (["cuda:0", "cuda:1", "cpu"], "auto", "cuda:0"),
        (["mps", "cpu"], "auto", "cpu"),  # it has no float64, in which the references are computed
        (["mps", "cpu"], "mps", "mps"),
        (["cuda:0", "cuda:1", "cpu"], "cuda", "cuda:0"),
        (["cuda:0", "cuda:1", "cpu"], "cuda:1", "cuda:1"),
        (["cuda:0", "cpu"], "cpu", "cpu"),
    ],
)
def test_a_name_means_a_device_that_is_there(monkeypatch, there, name, found):
    monkeypatch.setattr(devices, "_devices_here", lambda: there)
    assert resolve_device(name) == torch.device(found)


@pytest.mark.parametrize("name", ["cuda", "cuda:2", "mps"])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(monkeypatch, name):
    there = ["cuda:0", "cpu"] if name == "cuda:2" else ["cpu"]
    monkeypatch.setattr(devices, "_devices_here", lambda: there)
    with pytest.raises(ValueError, match=f"'{name}' is not on this machine; there are: {', '.join(there)}"):
        resolve_device(name)


@pytest.mark.parametrize("name", ["gpu", "", "cuda:", "cuda:x", "CPU", "cpu:0"])
def test_an_unknown_name_is_refused(name):
    with pytest.raises(ValueError, match="is unknown; give auto, cpu, cuda, cuda:N"):
        resolve_device(name)
    with pytest.raises(ValueError, match="is not allowed; allowed is auto, cpu, cuda"):
        ChapterParameters.from_values("any", {"device": name})


@pytest.mark.parametrize("name", ["auto", "cpu", "mps", "cuda", "cuda:3"])
def test_every_chapter_takes_a_device_by_name(name):
    assert ChapterParameters.from_values("any", {"device": name}).device == name


# What is set and recorded


def logged(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_device_and_the_flags_are_set_and_recorded(tmp_path, monkeypatch):
    monkeypatch.setenv(DEVICE_LOG, str(tmp_path / "log"))
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    assert use_device("cpu") == CPU
    (entry,) = logged(tmp_path / "log")
    assert entry["device"] == {
        "asked": "cpu", "used": "cpu", "name": None, "cuda": None, "cudnn": None, "deterministic_algorithms": True,
        "float32_matmul_precision": "highest", "cudnn_benchmark": False, "cudnn_tf32": False,
        "threads": torch.get_num_threads(),
    }  # fmt: skip
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.get_float32_matmul_precision() == "highest"


def test_without_a_run_nothing_is_recorded(monkeypatch):
    monkeypatch.delenv(DEVICE_LOG, raising=False)
    assert use_device("auto") == resolve_device("auto")


def test_the_runner_and_the_kernel_mean_the_same_log():
    assert execution.DEVICE_LOG == DEVICE_LOG


# Batches


class Small:
    """A device with room for some items at once."""

    def __init__(self, room, error=torch.OutOfMemoryError):
        self.room, self.error, self.tried = room, error, []

    def __call__(self, items):
        self.tried.append(len(items))
        if len(items) > self.room:
            raise self.error("CUDA out of memory. Tried to allocate 2.00 GiB" if self.room else "nothing fits")
        return [2 * int(item) for item in items]


def test_batches_are_halved_until_they_fit_and_this_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv(DEVICE_LOG, str(tmp_path / "log"))
    small = Small(3)
    with pytest.warns(MemoryWarning) as said:
        results = in_batches(small, torch.arange(20), 16, CPU)
    assert [value for batch in results for value in batch] == list(range(0, 40, 2))
    assert small.tried == [16, 8, 4, *[2] * 10]
    texts = [f"cpu had too little memory for batches of {n}; they have {n // 2} from here on" for n in (16, 8, 4)]
    assert [str(warning.message) for warning in said] == texts
    assert [entry["notice"] for entry in logged(tmp_path / "log")] == texts


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("n", "batch_size", "sizes"), [(5, 2, [2, 2, 1]), (4, 4, [4]), (3, 10, [3]), (0, 4, [])])
def test_batches_that_fit_are_left_as_they_are(n, batch_size, sizes):
    small = Small(10)
    results = in_batches(small, list(range(n)), batch_size, CPU)
    assert small.tried == sizes
    assert [value for batch in results for value in batch] == [2 * i for i in range(n)]


@pytest.mark.parametrize(
    "text", ["MPS backend out of memory (x)", "[enforce fail] DefaultCPUAllocator: can't allocate memory"]
)
def test_other_devices_say_it_in_other_words(text):
    def function(items):
        if len(items) > 1:
            raise RuntimeError(text)
        return len(items)

    with pytest.warns(MemoryWarning):
        assert in_batches(function, [1, 2, 3], 2, CPU) == [1, 1, 1]


def test_an_item_that_does_not_fit_alone_ends_it():
    with pytest.warns(MemoryWarning), pytest.raises(MemoryError, match="cpu has too little memory for a single item"):
        in_batches(Small(0), [1, 2], 2, CPU)


@pytest.mark.parametrize("error", [RuntimeError("shapes do not fit"), ValueError("CUDA out of memory")])
def test_another_error_is_no_lack_of_memory(error):
    def function(_):
        raise error

    with pytest.raises(type(error), match=str(error)):
        in_batches(function, [1, 2], 2, CPU)


def test_a_batch_without_items_is_refused():
    with pytest.raises(ValueError, match="batch_size = 0 holds no item"):
        in_batches(len, [1], 0, CPU)


def test_memory_of_the_failed_batch_is_free_when_it_is_tried_again():
    import gc
    import weakref

    held = []

    def function(items):
        assert [one for one in held if one() is not None] == []
        block = torch.zeros(len(items), 10)
        if len(items) > 2:
            held.append(weakref.ref(block))
            msg = "full"
            raise torch.OutOfMemoryError(msg)
        return block.sum()

    gc.disable()
    try:
        with pytest.warns(MemoryWarning):
            in_batches(function, [1] * 8, 8, CPU)
    finally:
        gc.enable()
    assert len(held) == 2


# Float64 on the processor is the reference. Both differences are relative to the larger of the value and 0.01.

FLOAT32_TOLERANCE = 1e-5
CARD_TOLERANCE = 1e-9


def representations():
    """Two sets of eight features with three latent ones in common."""
    generator = torch.Generator().manual_seed(0)
    latent, *mixtures, noise = (
        torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((60, 3), (3, 8), (3, 8), (2, 60, 8))
    )
    return tuple(latent @ mixture + some for mixture, some in zip(mixtures, noise, strict=True))


def difference(found, reference):
    assert math.isfinite(found)
    return abs(found - reference) / max(abs(reference), 0.01)


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
def test_float32_agrees_with_the_reference(measure):
    X, Y = representations()
    assert difference(float(measure(X.float(), Y.float())), float(measure(X, Y))) < FLOAT32_TOLERANCE


# A simulated card shows what a machine without one can: that nothing is left behind on the processor.


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
def test_measures_compute_where_their_data_are(measure):
    X, Y = representations()
    reference = float(measure(X, Y))
    with simulated_card() as card:
        assert difference(float(measure(X.to(card), Y.to(card))), reference) < CARD_TOLERANCE


def test_optimisation_computes_where_its_data_are():
    X, Y = (data[:20].clone() for data in representations())
    measures = ("linear_cka", "normalized_bures_similarity")
    options = {
        "measures": measures, "targets": border_of_unit_square(2), "is_reference_free": True, "n_steps": 3,
        "learning_rate": 0.05,
    }  # fmt: skip
    reference = reach_score_pairs(X, Y, **options).scores
    with simulated_card() as card:
        found = reach_score_pairs(X.to(card), Y.to(card), **options).scores
        assert found.device == card
        torch.testing.assert_close(found.cpu(), reference)


def test_the_simulated_card_refuses_what_a_card_refuses():
    here = torch.arange(6.0).reshape(2, 3)
    with simulated_card() as card:
        there = here.to(card)
        assert there.device == card
        for wrong in (lambda: there + here, lambda: here @ there.mT, lambda: torch.cat([there, here])):
            with pytest.raises(RuntimeError, match="expected all tensors on one device"):
                wrong()
        with pytest.raises(TypeError, match=r"use \.cpu\(\) first"):
            there.numpy()
        torch.testing.assert_close((2 * there + torch.ones(3, device=card)).cpu(), 2 * here + 1)
        torch.testing.assert_close(there[:, [2, 0]].cpu(), here[:, [2, 0]])
        assert float(there.sum()) == 15
    assert (here + 1).device == CPU


@pytest.mark.skipif(not HAS_CARD, reason="no CUDA card: measures on a card are not compared with the reference")
@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
def test_a_card_agrees_with_the_reference(measure):
    card = use_device("cuda")
    X, Y = representations()
    reference = float(measure(X, Y))
    assert difference(float(measure(X.to(card), Y.to(card))), reference) < CARD_TOLERANCE
    assert difference(float(measure(X.float().to(card), Y.float().to(card))), reference) < FLOAT32_TOLERANCE
