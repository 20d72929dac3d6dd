"""Parameters of the chapter on pruning by similarity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from brainalign.datasets.cifar import CIFAR10
from brainalign.datasets.pruned_resnets import PRUNED_RESNET56, has_pruned_resnet56
from brainalign.runs.parameters import ChapterParameters, FromText, ModelReference, NumberFromText, files_reference

PruningCriterion = Literal[
    "linear_cka", "debiased_linear_cka", "angular_procrustes", "leave_one_out_loss", "weight_norm", "random"
]

_N_TRAINING = {"digits": 1200, CIFAR10: 50_000}


class PruningParameters(ChapterParameters):
    """Which networks are pruned, under which criteria, and how they are trained again."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "smoke": {
            "depth": 20,
            "width": 4,
            "epochs": 1,
            "n_seeds": 2,
            "n_scored": 64,
            "n_tuning": 64,
            "criteria": ["linear_cka", "weight_norm", "random"],
            "n_layers": 1,
            "n_facts": 2,
        },
        # The study's network and training. Pictures and epochs of tuning are those of its released script, whose
        # settings are those of a demonstration; how many networks there are, and the other criteria, is ours.
        "paper": {
            "pictures": CIFAR10,
            "depth": 56,
            "width": 16,
            "epochs": 200,
            "learning_rate": 0.01,
            "n_tuning": 50_000,
            "tuning_epochs": 10,
            "tuning_rate": 0.01,
            "n_seeds": 3,
            "n_scored": 100,
            "criteria": ["linear_cka", "weight_norm", "random"],
        },
    }

    pictures: Literal["digits", "cifar-10"] = Field(
        "digits", description="what the residual networks are trained on, digits or cifar-10 (the study: cifar-10)"
    )
    depth: Annotated[Literal[20, 26, 32, 38, 44, 50, 56], NumberFromText] = Field(
        26, description="layers of the residual networks (the study: 56)"
    )
    width: int = Field(8, ge=2, le=64, description="channels of their first stage (the study: 16)")
    epochs: int = Field(8, ge=1, le=500, description="epochs of their training (the study: 200)")
    learning_rate: float = Field(0.1, gt=0, le=1, description="learning rate at the start (the study: 0.01)")
    n_tuning: int = Field(
        400, ge=64, le=50_000, description="training pictures that are seen again after every removal"
    )
    tuning_epochs: int = Field(1, ge=1, le=200, description="how often each of them is seen (released script: 10)")
    tuning_rate: float = Field(0.05, gt=0, le=1, description="learning rate of that training")
    n_seeds: int = Field(5, ge=2, le=50, description="networks, each trained from first weights of its own")
    n_scored: int = Field(
        128, ge=12, le=50_000, description="training pictures on which importance is measured (released script: 100)"
    )
    criteria: Annotated[list[PruningCriterion], FromText] = Field(
        ["linear_cka", "debiased_linear_cka", "angular_procrustes", "leave_one_out_loss", "weight_norm", "random"],
        min_length=1,
        description="criteria to compare; linear_cka and random are added where they are missing",
    )
    min_per_stage: int = Field(2, ge=1, le=8, description="blocks that every stage keeps (the study: 2)")
    encoder: ModelReference = Field("minilm", description="encoder of sentences, minilm or file:FOLDER of your own")
    n_layers: int = Field(3, ge=1, le=4, description="most layers that the encoder loses")
    n_facts: int = Field(8, ge=2, le=90, description="facts, told twice each, on which its layers are scored")
    seed: int = Field(0, ge=0, description="seed of weights, orders and draws")

    @field_validator("n_tuning", "n_scored")
    @classmethod
    def _at_most_all(cls, number: int, info: ValidationInfo) -> int:
        name = info.data.get("pictures", CIFAR10)
        if number > _N_TRAINING[name]:
            msg = f"at most {_N_TRAINING[name]}, the training pictures of {name}"
            raise ValueError(msg)
        return number

    def data(self) -> tuple[str, ...]:
        """The pictures, the encoder, and the released architectures where they are here (the chapter runs without)."""
        released = (PRUNED_RESNET56,) if has_pruned_resnet56() else ()
        return (self.pictures, files_reference(self.encoder), *released)
