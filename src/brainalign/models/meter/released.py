"""The weights that the authors of METER published."""

from __future__ import annotations

from dataclasses import dataclass

_BASE = "https://github.com/zdou0830/METER/releases/download/"


@dataclass(frozen=True)
class ReleasedMeter:
    """One published file: a PyTorch-Lightning checkpoint that keeps the weights under "state_dict".

    Attributes
    ----------
    path : str
        Path below the download page.
    tasks : tuple of str
        The heads it was trained with last; a file may hold others besides, as its names tell.
    image_size : int
        Side in pixels of the images it was trained on last.
    """

    path: str
    tasks: tuple[str, ...]
    image_size: int

    @property
    def url(self) -> str:
        """Where to fetch it."""
        return _BASE + self.path


_PRETRAINED = ("mlm", "itm")

RELEASED: dict[str, ReleasedMeter] = {
    "pretrain-288": ReleasedMeter("checkpoint/meter_clip16_288_roberta_pretrain.ckpt", _PRETRAINED, 288),
    "pretrain-224": ReleasedMeter("checkpoint2/meter_clip16_224_roberta_pretrain.ckpt", _PRETRAINED, 224),
    "vqa": ReleasedMeter("checkpoint/meter_clip16_288_roberta_vqa.ckpt", ("vqa",), 576),
    "nlvr2": ReleasedMeter("checkpoint/meter_clip16_288_roberta_nlvr2.ckpt", ("nlvr2",), 288),
    "snli": ReleasedMeter("checkpoint/meter_clip16_288_roberta_snli.ckpt", ("snli",), 384),
    "flickr": ReleasedMeter("checkpoint/meter_clip16_288_roberta_flickr.ckpt", ("itm", "irtr"), 384),
    "coco": ReleasedMeter("checkpoint/meter_clip16_288_roberta_coco.ckpt", ("itm", "irtr"), 384),
}
"""Published files with a CLIP image tower; the one with a Swin tower has another layout and is not supported."""
