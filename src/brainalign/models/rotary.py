r"""Rotary positions: how much attention prefers a distance before it has seen any content.

A rotary model has no table of positions: it turns queries and keys by angles that grow with position. For white
content :math:`x` (the same at both places) the expected logit is

.. math:: E[x W_Q R_j R_i^\top W_K^\top x^\top] = \operatorname{tr}(W_Q R_{j-i} W_K^\top),

with :math:`R_p` the rotation of a column vector at position p: a number that depends on the two positions alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from brainalign.models.layouts.layout import Layout
from brainalign.models.layouts.settings import has_timm_model, library_config, picture_grids, timm_model

_ANY_SIZE = (14, 14)  # grid of a model that takes pictures of any size


@dataclass(frozen=True)
class Rotation:
    """By which angles every position turns queries and keys.

    Attributes
    ----------
    angles : Tensor of shape (n_positions, n_pairs)
        In radian; pairs of components turn together, and components beyond the pairs do not turn.
    interleaved : bool
        Whether components 2a and 2a + 1 form a pair; otherwise a and a + n_pairs do.
    amplitude : float
        Factor that queries and keys are multiplied with besides (1 but for stretched contexts).
    n_prefix : int
        Tokens before the patches; they do not turn.
    grid : tuple of int or None
        Rows and columns of patches.
    """

    angles: Tensor
    interleaved: bool = False
    amplitude: float = 1.0
    n_prefix: int = 0
    grid: tuple[int, int] | None = None


def rotary_kernel(query: Tensor, key: Tensor, rotation: Rotation) -> Tensor:
    """Expected logits of white content at every pair of positions, exactly.

    Parameters
    ----------
    query, key : Tensor of shape (..., d, head_dim)
        W_Q and W_K.
    rotation : Rotation
        Angles of the positions.

    Returns
    -------
    Tensor of shape (..., n, n)
        The trace of W_Q R W_K^T, not yet divided by the root of head_dim. Of a text it depends on the distance j - i
        alone.
    """
    first, second = _pairs(rotation, query.shape[-1])
    still = list(range(2 * len(first), query.shape[-1]))

    def overlap(a: list[int], b: list[int]) -> Tensor:
        return torch.einsum("...da,...da->...a", query[..., a], key[..., b]).double()

    along = overlap(first, first) + overlap(second, second)
    across = overlap(second, first) - overlap(first, second)
    cos, sin = rotation.angles.double().cos(), rotation.angles.double().sin()
    even = (cos * along[..., None, :]) @ cos.T + (sin * along[..., None, :]) @ sin.T
    odd = (cos * across[..., None, :]) @ sin.T - (sin * across[..., None, :]) @ cos.T
    turning = rotation.amplitude**2 * (even + odd)
    return turning + overlap(still, still).sum(dim=-1)[..., None, None]


@dataclass(frozen=True)
class RotaryKernel:
    """The kernel of one rotation for any weights, so that twins of a model go through the rotation of the model.

    Attributes
    ----------
    rotation : Rotation
        Angles of the positions.
    """

    rotation: Rotation

    @property
    def angles(self) -> NDArray[np.floating]:
        """Angles, of shape (n_positions, n_pairs): what stands in the place of a table of positions."""
        return self.rotation.angles.numpy()

    def turned_by(self, angles: ArrayLike) -> RotaryKernel:
        """The same with other angles, of the shape of `angles`."""
        return replace(self, rotation=replace(self.rotation, angles=torch.as_tensor(np.asarray(angles))))

    def bias(self, query: ArrayLike, key: ArrayLike) -> NDArray[np.floating]:
        """Logits without content, divided by the root of head_dim.

        Parameters
        ----------
        query, key : array_like of shape (n_layers, n_heads, d, head_dim)
            W_Q and W_K.

        Returns
        -------
        ndarray of shape (n_layers, n_heads, n_positions, n_positions)
            In float32.
        """
        kernels = [
            rotary_kernel(torch.as_tensor(W_Q), torch.as_tensor(W_K), self.rotation).float()
            for W_Q, W_K in zip(np.asarray(query), np.asarray(key), strict=True)
        ]
        return (torch.stack(kernels) / np.shape(query)[-1] ** 0.5).numpy()


def rotation_of(
    layout: Layout, config: Mapping[str, Any], head_dim: int, *, n_text: int, grid: tuple[int, int] | None = None
) -> Rotation:
    """Angles of a tower's rotary positions.

    Parameters
    ----------
    layout : Layout
        Layout of the tower.
    config : mapping
        Configuration of the checkpoint.
    head_dim : int
        Width of a head.
    n_text : int
        Number of positions of a text.
    grid : tuple of int, optional
        Grid of patches of a picture; without it, the grid of the model's configuration (14 by 14 where the model
        takes pictures of any size).

    Returns
    -------
    Rotation

    Raises
    ------
    ValueError
        When the tower has no rotary positions.
    """
    match layout.rotary:
        case "text":
            return _text_rotation(layout, config, head_dim, n_text)
        case "dinov3":
            return _dinov3_rotation(layout, config, head_dim, grid)
        case "qwen_visual":
            return _qwen_visual_rotation(head_dim, grid or _ANY_SIZE)
        case "timm" if has_timm_model(config):
            return _timm_rotation(config, grid)
    msg = f"the {layout.tower} tower has no rotary positions; choose positions='study', 'own' or 'normed'."
    raise ValueError(msg)


def is_rotary(layout: Layout, config: Mapping[str, Any]) -> bool:
    """Whether a tower turns its queries and keys."""
    if layout.rotary == "timm":
        return has_timm_model(config) and getattr(timm_model(config), "rope", None) is not None
    return layout.rotary is not None


def _pairs(rotation: Rotation, head_dim: int) -> tuple[list[int], list[int]]:
    n = rotation.angles.shape[1]
    if 2 * n > head_dim:
        msg = f"{n} pairs of components do not fit into heads of width {head_dim}; is config.json that of this file?"
        raise ValueError(msg)
    if rotation.interleaved:
        return list(range(0, 2 * n, 2)), list(range(1, 2 * n, 2))
    return list(range(n)), list(range(n, 2 * n))


def _text_rotation(layout: Layout, config: Mapping[str, Any], head_dim: int, n: int) -> Rotation:
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    complete = library_config(config)
    complete = getattr(complete, "text_config", complete)
    rope = getattr(complete, "rope_parameters", None) or {}
    kind = rope.get("rope_type")
    if kind != "default" and kind not in ROPE_INIT_FUNCTIONS:
        msg = (
            f"rotary positions of type {kind!r} are not known (the configuration has {dict(rope)}); known are: "
            f"default, {', '.join(ROPE_INIT_FUNCTIONS)}. Choose positions='study', or correct rope_type in config.json."
        )
        raise ValueError(msg)
    try:
        if kind == "default":
            width = int(head_dim * rope.get("partial_rotary_factor", 1.0))
            frequencies, amplitude = _frequencies(rope["rope_theta"], width), 1.0
        else:
            frequencies, amplitude = ROPE_INIT_FUNCTIONS[kind](complete, "cpu", seq_len=n)
    except (LookupError, TypeError, AttributeError, ArithmeticError) as error:
        msg = (
            f"rotary positions of type '{kind}' lack a setting, or have one that cannot be ({error}); the "
            f"configuration has {dict(rope)}. Correct rope_parameters (rope_scaling) in config.json."
        )
        raise ValueError(msg) from error
    return Rotation(torch.arange(n)[:, None] * frequencies.double(), amplitude=amplitude)


def _dinov3_rotation(
    layout: Layout, config: Mapping[str, Any], head_dim: int, grid: tuple[int, int] | None
) -> Rotation:
    complete = library_config(config)
    rows, columns = grid or next(iter(picture_grids(layout, config)), _ANY_SIZE)
    # Centres of the patches, from -1 to 1 over the picture.
    centres = [(2 * torch.arange(n).double() + 1) / n - 1 for n in (rows, columns)]
    frequencies = 2 * math.pi * _frequencies(complete.rope_theta, head_dim // 2)
    return _on_grid(centres, frequencies, n_prefix=1 + complete.num_register_tokens)


def _qwen_visual_rotation(head_dim: int, grid: tuple[int, int]) -> Rotation:
    places = [torch.arange(n).double() for n in grid]
    return _on_grid(places, _frequencies(10_000.0, head_dim // 2), n_prefix=0)


def _frequencies(base: float, width: int) -> Tensor:
    return base ** -(torch.arange(0, width, 2).double() / width)


def _on_grid(places: list[Tensor], frequencies: Tensor, n_prefix: int) -> Rotation:
    row, column = torch.meshgrid(*places, indexing="ij")
    angles = torch.cat([row.reshape(-1, 1) * frequencies, column.reshape(-1, 1) * frequencies], dim=1)
    still = torch.zeros(n_prefix, angles.shape[1])
    return Rotation(torch.cat([still, angles]), n_prefix=n_prefix, grid=(len(places[0]), len(places[1])))


def _timm_rotation(config: Mapping[str, Any], grid: tuple[int, int] | None) -> Rotation:
    model = timm_model(config)
    rope = getattr(model, "rope", None)
    if rope is None or any(True for _ in rope.parameters()):
        kind = "no rotary positions" if rope is None else "rotary angles that are learned per head, which are not read"
        msg = f"this timm model has {kind}; choose positions='study', 'own' or 'normed'."
        raise ValueError(msg)
    rope = rope.to_empty(device="cpu")
    rope.init_non_persistent_buffers()
    rows, columns = grid or model.patch_embed.grid_size
    sin, cos = rope.get_embed([rows, columns]).chunk(2, dim=-1)
    angles = torch.atan2(sin, cos)
    # Every angle comes twice, once for either component of its pair.
    angles = angles[:, : angles.shape[1] // 2] if rope.rotate_half else angles[:, ::2]
    n_prefix = model.num_prefix_tokens
    still = torch.zeros(n_prefix, angles.shape[1])
    turns = torch.cat([still, angles])
    return Rotation(turns, interleaved=not rope.rotate_half, n_prefix=n_prefix, grid=(rows, columns))
