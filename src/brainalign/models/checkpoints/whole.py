"""All files of a model in one folder, as the libraries want them, in the hub's own cache."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from huggingface_hub import get_token, hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

from brainalign.catalogue.references import Reference
from brainalign.catalogue.web import NoSuchFileError, UnreachableError, authorization, first_request
from brainalign.models.checkpoints.cached import cached_file, cached_weights, hub_cache
from brainalign.models.checkpoints.hub import explain_refusals, kept_for_use, refuse_in_runs
from brainalign.models.checkpoints.local import read_json
from brainalign.models.checkpoints.repositories import Repository, hub_endpoint, repository_of

BESIDE = (
    "preprocessor_config.json",
    "tokenizer_config.json",
    "tokenizer.json",
    "special_tokens_map.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "spiece.model",
    "tokenizer.model",
    "sentencepiece.bpe.model",
)
"""Files beside the weights that prepare images and texts; a model has some of them."""


def whole_model(reference: Reference) -> Path:
    """Folder with the configuration, the weights and what prepares the input; fetched unless it is in the hub's cache.

    Parameters
    ----------
    reference : Reference
        A ``hf:``, ``timm:`` or ``open_clip:`` reference; without a revision, the version of which parts are kept, or
        else the newest.

    Returns
    -------
    Path
        File of the weights, or their index, in that folder.

    Raises
    ------
    MissingDataError
        The files cannot be had; without a connection this is known after one request. A run asks no server at all.
    """
    kept = kept_for_use(reference)
    revision = (kept[1].commit if kept else None) or reference.revision
    repository = repository_of(reference)
    cached = cached_weights(repository, revision)
    if cached and cached_file(repository.name, revision, repository.config):
        return cached[0]
    advice = (
        "The whole file is needed to run the model. With a connection, "
        f"run: brainalign models fetch {reference.files} --full"
    )
    with explain_refusals(reference, repository, revision, advice=advice):
        refuse_in_runs()
        # One request of our own, because the libraries would try again and again for half a minute.
        first_request(repository.url(repository.config, revision), authorization(get_token())).close()
        try:
            return _download(repository, revision)
        except NoSuchFileError:
            raise
        except (HfHubHTTPError, OSError) as error:
            msg = f"{repository.name} broke off ({str(error).splitlines()[0]})."
            raise UnreachableError(msg) from error


def _download(repository: Repository, revision: str | None) -> Path:
    place = {"endpoint": hub_endpoint(), "cache_dir": hub_cache(), "token": get_token()}
    get = partial(hf_hub_download, repository.name, revision=revision, **place)
    weights = next(filter(None, (_get_optional(get, name) for name in repository.weights)), None)
    if weights is None:
        msg = f"{repository.name} has none of {', '.join(repository.weights)}."
        raise NoSuchFileError(msg)
    if weights.name.endswith(".index.json"):
        for name in sorted(set(read_json(weights)["weight_map"].values())):
            get(name)
    get(repository.config)
    for name in BESIDE:
        _get_optional(get, name)
    return weights


def _get_optional(get: partial[str], name: str) -> Path | None:
    try:
        return Path(get(name))
    except EntryNotFoundError as error:
        if isinstance(error, LocalEntryNotFoundError):  # no answer, rather than the answer that there is none
            raise
        return None
