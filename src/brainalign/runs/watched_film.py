"""Parameters of the chapters in which models and a cortex watch the same film."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from brainalign.runs.parameters import ChapterParameters, FromText, ModelReference, NumberFromText, files_reference

_FilmRuns = Annotated[list[Literal[1, 2, 3, 4]], FromText]


class WatchedFilmParameters(ChapterParameters):
    """Which neurons of which models watch how long a film, and the cortex that watches it with them."""

    clip: Literal["clip-hard-s", "clip-s"] = Field(
        "clip-hard-s", description="the CLIP of the mini-zoo, whose two towers never meet"
    )
    meter: Literal["meter-s", "meter-plain-s"] = Field(
        "meter-s", description="the METER of the mini-zoo, whose two streams read each other"
    )
    neuron: Literal["context", "query_key", "neurons"] = Field(
        "context", description="what a neuron is: channel of a head, of a query-key product, or MLP unit"
    )
    pool: Literal["mean", "summary"] = Field(
        "mean", description="over all patches and words, or the token that stands for the whole"
    )
    n_atoms: int = Field(32, ge=8, le=128, description="temporal atoms of each branch (earlier work took 64)")
    n_volumes: int = Field(1200, ge=240, le=10000, description="volumes that the simulated cortex watches")
    n_learning: int = Field(600, ge=200, le=10000, description="volumes from which dictionaries are learned before")
    parcels: Annotated[Literal[100, 200, 300, 400], NumberFromText] = Field(100, description="resolution of the atlas")
    noise: float = Field(1.0, gt=0, le=20, description="noise of the cortex; one direction of the truth has 0.5")
    seed: int = Field(0, ge=0, description="seed of every random number of this chapter")

    def data(self) -> tuple[str, ...]:
        """Entries of the catalogue that a run reads."""
        return ("digits", "cortical-surface", "hcp-connectomes", f"zoo:{self.clip}", f"zoo:{self.meter}")


class WatchedWithPersonParameters(WatchedFilmParameters):
    """The same, or a film that a person watched in the scanner, with models of full size."""

    film: Literal["digits", "hcp"] = Field("digits", description="digit scenes with a simulated cortex, or real films")
    subject: str = Field("100610", pattern=r"^\d{6}$", description="person of the Human Connectome Project")
    learning_runs: _FilmRuns = Field([1, 2], min_length=1, description="film runs on which dictionaries are learned")
    watched_runs: _FilmRuns = Field([3, 4], min_length=1, description="film runs whose responses are asked about")
    frame_rate: float = Field(1.0, gt=0, le=60, description="frames a second in the folders of frames")
    own_clip: ModelReference = Field(
        "hf:openai/clip-vit-base-patch32", description="the CLIP that watches the real films"
    )
    own_meter: ModelReference = Field("meter:pretrain-288", description="the METER that watches the real films")

    @model_validator(mode="after")
    def _no_run_is_both(self) -> WatchedWithPersonParameters:
        if both := sorted({*self.learning_runs} & {*self.watched_runs}):
            msg = f"learning_runs and watched_runs share {both}; a dictionary must not see the runs it is tested on"
            raise ValueError(msg)
        return self

    def data(self) -> tuple[str, ...]:
        """Entries of the catalogue, and models, that a run reads."""
        if self.film == "digits":
            return super().data()
        models = dict.fromkeys(map(files_reference, (self.own_clip, self.own_meter)))
        return ("hcp-7t-movies", "cortical-surface", *models)
