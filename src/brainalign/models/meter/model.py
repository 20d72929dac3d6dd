"""METER: an image tower, a text tower, and a fusion whose two streams read each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from brainalign.models.meter.configuration import MeterConfig, meter_config
from brainalign.models.meter.heads import build_heads
from brainalign.models.meter.image import VisionTransformer
from brainalign.models.meter.initialization import initialize
from brainalign.models.meter.layers import BertLayer, Pooler
from brainalign.models.meter.text import TextTransformer

_FUSION_EPS = 1e-12  # unlike both towers: the release builds its fusion with a default of the library
_POSITION_IDS = "text_transformer.embeddings.position_ids"


@dataclass(frozen=True)
class MeterOutput:
    """What METER makes of a batch of images with texts.

    Attributes
    ----------
    text_features : Tensor of shape (batch, n_text_tokens, width)
        Text stream after the fusion.
    image_features : Tensor of shape (batch, 1 + n_patches, width)
        Image stream after the fusion; the class token comes first.
    cls : Tensor of shape (batch, 2 * width)
        Pooled text, then pooled image: what the heads for pairs read.
    attention : dict of str to tuple of Tensor, or None
        If kept: maps of shape (batch, heads, n_queries, n_keys), one per layer, under "image", "text",
        "fusion_text_self", "fusion_text_cross", "fusion_image_self" and "fusion_image_cross".
    """

    text_features: Tensor
    image_features: Tensor
    cls: Tensor
    attention: dict[str, tuple[Tensor, ...]] | None = None


class _ClipTower(nn.Module):
    # Beside the image tower the released files hold two pieces of CLIP's text side. Nothing reads them; they are here
    # so that the files load strictly.
    def __init__(self, config: MeterConfig) -> None:
        super().__init__()
        self.visual = VisionTransformer(config)
        if config.clip_text is not None:
            length, width = config.clip_text
            self.positional_embedding = nn.Parameter(torch.empty(length, width), requires_grad=False)
            self.ln_final = nn.LayerNorm(width).requires_grad_(False)


class Meter(nn.Module):
    """METER with a CLIP image tower and a RoBERTa text tower.

    Names of parameters are those of the released files.

    Parameters
    ----------
    config : MeterConfig
        Sizes and heads.
    generator : torch.Generator, optional
        Source of the first weights, on the CPU; torch's own without one. Under ``torch.device("meta")`` no weights
        are drawn.

    References
    ----------
    Dou et al. 2022, arXiv:2111.02387, and its code release (zdou0830/METER).

    Examples
    --------
    >>> sizes = dict(image_width=8, image_heads=2, text_width=8, text_heads=2, text_mlp=16, width=8, heads=2)
    >>> config = MeterConfig(image_size=16, patch_size=8, vocabulary=20, text_positions=10, clip_text=None, **sizes)
    >>> model = Meter(config, torch.Generator().manual_seed(0)).eval()
    >>> output = model(torch.zeros(1, 3, 16, 16), torch.tensor([[0, 5, 6, 2]]))
    >>> output.text_features.shape, output.image_features.shape, model.itm_logits(output).shape
    (torch.Size([1, 4, 8]), torch.Size([1, 5, 8]), torch.Size([1, 2]))
    """

    def __init__(self, config: MeterConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        device = torch.get_default_device()
        with torch.device("meta"):  # or every module would first draw from torch's global generator
            self._build(config)
        if device.type != "meta":
            self.to_empty(device="cpu")
            self.text_transformer.embeddings.position_ids.copy_(torch.arange(config.text_positions, device="cpu"))
            initialize(self, generator)
            self.to(device)

    def _build(self, config: MeterConfig) -> None:
        width = config.width

        def stream() -> nn.ModuleList:
            return nn.ModuleList(
                BertLayer(
                    width,
                    config.heads,
                    config.mlp_ratio * width,
                    eps=_FUSION_EPS,
                    dropout=config.dropout,
                    crosses=True,
                )
                for _ in range(config.layer_pairs)
            )

        self.cross_modal_text_transform = nn.Linear(config.text_width, width)
        self.cross_modal_image_transform = nn.Linear(config.image_width, width)
        self.token_type_embeddings = nn.Embedding(config.token_types, width)
        self.vit_model = _ClipTower(config)
        self.text_transformer = TextTransformer(config)
        self.cross_modal_image_layers = stream()
        self.cross_modal_text_layers = stream()
        self.cross_modal_image_pooler = Pooler(width)
        self.cross_modal_text_pooler = Pooler(width)
        for name, head in build_heads(config).items():
            self.add_module(name, head)

    def forward(
        self,
        image: Tensor,
        text_ids: Tensor,
        text_mask: Tensor | None = None,
        *,
        image_token_type: int = 1,
        keep_attention: bool = False,
    ) -> MeterOutput:
        """Read images with their texts.

        Parameters
        ----------
        image : Tensor of shape (batch, 3, height, width)
            Normalized images; both sides multiples of the patch size. Another size than `config.image_size` is read
            with interpolated positions.
        text_ids : Tensor of int, of shape (batch, n_tokens)
            Token ids, ``<s> ... </s>``, padded with `config.pad_id`. An empty caption is ``<s></s>``.
        text_mask : Tensor of shape (batch, n_tokens), optional
            Not 0 where a token is no padding. By default, where the id is not `config.pad_id`.
        image_token_type : int
            Row of the token-type table that marks the image: 2 for the second image of NLVR2, else 1.
        keep_attention : bool
            Whether the attention maps are returned. Without them torch's fused attention is used, which is faster and
            takes less memory; values agree to rounding.

        Returns
        -------
        MeterOutput
            Features of both streams, the pooled pair, and the maps if kept.

        Raises
        ------
        ValueError
            Images of a wrong shape; texts that are too long, empty or of another number than the images; ids outside
            the vocabulary; an unknown token type.
        """
        mask = self._check_text(len(image), text_ids, text_mask)
        if not 0 < image_token_type < self.config.token_types:
            msg = f"image_token_type = {image_token_type}; this model has types 1 to {self.config.token_types - 1}."
            raise ValueError(msg)
        image_tokens, image_maps = self.vit_model.visual(image, keep_attention=keep_attention)
        text_tokens, text_maps = self.text_transformer(text_ids, mask, keep_attention=keep_attention)
        types = self.token_type_embeddings.weight
        x_text = self.cross_modal_text_transform(text_tokens) + types[0]
        x_image = self.cross_modal_image_transform(image_tokens) + types[image_token_type]
        x_text, x_image, fusion_maps = self.fuse(x_text, x_image, mask, keep_attention=keep_attention)
        pooled = torch.cat([self.cross_modal_text_pooler(x_text), self.cross_modal_image_pooler(x_image)], dim=-1)
        attention = {"image": image_maps, "text": text_maps, **fusion_maps} if keep_attention else None
        return MeterOutput(x_text, x_image, pooled, attention)

    def fuse(
        self, text: Tensor, image: Tensor, mask: Tensor, *, keep_attention: bool = False
    ) -> tuple[Tensor, Tensor, dict[str, tuple[Tensor, ...]]]:
        """The co-attention layers alone, for callers that have read picture and text before.

        Parameters
        ----------
        text, image : Tensor of shape (batch, n_tokens, width)
            What both towers say, transformed to the common width, with the token types added.
        mask : Tensor
            Additive mask over the text tokens, as `forward` makes it.
        keep_attention : bool
            Whether the attention maps are returned.

        Returns
        -------
        text, image : Tensor of shape (batch, n_tokens, width)
        maps : dict of str to tuple of Tensor
            By stream and kind, one map per layer; empty without `keep_attention`.
        """
        names = [f"fusion_{stream}_{kind}" for stream in ("text", "image") for kind in ("self", "cross")]
        maps: dict[str, tuple[Tensor, ...]] = dict.fromkeys(names, ())
        for text_layer, image_layer in zip(self.cross_modal_text_layers, self.cross_modal_image_layers, strict=True):
            # Both layers read what the pair before them wrote: neither sees the other's update.
            next_text, text_maps = text_layer(text, mask, image, keep_attention=keep_attention)
            image, image_maps = image_layer(image, None, text, mask, keep_attention=keep_attention)
            text = next_text
            for stream, kept in (("text", text_maps), ("image", image_maps)):
                for kind, attention in kept.items():
                    maps[f"fusion_{stream}_{kind}"] += (attention,)
        return text, image, maps

    def _check_text(self, n_images: int, ids: Tensor, mask: Tensor | None) -> Tensor:
        config = self.config
        if ids.ndim != 2 or len(ids) != n_images:
            msg = f"text_ids have shape {tuple(ids.shape)}; {n_images} images need ({n_images}, n_tokens)."
            raise ValueError(msg)
        if ids.shape[1] > config.max_text_length:
            msg = (
                f"the texts have {ids.shape[1]} tokens; the model has positions for {config.max_text_length}. "
                f"Truncate them when tokenizing."
            )
            raise ValueError(msg)
        if mask is None:
            mask = ids != config.pad_id
        if mask.shape != ids.shape:
            msg = f"text_mask has shape {tuple(mask.shape)}, text_ids have {tuple(ids.shape)}; they must agree."
            raise ValueError(msg)
        mask = mask.bool()
        in_vocabulary = (ids >= 0) & (ids < config.vocabulary)
        # One answer for both questions: on a GPU every answer costs a wait.
        if not torch.stack([in_vocabulary.all(), mask.any(dim=1).all()]).all():
            self._report(ids, mask, in_vocabulary)
        return mask

    def _report(self, ids: Tensor, mask: Tensor, in_vocabulary: Tensor) -> None:
        if not in_vocabulary.all():
            wrong = ids[~in_vocabulary][0]
            msg = f"token id {wrong} is outside the vocabulary of {self.config.vocabulary}; is it the right tokenizer?"
            raise ValueError(msg)
        empty = (~mask.any(dim=1)).nonzero()[0, 0]
        msg = f"text {empty} is all padding; an empty caption is <s></s>, two tokens."
        raise ValueError(msg)

    def mlm_logits(self, output: MeterOutput) -> Tensor:
        """Logits of the vocabulary at every text token, (batch, n_tokens, vocabulary); needs the head "mlm"."""
        return self._head("mlm", "mlm_score")(output.text_features)

    def itm_logits(self, output: MeterOutput) -> Tensor:
        """Logits of "does not match" and "matches", (batch, 2); needs the head "itm"."""
        return self._head("itm", "itm_score")(output.cls)

    def vqa_logits(self, output: MeterOutput) -> Tensor:
        """Logits of the answers, (batch, n_answers); needs the head "vqa"."""
        return self._head("vqa", "vqa_classifier")(output.cls)

    def snli_logits(self, output: MeterOutput) -> Tensor:
        """Logits of the three relations between image and hypothesis, (batch, 3); needs the head "snli"."""
        return self._head("snli", "snli_classifier")(output.cls)

    def nlvr2_logits(self, first: MeterOutput, second: MeterOutput) -> Tensor:
        """Logits of "false" and "true" of a text on two images, (batch, 2); needs the head "nlvr2".

        The second image is read with ``image_token_type=2``.
        """
        return self._head("nlvr2", "nlvr2_classifier")(torch.cat([first.cls, second.cls], dim=-1))

    def rank_scores(self, output: MeterOutput) -> Tensor:
        """How well each image and its text fit, for retrieval, (batch,); needs the head "irtr"."""
        return self._head("irtr", "rank_output")(output.cls)[:, 0]

    def _head(self, task: str, name: str) -> nn.Module:
        if task not in self.config.tasks:
            msg = f"this METER has no head '{task}'; it has: {', '.join(self.config.tasks) or 'none'}."
            raise ValueError(msg)
        return self.get_submodule(name)


def load_meter(
    state_dict: Mapping[str, Tensor],
    *,
    image_heads: int | None = None,
    text_heads: int | None = None,
    heads: int | None = None,
) -> Meter:
    """A METER with the weights of a file, in eval mode.

    Parameters
    ----------
    state_dict : mapping of str to Tensor
        Weights in the released layout: of a released file, what it keeps under "state_dict". All names must be known
        and there; only RoBERTa's `position_ids`, which newer versions of transformers do not save, may be missing.
        The tensors are taken over, not copied.
    image_heads, text_heads, heads : int, optional
        See `meter_config`.

    Returns
    -------
    Meter
        With the sizes, the heads and the image size that the shapes tell.

    Raises
    ------
    ValueError
        No METER weights; see `meter_config`.
    RuntimeError
        Names or shapes that do not fit, from torch's strict loading.
    """
    config = meter_config(state_dict, image_heads=image_heads, text_heads=text_heads, heads=heads)
    with torch.device("meta"):
        model = Meter(config)
    positions = torch.arange(config.text_positions)[None]
    model.load_state_dict({_POSITION_IDS: positions, **state_dict}, strict=True, assign=True)
    return model.eval()
