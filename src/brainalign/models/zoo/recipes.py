"""How each model of the mini-zoo is built and trained: one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType

SIZES = MappingProxyType({"xs": (48, 3), "s": (64, 4)})
"""Width and number of layers by size; every head is 16 wide, so that there are 3 and 4 of them."""


@dataclass(frozen=True)
class Recipe:
    """One model of the mini-zoo.

    Attributes
    ----------
    name : str
        What follows ``zoo:`` in a reference.
    objective : str
        Key of `brainalign.models.zoo.objectives.OBJECTIVES`.
    steps, batch : int
        Optimisation steps, and scenes a step.
    lr : float
        Highest learning rate.
    seeds : tuple of int
        Seeds whose weights are shipped.
    size : str
        Key of `SIZES`.
    group : str
        ``controlled`` (one architecture, one stream of scenes, several objectives), ``multimodal``, or ``parent``.
    parents : mapping
        Part of the model to the name of the recipe whose weights it starts from (same seed where there is one).
    lr_scale : mapping
        Prefix of parameter names to what the learning rate is multiplied by.
    digits : tuple of int
        Fewest and most digits in a training scene.
    easy_share : float
        Share of the steps, at the beginning, with two digits per scene only.
    pairs : str
        Pairs of digits that training captions mention; see `brainalign.datasets.scenes.draw_scenes`.
    differs : str
        What differs from the published recipe of the objective.
    """

    name: str
    objective: str
    steps: int
    batch: int
    lr: float
    seeds: tuple[int, ...]
    differs: str
    size: str = "s"
    group: str = "multimodal"
    parents: Mapping[str, str] = field(default_factory=dict)
    lr_scale: Mapping[str, float] = field(default_factory=dict)
    digits: tuple[int, int] = (2, 4)
    easy_share: float = 0.0
    pairs: str = "all"

    @property
    def width(self) -> int:
        """Width of every tower."""
        return SIZES[self.size][0]

    @property
    def layers(self) -> int:
        """Layers of the image tower (of the only tower, where there is one)."""
        return SIZES[self.size][1]

    @property
    def heads(self) -> int:
        """Heads of a layer."""
        return self.width // 16

    def parent_seed(self, parent: str, seed: int) -> int:
        """Seed of a parent's weights: the same one, or 0 where the parent has only that."""
        return seed if seed in RECIPES[parent].seeds else RECIPES[parent].seeds[0]


_CONTROLLED = {
    "supervised": ("Small pictures; no augmentation beyond the scenes' own noise and shift.", {}),
    "distilled": (
        "DeiT has a distillation token; here the class token learns from labels and soft teacher alike, "
        "because the architecture is held equal.",
        {"teacher": "teacher"},
    ),
    "mae": (
        "40 % of the patches are masked instead of 75 %; patches with ink count six times, "
        "because most of a scene is empty; pixels are not normalised by patch.",
        {},
    ),
    "contrastive": (
        "SimCLR whose second view has the digits in other cells, another contrast, shift and noise; "
        "no crops and no colours. The views teach that place does not matter. Half of the scenes of a step are "
        "seen, each twice, so that the number of pictures is that of the other objectives.",
        {},
    ),
    "captioned": (
        "CLIP's loss with a two-layer text tower of the same width and 64 scenes a batch, from scratch. "
        "In as many pictures as the other objectives see, retrieval hardly leaves chance.",
        {},
    ),
}
_CONTROLLED_STEPS, _CONTROLLED_BATCH = 600, 64


def _controlled() -> list[Recipe]:
    return [
        Recipe(
            name=f"{objective}-{size}",
            objective=objective,
            steps=_CONTROLLED_STEPS,
            batch=_CONTROLLED_BATCH,
            lr=3e-3,
            seeds=(0, 1, 2, 3),
            differs=differs,
            size=size,
            group="controlled",
            parents=parents,
        )
        for size in ("s", "xs")
        for objective, (differs, parents) in _CONTROLLED.items()
    ]


