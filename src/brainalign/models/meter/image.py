"""The image tower: CLIP's Vision Transformer without its last block and without its projection."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from brainalign.models.meter.attention import PackedSelfAttention
from brainalign.models.meter.configuration import MeterConfig

_EPS = 1e-5
_MLP_RATIO = 4


class QuickGELU(nn.Module):
    """x sigmoid(1.702 x), the approximation that CLIP was trained with."""

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise activation."""
        return x * torch.sigmoid(1.702 * x)


class ResidualAttentionBlock(nn.Module):
    """Pre-normalized block of CLIP."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = PackedSelfAttention(width, heads)
        self.ln_1 = nn.LayerNorm(width, eps=_EPS)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(width, _MLP_RATIO * width))
        self.mlp.add_module("gelu", QuickGELU())
        self.mlp.add_module("c_proj", nn.Linear(_MLP_RATIO * width, width))
        self.ln_2 = nn.LayerNorm(width, eps=_EPS)

    def forward(self, x: Tensor, *, keep_attention: bool = False) -> tuple[Tensor, Tensor | None]:
        """The stream (batch, n_tokens, width) after the block, and its maps or None."""
        mixed, attention = self.attn(self.ln_1(x), keep_attention=keep_attention)
        x = x + mixed
        return x + self.mlp(self.ln_2(x)), attention


class _Blocks(nn.Module):
    # Only there because the released names have this level.
    def __init__(self, config: MeterConfig) -> None:
        super().__init__()
        blocks = (ResidualAttentionBlock(config.image_width, config.image_heads) for _ in range(config.image_layers))
        self.resblocks = nn.ModuleList(blocks)


class VisionTransformer(nn.Module):
    """Image tower; parameter names are those of open_clip's own VisionTransformer, less its projection."""

    def __init__(self, config: MeterConfig) -> None:
        super().__init__()
        self.patch_size = config.patch_size
        self.grid = config.grid
        width = config.image_width
        self.conv1 = nn.Conv2d(3, width, kernel_size=config.patch_size, stride=config.patch_size, bias=False)
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.positional_embedding = nn.Parameter(torch.empty(config.grid**2 + 1, width))
        self.ln_pre = nn.LayerNorm(width, eps=_EPS)
        self.transformer = _Blocks(config)
        self.ln_post = nn.LayerNorm(width, eps=_EPS)

    def forward(self, image: Tensor, *, keep_attention: bool = False) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Read images.

        Parameters
        ----------
        image : Tensor of shape (batch, 3, height, width)
            Both sides multiples of the patch; positions are interpolated where the grid is not the stored one.
        keep_attention : bool
            Whether the maps are returned.

        Returns
        -------
        tokens : Tensor of shape (batch, 1 + n_patches, width)
            Class token and patches, row by row, all normalized.
        attention : tuple of Tensor of shape (batch, heads, n_tokens, n_tokens)
            One per block; empty if not kept.

        Raises
        ------
        ValueError
            Not three channels, or sides that the patches do not fill.
        """
        self._check(image)
        patches = self.conv1(image)
        rows, columns = patches.shape[-2:]
        first = self.class_embedding.expand(len(image), 1, -1)
        x = torch.cat([first, patches.flatten(2).mT], dim=1)
        x = self.ln_pre(x + interpolate_positions(self.positional_embedding, rows, columns))
        maps = []
        for block in self.transformer.resblocks:
            x, attention = block(x, keep_attention=keep_attention)
            maps.append(attention)
        return self.ln_post(x), tuple(maps) if keep_attention else ()

    def _check(self, image: Tensor) -> None:
        patch = self.patch_size
        if (
            image.ndim != 4
            or image.shape[1] != 3
            or min(image.shape) < 1
            or image.shape[2] % patch
            or image.shape[3] % patch
        ):
            msg = (
                f"image has shape {tuple(image.shape)}; it must be (batch, 3, height, width) with both sides multiples "
                f"of the patch size {patch}, in the format that meter_image_transform makes."
            )
            raise ValueError(msg)


def interpolate_positions(table: Tensor, rows: int, columns: int) -> Tensor:
    """Position table for another grid of patches.

    Parameters
    ----------
    table : Tensor of shape (1 + side * side, width)
        Class token first, then a square grid row by row.
    rows, columns : int
        The grid to make it for.

    Returns
    -------
    Tensor of shape (1 + rows * columns, width)
        Bicubic interpolation of the grid; the row of the class token is kept. The table itself if the grid is its own.

    References
    ----------
    Dou et al. 2022, code release: `adapt_position_encoding`.
    """
    side = round((len(table) - 1) ** 0.5)
    if (rows, columns) == (side, side):
        return table
    grid = table[1:].T.unflatten(1, (side, side))[None]
    resized = nn.functional.interpolate(grid, size=(rows, columns), mode="bicubic")
    return torch.cat([table[:1], resized[0].flatten(1).T])
