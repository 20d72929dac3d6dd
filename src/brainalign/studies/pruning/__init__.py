"""Pruning: removing the blocks of a network whose removal changes its representation least."""

from brainalign.studies.pruning.augmentation import shift_and_flip
from brainalign.studies.pruning.batches import Batch
from brainalign.studies.pruning.blocks import Block, candidates, find_blocks, n_removable
from brainalign.studies.pruning.comparison import block_labels, compare_criteria, mean_steps
from brainalign.studies.pruning.costs import count_parameters, macs
from brainalign.studies.pruning.criteria import CRITERIA, Criterion, get_criterion
from brainalign.studies.pruning.greedy import Pruning, Removal, prune
from brainalign.studies.pruning.importance import block_importance
from brainalign.studies.pruning.next_block import (
    NextBlocks,
    find_removed,
    mean_ranks_of_halves,
    random_choices,
    score_next_blocks,
)
from brainalign.studies.pruning.order import shuffled_agreements, stage_order_agreement, stages_that_lost
from brainalign.studies.pruning.released import (
    N_RELEASED,
    has_released_networks,
    load_released,
    released_inputs,
    resnet_of,
)
from brainalign.studies.pruning.resnets import CifarResNet, resnet_cifar
from brainalign.studies.pruning.surgery import remove_blocks
from brainalign.studies.pruning.tasks import PictureTask, load_task
from brainalign.studies.pruning.training import (
    PUBLISHED_RECIPE,
    TrainingRecipe,
    classification_accuracy,
    train_classifier,
    train_further,
)

__all__ = [
    "CRITERIA",
    "N_RELEASED",
    "PUBLISHED_RECIPE",
    "Batch",
    "Block",
    "CifarResNet",
    "Criterion",
    "NextBlocks",
    "PictureTask",
    "Pruning",
    "Removal",
    "TrainingRecipe",
    "block_importance",
    "block_labels",
    "candidates",
    "classification_accuracy",
    "compare_criteria",
    "count_parameters",
    "find_blocks",
    "find_removed",
    "get_criterion",
    "has_released_networks",
    "load_released",
    "load_task",
    "macs",
    "mean_ranks_of_halves",
    "mean_steps",
    "n_removable",
    "prune",
    "random_choices",
    "released_inputs",
    "remove_blocks",
    "resnet_cifar",
    "resnet_of",
    "score_next_blocks",
    "shift_and_flip",
    "shuffled_agreements",
    "stage_order_agreement",
    "stages_that_lost",
    "train_classifier",
    "train_further",
]
