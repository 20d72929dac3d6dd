"""One held-out result and everything that it must be read beside."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Measurement:
    """A result on handwritten digits that were never trained on.

    Attributes
    ----------
    value : float
        The result; higher is better.
    chance : float
        What guessing gives.
    oracle : dict of str to float
        What ideal readers reach, by what they know; empty where that is 1.
    wrong_image : float or None
        The same with the picture of another scene: what the text alone gives away.
    no_image : float or None
        The same with an empty picture.
    random_twin : float or None
        The same for the model with its first weights.
    """

    value: float
    chance: float
    oracle: dict[str, float]
    wrong_image: float | None = None
    no_image: float | None = None
    random_twin: float | None = None

    def as_dict(self) -> dict[str, float | dict[str, float] | None]:
        """Plain values, rounded to four places, for a card."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: _rounded(value) for name, value in values.items()}


def _rounded(value: float | dict[str, float] | None) -> float | dict[str, float] | None:
    if isinstance(value, dict):
        return {name: round(part, 4) for name, part in value.items()}
    return None if value is None else round(value, 4)
