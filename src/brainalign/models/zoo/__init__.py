"""The mini-zoo: tiny Transformers of the libraries' own classes, trained on captioned digit scenes."""

from brainalign.catalogue.zoo_cards import Card, read_cards
from brainalign.models.zoo.architectures import as_pixels
from brainalign.models.zoo.cards import make_card, write_cards
from brainalign.models.zoo.evaluation import Measurement, evaluate_zoo
from brainalign.models.zoo.loading import load_zoo
from brainalign.models.zoo.recipes import RECIPES, Recipe, zoo_names
from brainalign.models.zoo.training import train_zoo
from brainalign.models.zoo.weights import trained_seeds, zoo_folder

__all__ = [
    "RECIPES",
    "Card",
    "Measurement",
    "Recipe",
    "as_pixels",
    "evaluate_zoo",
    "load_zoo",
    "make_card",
    "read_cards",
    "train_zoo",
    "trained_seeds",
    "write_cards",
    "zoo_folder",
    "zoo_names",
]