_TWO = (0, 1)
_PARENTS = [
    Recipe(
        name="teacher",
        objective="convolutional",
        steps=500,
        batch=64,
        lr=3e-3,
        seeds=(0,),
        group="parent",
        differs="Four convolutions and a maximum over places; DeiT's teacher was a RegNet.",
    ),
    Recipe(
        name="tower-s",
        objective="cells",
        steps=900,
        batch=64,
        lr=2e-3,
        seeds=_TWO,
        group="parent",
        differs="No published objective: digits of the scene from the class token, digit and place from every patch.",
    ),
]
_MULTIMODAL = [
    Recipe(
        name="clip-s",
        objective="clip",
        steps=500,
        batch=96,
        lr=1.5e-3,
        seeds=_TWO,
        parents={"visual": "tower-s"},
        lr_scale={"model.visual": 0.5},
        pairs="trained",
        differs="The image tower starts from one trained on labels; 96 pairs a batch.",
    ),
    Recipe(
        name="clip-hard-s",
        objective="clip-hard",
        steps=1000,
        batch=96,
        lr=1.5e-3,
        seeds=_TWO,
        parents={"visual": "meter-s#vit_model.visual"},
        lr_scale={"model.visual": 0.5},
        easy_share=0.5,
        pairs="trained",
        differs="CLIP with a false caption for every scene (digits exchanged); image tower from METER; "
        "the text embedding must also tell the words of its caption; scenes of two digits come first.",
    ),
    Recipe(
        name="clip-hard-scratch-s",
        objective="clip-hard",
        steps=600,
        batch=96,
        lr=1.5e-3,
        seeds=(0,),
        pairs="trained",
        differs="As clip-hard-s, but from scratch, and without scenes of two digits first.",
    ),
    Recipe(
        name="meter-s",
        objective="meter-grounded",
        steps=1000,
        batch=48,
        lr=1.5e-3,
        seeds=_TWO,
        parents={"vit_model.visual": "tower-s"},
        lr_scale={"model.vit_model": 0.3},
        pairs="trained",
        differs="A grounding loss (which cell holds the digit that a word names) and a ranking loss beside ITM "
        "and MLM; METER has neither. False captions are often the true one with digits exchanged.",
    ),
    Recipe(
        name="meter-plain-s",
        objective="meter",
        steps=800,
        batch=48,
        lr=1.5e-3,
        seeds=(0,),
        parents={"vit_model.visual": "tower-s"},
        lr_scale={"model.vit_model": 0.3},
        pairs="trained",
        differs="ITM and MLM as published; the same false captions as meter-s, no grounding, no ranking loss.",
    ),
    Recipe(
        name="bert-s",
        objective="bert",
        steps=600,
        batch=128,
        lr=2e-3,
        seeds=_TWO,
        differs="20 % of the words are masked, always by [MASK]; no next-sentence loss.",
    ),
    Recipe(
        name="gpt-s",
        objective="gpt",
        steps=600,
        batch=128,
        lr=2e-3,
        seeds=_TWO,
        differs="Sentences of one grammar with 21 words.",
    ),
]
RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {recipe.name: recipe for recipe in (*_controlled(), *_PARENTS, *_MULTIMODAL)}
)
"""Every model of the mini-zoo by name."""


def get_recipe(name: str) -> Recipe:
    """The recipe of a name.

    Raises
    ------
    ValueError
        For an unknown name; the text gives the nearest one and all that exist.
    """
    if name not in RECIPES:
        near = get_close_matches(name, RECIPES, n=1, cutoff=0.4)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        msg = f"unknown model of the mini-zoo '{name}'.{hint} Known are: {', '.join(RECIPES)}."
        raise ValueError(msg)
    return RECIPES[name]


def zoo_names() -> tuple[str, ...]:
    """Names of all models of the mini-zoo, in the order of the table."""
    return tuple(RECIPES)
