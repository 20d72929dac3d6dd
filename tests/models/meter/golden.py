"""The small METER that the official code was run with: its sizes, and the rule that makes its weights."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from brainalign.models.meter import Meter, MeterConfig

CONFIG = MeterConfig(
    image_size=48,
    patch_size=16,
    image_width=128,
    image_heads=2,
    image_layers=2,
    text_width=32,
    text_heads=4,
    text_layers=2,
    text_mlp=128,
    vocabulary=97,
    text_positions=20,
    width=32,
    heads=4,
    layer_pairs=2,
    clip_text=(7, 16),
)
_FIXTURES = Path(os.environ.get("BRAINALIGN_FIXTURES", Path(__file__).parents[4] / "shared" / "fixtures"))


def fixture_path(name):
    """Path of a file with values from elsewhere; skips the test, by name, where it is not there."""
    path = _FIXTURES / name
    if not path.exists():
        pytest.skip(f"{name} is not there; set BRAINALIGN_FIXTURES to the folder that holds it")
    return path


def hashed_tensor(key, shape):
    """Values that depend on the key and the place only: the rule of the official run."""
    x = (np.arange(np.prod(shape), dtype=np.uint64) * 2654435761 + zlib.crc32(key.encode())) % 2**32
    for _ in range(2):
        x ^= x >> np.uint64(16)
        x = x * 0x45D9F3B % 2**32
    x ^= x >> np.uint64(16)
    u = torch.from_numpy(x / 2**32 - 0.5).reshape(shape)
    if key == "input.image":
        return 4 * u
    if len(shape) >= 2:
        return u * np.sqrt(12 / np.prod(shape[1:]))
    return 1 + 0.2 * u if key.endswith(".weight") else 0.2 * u


def hashed_state_dict():
    """Weights of the small METER, in double precision."""
    with torch.device("meta"):
        names = Meter(CONFIG).state_dict()
    return {
        name: hashed_tensor(name, tuple(tensor.shape)) if tensor.is_floating_point() else torch.arange(20)[None]
        for name, tensor in names.items()
    }
