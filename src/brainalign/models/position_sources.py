"""Where the positions of a model come from: its own table, another model's, or its rotation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from brainalign.catalogue.files import MissingDataError
from brainalign.catalogue.kept_models import LENDERS_AT_HAND
from brainalign.catalogue.references import Reference, parse_reference
from brainalign.models.checkpoints import Checkpoint, TensorPart
from brainalign.models.layouts import (
    Layout,
    Plan,
    choose_layout,
    first_norm,
    most_prefix_tokens,
    picture_grids,
    plan_reading,
    readable,
    tensors_in_words,
)
from brainalign.models.opening import open_checkpoint
from brainalign.models.positions import apply_norm, grid_of, interpolate_width, resample_grid, rescale_to_weights
from brainalign.models.relative_bias import relative_position_bias, window_of
from brainalign.models.rotary import RotaryKernel, is_rotary, rotary_kernel, rotation_of
from brainalign.models.tensor_checks import check_matrix, check_width, named

PositionKind = Literal["own", "stand-in", "normed", "rotary", "relative", "none"]
Tensors = dict[TensorPart, Tensor]

STAND_INS = {"text": "hf:openai-community/gpt2", "vision": "hf:google/vit-base-patch16-224-in21k"}
"""Models whose positions the study lends to rotary models."""

_AT_HAND = ("package", "file")


@dataclass(frozen=True)
class Reading:
    """What is read, and how it was asked for.

    Attributes
    ----------
    checkpoint : Checkpoint
        Where the weights are read from.
    plan : Plan
        Which tensors.
    max_positions : int
        How many positions of a text are taken.
    grid : tuple of int or None
        Rows and columns that the positions of a picture are resampled to.
    stand_in : str, Reference or None
        A model whose positions stand in instead of those of `STAND_INS`.
    """

    checkpoint: Checkpoint
    plan: Plan
    max_positions: int
    grid: tuple[int, int] | None
    stand_in: str | Reference | None

    @property
    def layout(self) -> Layout:
        """Names of the tensors of this family."""
        return self.plan.layout


@dataclass(frozen=True)
class FoundPositions:
    """Positions, or a bias in their place; the attributes of `brainalign.models.spatial.SpatialAttention`."""

    kind: PositionKind
    positions: Tensor | None = None
    bias: Tensor | None = None
    n_prefix: int = 0
    grid: tuple[int, int] | None = None
    lender: str = ""
    kernel: RotaryKernel | None = None


def _find_study(reading: Reading, tensors: Tensors, query: Tensor, key: Tensor) -> FoundPositions:
    if not _has_own(reading):
        return _find_stand_in(reading, query, key, scaled=True)
    found = _find_own(reading, tensors, query, key)
    cut = reading.layout.study_positions
    if cut is None or reading.grid is not None or found.positions is None or len(found.positions) <= cut:
        return found
    return FoundPositions(found.kind, found.positions[:cut], n_prefix=found.n_prefix)


def _find_own(reading: Reading, tensors: Tensors, query: Tensor, _: Tensor) -> FoundPositions:
    if not _has_own(reading):
        raise ValueError(_no_positions(reading))
    own, bias = None, None
    if tables := _bias_tables(reading, tensors):
        own = window_of(len(tables[0]), picture_grids(reading.layout, reading.checkpoint.config))
        bias = relative_position_bias(tables, len(query), reading.grid, own)
    if reading.plan.positions is None:
        return FoundPositions("relative", bias=bias, n_prefix=1, grid=reading.grid or own)
    table = _table(reading.checkpoint, reading.plan.positions, tensors)
    check_width(reading.checkpoint.reference, reading.plan.positions.name, table.shape[1], query.shape[-1])
    if reading.layout.modality == "text":
        return FoundPositions("own", table, bias)
    return _on_grid(FoundPositions("own", table, bias), reading)


def _find_normed(reading: Reading, tensors: Tensors, query: Tensor, key: Tensor) -> FoundPositions:
    found = (
        _find_own(reading, tensors, query, key)
        if _has_own(reading)
        else _find_stand_in(reading, query, key, scaled=False)
    )
    layout, checkpoint, norms = reading.layout, reading.checkpoint, reading.plan.norms
    kind, eps = first_norm(checkpoint.reference, layout, checkpoint.config)
    lacks = layout.library == "transformers" and len(norms) < len(layout.norms)
    if found.positions is None or not norms or lacks:
        sought = f"not every norm before its first layer, of {', '.join(map(readable, layout.norms))}"
        lack = "no table of positions" if found.positions is None else sought
        msg = f"'{checkpoint.reference}' has {lack}; choose positions='study' or 'own'."
        raise ValueError(msg)
    positions = found.positions
    for parts in norms:
        weight, bias = (None if part is None else tensors[part].to(positions.dtype) for part in parts)
        positions = apply_norm(positions, weight, bias, kind=kind, eps=eps)
    return FoundPositions("normed", positions, found.bias, found.n_prefix, found.grid, found.lender)


def _find_rotary(reading: Reading, _: Tensors, query: Tensor, key: Tensor) -> FoundPositions:
    config, head_dim = reading.checkpoint.config, query.shape[2]
    turn = rotation_of(reading.layout, config, head_dim, n_text=reading.max_positions, grid=reading.grid)
    group = query.shape[1] // key.shape[1]
    kernels = [
        rotary_kernel(W_Q.transpose(1, 2), W_K.repeat_interleave(group, dim=0).transpose(1, 2), turn).float()
        for W_Q, W_K in zip(query, key, strict=True)
    ]
    bias = torch.stack(kernels) / head_dim**0.5
    return FoundPositions("rotary", None, bias, turn.n_prefix, turn.grid, kernel=RotaryKernel(turn))


def _find_none(*_: object) -> FoundPositions:
    return FoundPositions("none")


FINDERS = {
    "study": _find_study,
    "own": _find_own,
    "normed": _find_normed,
    "rotary": _find_rotary,
    "none": _find_none,
}
"""By the name of the choice, a function of the reading, its tensors, W_Q and W_K."""


def _find_stand_in(reading: Reading, query: Tensor, key: Tensor, *, scaled: bool) -> FoundPositions:
    if not is_rotary(reading.layout, reading.checkpoint.config):
        raise ValueError(_no_positions(reading))
    lender = _lender(reading)
    try:
        source = open_checkpoint(lender)
    except MissingDataError as error:
        msg = (
            f"'{reading.checkpoint.reference}' turns its queries and keys and has no table of positions; those of "
            f"'{lender}' were to stand in. {error} Or name another lender (stand_in), for example "
            f"'{LENDERS_AT_HAND['text']}', or choose positions='rotary' (in chapters 'kernel'), which needs none."
        )
        raise MissingDataError(msg) from error
    plan = plan_reading(source, choose_layout(source, lender.tower), max_positions=reading.max_positions)
    modality = reading.layout.modality
    if plan.positions is None or plan.layout.modality != modality:
        msg = (
            f"'{lender}' has no table of {modality} positions to lend; the study takes '{STAND_INS[modality]}'. Name "
            "another lender, or choose positions='rotary' (in chapters 'kernel'), which needs none."
        )
        raise ValueError(msg)
    table = _table(source, plan.positions, source.read([plan.positions]))
    found = FoundPositions("stand-in", table)
    if modality == "vision":
        found = _on_grid(found, replace(reading, checkpoint=source, plan=plan))
    positions = interpolate_width(found.positions, query.shape[-1])
    if scaled:
        positions = rescale_to_weights(positions, query, key)
    return FoundPositions("stand-in", positions, n_prefix=found.n_prefix, grid=found.grid, lender=str(lender))


def _lender(reading: Reading) -> Reference:
    """Whose positions stand in: of models on this machine, those of one that is there too, so that none is fetched."""
    if reading.stand_in:
        return parse_reference(reading.stand_in)
    modality = reading.layout.modality
    is_here = parse_reference(reading.checkpoint.reference).hub in _AT_HAND
    return parse_reference((LENDERS_AT_HAND if is_here else STAND_INS).get(modality) or STAND_INS[modality])


def _on_grid(found: FoundPositions, reading: Reading) -> FoundPositions:
    layout, checkpoint = reading.layout, reading.checkpoint
    told, most = picture_grids(layout, checkpoint.config), most_prefix_tokens(layout, checkpoint.config)
    with named(checkpoint.reference, reading.plan.positions.name):
        n_prefix, grid = grid_of(len(found.positions), told, most)
    if reading.grid is None:
        return FoundPositions(found.kind, found.positions, found.bias, n_prefix, grid)
    if grid is None:
        msg = (
            f"'{checkpoint.reference}' has {len(found.positions)} positions, which form no square grid: leave grid out."
        )
        raise ValueError(msg)
    resampled = resample_grid(found.positions, n_prefix, grid, reading.grid)
    return FoundPositions(found.kind, resampled, found.bias, n_prefix, reading.grid)


def _table(checkpoint: Checkpoint, part: TensorPart, tensors: Tensors) -> Tensor:
    stored = tensors[part]
    table = stored[0] if stored.ndim == 3 and len(stored) == 1 else stored  # some have a leading axis of one
    check_matrix(checkpoint.reference, part.name, table)
    # A copy, because what was read may be a view that keeps the whole file mapped.
    return table.to(at_least_float32(table), copy=True)


def _bias_tables(reading: Reading, tensors: Tensors) -> list[Tensor]:
    for part in reading.plan.bias_tables:
        check_matrix(reading.checkpoint.reference, part.name, tensors[part])
    return [tensors[part].float() for part in reading.plan.bias_tables]


def at_least_float32(tensor: Tensor) -> torch.dtype:
    """Precision of a tensor, half precision raised to float32."""
    return torch.promote_types(tensor.dtype, torch.float32)


def _has_own(reading: Reading) -> bool:
    return reading.plan.positions is not None or bool(reading.plan.bias_tables)


def _no_positions(reading: Reading) -> str:
    layout = reading.layout
    looked = [readable(pattern) for pattern in (layout.positions, layout.bias_table) if pattern]
    sought = f" Looked for: {', '.join(looked)}." if looked else ""
    advice = (
        "'rotary' (in chapters 'kernel') gives the kernel of its rotation, 'study' (in chapters 'stand-in') and "
        "'normed' take another model's positions."
        if is_rotary(layout, reading.checkpoint.config)
        else "'none' reads W_Q and W_K only."
    )
    return (
        f"the {layout.tower} tower of '{reading.checkpoint.reference}' has no positions of its own.{sought} "
        f"{tensors_in_words(reading.checkpoint.names())} positions={advice}"
    )
