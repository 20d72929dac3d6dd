"""What spatial attention needs of a model: its positions and its query and key weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from brainalign.catalogue.references import Reference, parse_reference
from brainalign.models.checkpoints import Checkpoint
from brainalign.models.layouts import Plan, choose_layout, count_heads, head_dim_of, plan_reading, split_heads
from brainalign.models.opening import open_checkpoint
from brainalign.models.position_sources import FINDERS, PositionKind, Reading, Tensors, at_least_float32
from brainalign.models.rotary import RotaryKernel
from brainalign.models.tensor_checks import check_distinct, check_matrix, check_width, named

Array = NDArray[np.floating]
Positions = Literal["study", "own", "normed", "rotary", "none"]


@dataclass(frozen=True)
class SpatialAttention:
    """Positions and query/key weights of every head of a model.

    Attributes
    ----------
    model : str
        The reference it was read from.
    positions : ndarray of shape (n_positions, d) or (n_layers, n_positions, d), or None
        Position embedding, per layer where it is scaled to the layer's weights; None where the model has none.
    query, key : ndarray of shape (n_layers, n_heads, d, head_dim)
        W_Q and W_K, so that queries are ``positions @ query``. Where heads share keys, the key weights come again for
        each of them. In the precision of the file, half precision as float32.
    tower : str
        Part of the model, ``"text"`` or ``"vision"`` for example.
    bias : ndarray of shape (n_layers, n_heads, n_positions, n_positions), or None
        What is added for every pair of positions, as the model adds it: *after* the logits were divided by the root
        of head_dim. For rotary kernels, the kernel divided likewise.
    position_kind : {"own", "stand-in", "normed", "rotary", "relative", "none"}
        What the positions are: the model's table, another model's, either of them after the model's first norm, the
        rotary kernel (in `bias`), relative biases alone (in `bias`), or not read.
    n_prefix : int
        Positions before the patches of a picture: class, distillation and register tokens.
    grid : tuple of int or None
        Rows and columns of patches; None for text and for tables that are cut.
    lender : str
        The model whose positions stand in; empty where none does.
    kernel : RotaryKernel or None
        What made `bias` of W_Q and W_K, where the kernel of a rotation did.
    """

    model: str
    positions: Array | None
    query: Array
    key: Array
    tower: str = "text"
    bias: Array | None = None
    position_kind: PositionKind = "own"
    n_prefix: int = 0
    grid: tuple[int, int] | None = None
    lender: str = ""
    kernel: RotaryKernel | None = None

    @property
    def n_layers(self) -> int:
        """Number of layers."""
        return self.query.shape[0]

    @property
    def n_heads(self) -> int:
        """Number of heads in a layer."""
        return self.query.shape[1]

    @property
    def head_dim(self) -> int:
        """Width of one head."""
        return self.query.shape[-1]

    @property
    def n_positions(self) -> int:
        """Number of positions, the nodes of the graphs; 0 where none are defined."""
        if self.positions is not None:
            return self.positions.shape[-2]
        return 0 if self.bias is None else self.bias.shape[-1]

    def head(self, layer: int, head: int) -> tuple[Array, Array]:
        """W_Q and W_K of one head, each of shape (d, head_dim).

        Raises
        ------
        ValueError
            When the model has no such layer or head.
        """
        self._check(layer, head)
        return self.query[layer, head], self.key[layer, head]

    def only(self, layer: int, head: int) -> SpatialAttention:
        """One head as if it were the whole model.

        Raises
        ------
        ValueError
            When the model has no such layer or head.
        """
        self._check(layer, head)
        here = (slice(layer, layer + 1), slice(head, head + 1))
        return replace(
            self,
            positions=None if self.positions is None else self._table(layer),
            query=self.query[here],
            key=self.key[here],
            bias=None if self.bias is None else self.bias[here],
        )

    def without_first(self) -> SpatialAttention:
        """The model without its first position, whatever its positions are."""
        turned = None if self.kernel is None else self.kernel.turned_by(self.kernel.angles[1:])
        return replace(
            self,
            positions=None if self.positions is None else self.positions[..., 1:, :],
            bias=None if self.bias is None else self.bias[..., 1:, 1:],
            n_prefix=max(0, self.n_prefix - 1),
            kernel=turned,
        )

    def positions_of(self, layer: int) -> Array:
        """Positions as one layer gets them, of shape (n_positions, d).

        Raises
        ------
        ValueError
            When the model has no such layer, or positions that say only part of what it knows of places: it adds a
            bias for each pair of them.
        """
        self._check(layer, 0)
        if self.positions is None or self.bias is not None:
            own = "a table of positions and biases" if self.positions is not None else "no table of positions"
            msg = (
                f"{self.model} has {own} (kind: {self.position_kind}); its graphs come from biases, too. Use "
                "logits(layer), or brainalign.topology.align for all heads."
            )
            raise ValueError(msg)
        return self._table(layer)

    @property
    def position_table(self) -> Array:
        """The one table of positions of all layers, of shape (n_positions, d).

        Raises
        ------
        ValueError
            When every layer has positions of its own, as a model with rotary positions, or none.
        """
        positions = self.positions_of(0)
        if self.positions.ndim == 3:
            msg = (
                f"{self.model} has no table of positions; those that stand in for it (kind: {self.position_kind}) "
                "differ from layer to layer. Use positions_of(layer), or brainalign.topology.align for all heads."
            )
            raise ValueError(msg)
        return positions

    def logits(self, layer: int, head: int | None = None) -> NDArray[np.float64]:
        r"""What the softmax of the model would see with the positions as input, without content.

        Parameters
        ----------
        layer : int
            Number of the layer, from 0.
        head : int, optional
            Number of the head; all heads without it.

        Returns
        -------
        ndarray of shape (n_positions, n_positions) or (n_heads, n_positions, n_positions)
            In float64.

        Raises
        ------
        ValueError
            When the model has no such layer or head, or no positions were read.

        Notes
        -----
        .. math:: P W_Q W_K^\top P^\top / \sqrt{d_h} + B

        The bias B is added after scaling, as models do. The study's code adds it before, and so does
        `brainalign.topology.graphs.attention_logits`, which therefore needs ``bias`` times the root of ``head_dim`` to
        agree with the model.
        """
        self._check(layer, head or 0)
        if self.positions is None and self.bias is None:
            msg = f"{self.model} was read without positions: there are no logits without content."
            raise ValueError(msg)
        heads = slice(None) if head is None else head
        logits = np.zeros(()) if self.bias is None else self.bias[layer, heads].astype(np.float64)
        if self.positions is None:
            return logits
        P = self._table(layer).astype(np.float64)
        Q, K = (P @ weights[layer, heads].astype(np.float64) for weights in (self.query, self.key))
        return Q @ np.swapaxes(K, -1, -2) / np.sqrt(self.head_dim) + logits

    def _table(self, layer: int) -> Array:
        return self.positions if self.positions.ndim == 2 else self.positions[layer]

    def _check(self, layer: int, head: int) -> None:
        if not (0 <= layer < self.n_layers and 0 <= head < self.n_heads):
            msg = (
                f"{self.model} has no head {head} in layer {layer}: layers go from 0 to {self.n_layers - 1}, "
                f"heads from 0 to {self.n_heads - 1}."
            )
            raise ValueError(msg)


def spatial_attention(
    model: str | Reference = "minilm",
    *,
    positions: Positions = "study",
    max_positions: int = 50,
    grid: int | None = None,
    stand_in: str | Reference | None = None,
) -> SpatialAttention:
    """Positions, W_Q and W_K of a model, read tensor by tensor; no other weight is loaded.

    Parameters
    ----------
    model : str or Reference
        The model, see `brainalign.catalogue.references.parse_reference`; of a model with several towers also the tower,
        for example ``"hf:openai/clip-vit-base-patch16#vision"``.
    positions : {"study", "own", "normed", "rotary", "none"}
        ``"study"``: the model's own positions (of CLIP's and BLIP's pictures the first 197), or for rotary models those
        of `STAND_INS` (for a model on this machine, MiniLM's), interpolated to the width and scaled per layer to the
        spread of the weights. ``"own"``: its own only, whole. ``"normed"``: its own, or the stand-in's, after the
        model's first norm. ``"rotary"``: the exact kernel of rotary positions for white content
        (`brainalign.models.rotary`). ``"none"``: weights only.
    max_positions : int
        How many positions of a text are taken (the study takes 50); pictures keep their whole grid.
    grid : int, optional
        Resample the positions of a picture to this many rows and columns of patches, so that models can be compared
        at the same number of nodes. Prefix tokens stay.
    stand_in : str or Reference, optional
        A model whose positions stand in instead, for example ``"minilm"``, which needs no download.

    Returns
    -------
    SpatialAttention

    Raises
    ------
    ValueError
        Unknown model, architecture or choice, a tower that is not named, positions that the model has not, or tensors
        that do not fit; the text says what exists.
    MissingDataError, ChecksumError
        See `brainalign.models.opening.open_checkpoint`.

    Notes
    -----
    Biases and norms of queries and keys (Qwen3), causal masks and windows are left out, as the study does.

    References
    ----------
    Chen et al. 2025, arXiv:2510.24342, and its code release, for which tensors are used.
    """
    reference = parse_reference(model)
    _check_choices(positions, max_positions, grid)
    return read_spatial_attention(
        open_checkpoint(reference),
        reference.tower,
        positions=positions,
        max_positions=max_positions,
        grid=grid,
        stand_in=stand_in,
    )


def read_spatial_attention(
    checkpoint: Checkpoint,
    tower: str | None = None,
    *,
    positions: Positions = "study",
    max_positions: int = 50,
    grid: int | None = None,
    stand_in: str | Reference | None = None,
) -> SpatialAttention:
    """Positions, W_Q and W_K of a checkpoint that is open; see `spatial_attention`.

    Parameters
    ----------
    checkpoint : Checkpoint
        Where the weights are read from.
    tower : str, optional
        Name of the tower; may be left out where there is one only.
    positions, max_positions, grid, stand_in
        As in `spatial_attention`.

    Returns
    -------
    SpatialAttention

    Raises
    ------
    ValueError
        As in `spatial_attention`.
    """
    _check_choices(positions, max_positions, grid)
    layout = choose_layout(checkpoint, tower)
    plan = plan_reading(
        checkpoint,
        layout,
        max_positions=max_positions,
        with_norms=positions == "normed",
        with_positions=positions in ("study", "own", "normed"),
    )
    reading = Reading(checkpoint, plan, max_positions, (grid, grid) if grid else None, stand_in)
    tensors = checkpoint.read(plan.parts)
    query, key = _take_weights(checkpoint, plan, tensors)
    found = FINDERS[positions](reading, tensors, query, key)
    check_distinct(checkpoint.reference, found.positions, found.bias)
    heads, key_heads = query.shape[1], key.shape[1]
    shared_keys = key if heads == key_heads else key.repeat_interleave(heads // key_heads, dim=1)
    return SpatialAttention(
        checkpoint.reference,
        _to_numpy(found.positions),
        _to_numpy(query.transpose(2, 3)),
        _to_numpy(shared_keys.transpose(2, 3)),
        layout.tower,
        _to_numpy(found.bias),
        found.kind,
        found.n_prefix,
        found.grid,
        found.lender,
        found.kernel,
    )


def _take_weights(checkpoint: Checkpoint, plan: Plan, tensors: Tensors) -> tuple[Tensor, Tensor]:
    layout, first = plan.layout, tensors[plan.query[0]]
    for part in dict.fromkeys([*plan.query, *plan.key]):
        check_matrix(checkpoint.reference, part.name, tensors[part])
    width = first.shape[0] if layout.packing == "columns" else first.shape[1]
    heads, key_heads = count_heads(checkpoint.reference, layout, checkpoint.config, width)
    head_dim = head_dim_of(layout, checkpoint.config, width, heads)
    query = key = None
    # Layer after layer, and each read tensor is let go at once: together they are as large as the result.
    for layer, (query_part, key_part) in enumerate(zip(plan.query, plan.key, strict=True)):
        W_Q = tensors.pop(query_part)
        W_K = W_Q if key_part == query_part else tensors.pop(key_part)
        both = "' or '".join(dict.fromkeys((query_part.name, key_part.name)))
        with named(checkpoint.reference, both):
            W_Q, W_K = split_heads(W_Q, W_K, layout.packing, heads, key_heads, head_dim)
        for part, W in ((query_part, W_Q), (key_part, W_K)):
            check_width(checkpoint.reference, part.name, W.shape[2], width)
        if query is None:
            sizes = [(len(plan.query), *W.shape) for W in (W_Q, W_K)]
            query, key = (torch.empty(size, dtype=at_least_float32(W_Q)) for size in sizes)
        query[layer], key[layer] = W_Q, W_K
    return query, key


def _check_choices(positions: str, max_positions: int, grid: int | None) -> None:
    if positions not in get_args(Positions):
        near = get_close_matches(str(positions), get_args(Positions), n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        msg = f"unknown positions = '{positions}'.{hint} Allowed are: {', '.join(get_args(Positions))}."
        raise ValueError(msg)
    if max_positions < 2:
        msg = f"max_positions = {max_positions} leaves no graph; give at least 2."
        raise ValueError(msg)
    if grid is not None and grid < 2:
        msg = f"grid = {grid} leaves no graph; give at least 2 rows and columns of patches."
        raise ValueError(msg)


def _to_numpy(tensor: Tensor | None) -> Array | None:
    return None if tensor is None else tensor.numpy()
