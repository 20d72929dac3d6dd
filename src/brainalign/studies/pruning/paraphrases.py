"""A task for encoders of sentences that needs no download: find the sentence that says the same in numerals."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from brainalign.datasets.scenes import DIGITS

_WAYS = {"beside": "to the left of", "above": "above"}
_TEMPERATURE = 0.05  # of the softmax over cosines, as is usual for encoders of sentences


def digit_paraphrases(relation: str = "beside") -> tuple[list[str], list[str]]:
    """Every ordered pair of digits in words, and the same in numerals.

    Parameters
    ----------
    relation : {"beside", "above"}
        How the first digit lies to the second.

    Returns
    -------
    in_words, in_numerals : list of str
        90 sentences each, the same facts in the same order.

    Raises
    ------
    ValueError
        For another relation.

    Examples
    --------
    >>> in_words, in_numerals = digit_paraphrases()
    >>> in_words[0], in_numerals[0]
    ('A zero is to the left of a one.', '0 to the left of 1')
    """
    if relation not in _WAYS:
        msg = f"relation = {relation!r}; give one of: {', '.join(_WAYS)}."
        raise ValueError(msg)
    way = _WAYS[relation]
    pairs = [(a, b) for a in range(len(DIGITS)) for b in range(len(DIGITS)) if a != b]
    in_words = [f"A {DIGITS[a]} is {way} a {DIGITS[b]}." for a, b in pairs]
    return in_words, [f"{a} {way} {b}" for a, b in pairs]


def retrieval_accuracy(queries: Tensor, answers: Tensor) -> float:
    """How often the answer nearest to a query, by the cosine, is its own.

    Parameters
    ----------
    queries, answers : Tensor of shape (n_facts, n_features)
        Representations of the same facts in the same order.

    Returns
    -------
    float
        From 0 to 1; by chance 1 / n_facts.
    """
    nearest = _cosines(queries, answers).argmax(dim=1)
    return (nearest == torch.arange(len(nearest), device=nearest.device)).double().mean().tolist()


def paraphrase_loss(representation: Tensor, facts: Tensor) -> Tensor:
    """Contrastive loss of a batch in which every fact is told twice.

    Parameters
    ----------
    representation : Tensor of shape (2 n_facts, n_features)
        Of all sentences.
    facts : Tensor of shape (2 n_facts,)
        Which fact each sentence tells.

    Returns
    -------
    Tensor of shape ()
        Mean negative logarithm of the probability that a sentence picks its partner among all others; 0 is best.

    Raises
    ------
    ValueError
        When a fact is told once, or more than twice.
    """
    same = facts[:, None] == facts
    if (same.sum(dim=1) != 2).any():
        msg = (
            "every fact must be told by exactly two sentences of the batch; draw facts and take both sentences of each."
        )
        raise ValueError(msg)
    itself = torch.eye(len(facts), dtype=torch.bool, device=facts.device)
    similarities = (_cosines(representation, representation) / _TEMPERATURE).masked_fill(itself, -torch.inf)
    return cross_entropy(similarities, (same & ~itself).long().argmax(dim=1))


def _cosines(X: Tensor, Y: Tensor) -> Tensor:
    return normalize(X, dim=1) @ normalize(Y, dim=1).T
