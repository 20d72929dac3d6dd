"""How a model is named; read in `brainalign.datasets.model_references`, since runs name models, too."""

from brainalign.datasets.model_references import FORMS, Hub, Reference, parse_reference

__all__ = ["FORMS", "Hub", "Reference", "parse_reference"]
