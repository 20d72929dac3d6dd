"""Captioned digit scenes: several real handwritten digits on a 3 x 3 grid, and a sentence about two of them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from brainalign.datasets.digits import load_digit_images

Split = Literal["train", "test"]
Pairs = Literal["all", "trained", "held-out"]

GRID, CELL = 3, 8
SIDE = GRID * CELL
"""Pixels along a side of a scene."""
EMPTY = 10
"""Label of a cell without a digit (digits are 0 to 9)."""
RELATIONS = ("left-of", "right-of", "above", "below")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
# The end of a sentence has the highest number: CLIP pools its text there, and finds the place by the maximum.
VOCABULARY = ("[PAD]", "[CLS]", "[MASK]", "a", "and", "so", *RELATIONS, *DIGITS, "[SEP]")
"""The words, in the order of their token numbers."""
PAD, CLS, MASK = (VOCABULARY.index(word) for word in ("[PAD]", "[CLS]", "[MASK]"))
FIRST_RELATION, FIRST_DIGIT = VOCABULARY.index(RELATIONS[0]), VOCABULARY.index(DIGITS[0])
WORD_A, WORD_RELATION, WORD_B = 2, 3, 5
"""Places of the three words that carry the meaning of a caption ``[CLS] a A REL a B [SEP]``."""

_INVERSE = np.array([1, 0, 3, 2])
_NOISE, _CONTRAST = 0.08, (0.7, 1.0)
_TRAIN_SHARE, _SPLIT_SEED = 0.7, 0


@dataclass(frozen=True)
class Scenes:
    """A batch of scenes and what is true of them.

    Attributes
    ----------
    images : ndarray of shape (n, 24, 24)
        Ink, about 0 to 1, with noise.
    cells : ndarray of shape (n, 9)
        Digit in each cell, row by row; `EMPTY` where there is none.
    instances : ndarray of shape (n, 9)
        Which handwritten digit of `load_digit_images` it is; -1 where there is none.
    mentioned : ndarray of shape (n, 2)
        Cells of the two digits that the caption speaks of.
    relation : ndarray of shape (n,)
        Index into `RELATIONS`: how the first mentioned digit lies to the second.
    """

    images: NDArray[np.float32]
    cells: NDArray[np.int64]
    instances: NDArray[np.int64]
    mentioned: NDArray[np.int64]
    relation: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)

    def first(self, n: int) -> Scenes:
        """The first `n` scenes."""
        return Scenes(*(getattr(self, field.name)[:n] for field in fields(self)))

    @property
    def labels(self) -> NDArray[np.float32]:
        """Which digits are there: array of shape (n, 10) of zeros and ones."""
        return (self.cells[:, :, None] == np.arange(10)).any(1).astype(np.float32)

    @property
    def words(self) -> NDArray[np.int64]:
        """First digit, relation and second digit of the caption, of shape (n, 3).

        Raises
        ------
        ValueError
            When a scene has one digit only: there is nothing to relate.
        """
        first, second = np.take_along_axis(self.cells, self.mentioned, axis=1).T
        if (second == EMPTY).any():
            msg = "scenes of one digit have no caption; draw them with digits=(2, ...) or more."
            raise ValueError(msg)
        return np.stack([first, self.relation, second], axis=1)

    @property
    def captions(self) -> NDArray[np.int64]:
        """Token numbers of ``[CLS] a A REL a B [SEP]``, of shape (n, 7); true of each scene."""
        return caption_tokens(self.words)

    @property
    def swapped(self) -> NDArray[np.int64]:
        """The captions with the two digits exchanged: false, with the same words."""
        return caption_tokens(self.words[:, ::-1])

    @property
    def inverted(self) -> NDArray[np.int64]:
        """The captions with the opposite relation: false, with the same digits in the same order."""
        first, relation, second = self.words.T
        return caption_tokens(np.stack([first, _INVERSE[relation], second], axis=1))


def caption_tokens(words: NDArray[np.int64]) -> NDArray[np.int64]:
    """Token numbers of captions.

    Parameters
    ----------
    words : ndarray of shape (n, 3)
        Digit, relation (index into `RELATIONS`), digit.

    Returns
    -------
    ndarray of shape (n, 7)
    """
    first, relation, second = words.T
    a, start, end = (np.full(len(words), VOCABULARY.index(word)) for word in ("a", "[CLS]", "[SEP]"))
    return np.stack([start, a, FIRST_DIGIT + first, FIRST_RELATION + relation, a, FIRST_DIGIT + second, end], axis=1)


def caption_truth(cells: NDArray[np.int64], words: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which captions are true of which scenes.

    Parameters
    ----------
    cells : ndarray of shape (n, 9)
        Digit in each cell, as `Scenes.cells`.
    words : ndarray of shape (m, 3)
        As for `caption_tokens`.

    Returns
    -------
    ndarray of shape (n, m)
        A caption is true when both digits are there and the first lies to the second as it says; digits on a
        diagonal have no relation.
    """
    first, relation, second = words.T
    at_first, at_second = (cells[:, :, None] == digits for digits in (first, second))  # (n, 9, m)
    there = at_first.any(1) & at_second.any(1)
    return there & (_relation_of_cells()[at_first.argmax(1), at_second.argmax(1)] == relation)


def digits_present(cells: NDArray[np.int64], words: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which captions mention only digits that a scene holds, wherever they lie; arguments as for `caption_truth`."""
    return (cells[:, :, None] == words[:, 0]).any(1) & (cells[:, :, None] == words[:, 2]).any(1)


def sentences_with_converse(
    words: NDArray[np.int64], *, generator: np.random.Generator, share: float = 0.5
) -> NDArray[np.int64]:
    """Captions of which a share goes on with what follows: ``a A REL a B so a B INVERSE a A``.

    A model of text alone cannot know the first relation, but it can know every word of the second clause.

    Parameters
    ----------
    words : ndarray of shape (n, 3)
        As for `caption_tokens`.
    generator : Generator
        Draws which captions go on.
    share : float
        Probability of going on, 0 to 1.

    Returns
    -------
    ndarray of shape (n, 13)
        Token numbers, padded at the end.
    """
    first, relation, second = words.T
    short = caption_tokens(words)
    converse = caption_tokens(np.stack([second, _INVERSE[relation], first], axis=1))
    so = np.full((len(words), 1), VOCABULARY.index("so"))
    long = np.concatenate([short[:, :-1], so, converse[:, 1:]], axis=1)
    padded = np.pad(short, ((0, 0), (0, long.shape[1] - short.shape[1])), constant_values=PAD)
    return np.where(generator.random((len(words), 1)) < share, long, padded)


def tokenize(sentences: list[str]) -> NDArray[np.int64]:
    """Token numbers of sentences such as ``"a three left-of a seven"``, padded to the longest.

    Parameters
    ----------
    sentences : list of str
        Words of `VOCABULARY` with spaces between; ``[CLS]`` and ``[SEP]`` are added.

    Returns
    -------
    ndarray of shape (n, length)

    Raises
    ------
    ValueError
        For a word that the models do not know, or no sentence at all.
    """
    if not sentences:
        msg = "no sentence was given; give at least one, for example ['a three left-of a seven']."
        raise ValueError(msg)
    rows = [["[CLS]", *sentence.split(), "[SEP]"] for sentence in sentences]
    unknown = sorted({word for row in rows for word in row} - set(VOCABULARY))
    if unknown:
        msg = f"unknown words: {', '.join(unknown)}. The scenes know: {', '.join(VOCABULARY[3:-1])}."
        raise ValueError(msg)
    longest = max(map(len, rows))
    return np.array([[VOCABULARY.index(word) for word in row] + [PAD] * (longest - len(row)) for row in rows])


def detokenize(tokens: NDArray[np.int64]) -> list[str]:
    """The sentences behind rows of token numbers, without ``[CLS]``, ``[SEP]`` and padding.

    Parameters
    ----------
    tokens : ndarray of shape (n, length)

    Returns
    -------
    list of str
    """
    hidden = {"[CLS]", "[SEP]", "[PAD]"}
    return [" ".join(word for token in row if (word := VOCABULARY[token]) not in hidden) for row in tokens]


def draw_scenes(
    n: int,
    *,
    generator: np.random.Generator,
    digits: tuple[int, int] = (2, 4),
    split: Split = "train",
    pairs: Pairs = "all",
) -> Scenes:
    """Draw scenes with captions.

    The relation is drawn first and evenly, then a pair of cells for which it holds along the longer axis
    (diagonals are left out), then the digits, all different, then the cells of the others.

    Parameters
    ----------
    n : int
        Number of scenes.
    generator : Generator
        Source of every draw.
    digits : tuple of int
        Fewest and most digits in a scene, 1 to 9; a scene of one has no caption.
    split : {"train", "test"}
        Which handwritten digits are used; the two sets share none.
    pairs : {"all", "trained", "held-out"}
        Which pairs of digits a caption may mention. Held out are the nine pairs whose sum is a multiple of 5.

    Returns
    -------
    Scenes

    Raises
    ------
    ValueError
        For numbers of scenes or digits that cannot be drawn, or an unknown split or choice of pairs.
    """
    _check_request(n, digits, split, pairs)
    relation = generator.integers(len(RELATIONS), size=n)
    mentioned = _cell_pairs()[relation, generator.integers(_cell_pairs().shape[1], size=n)]
    kinds = _draw_kinds(n, pairs, generator)
    order = _cells_mentioned_first(mentioned, generator)
    count = generator.integers(digits[0], digits[1] + 1, size=(n, 1))
    by_rank = np.where(np.arange(GRID**2) < count, kinds, EMPTY)
    cells = np.empty_like(order)
    np.put_along_axis(cells, order, by_rank, axis=1)
    instances = _draw_instances(cells, split, generator)
    return Scenes(render(instances, generator=generator), cells, instances, mentioned, relation)


def render(instances: NDArray[np.int64], *, generator: np.random.Generator) -> NDArray[np.float32]:
    """Pictures of scenes: each digit with a contrast of its own, all shifted by up to one pixel, with noise.

    Parameters
    ----------
    instances : ndarray of shape (n, 9)
        Handwritten digit in each cell; -1 for none.
    generator : Generator
        Draws contrast, shift and noise, so that two calls give two views of the same scenes.

    Returns
    -------
    ndarray of shape (n, 24, 24)
    """
    n = len(instances)
    ink = np.where((instances >= 0)[:, :, None, None], _ink()[instances], 0)
    ink *= generator.uniform(*_CONTRAST, size=(n, GRID**2, 1, 1)).astype(np.float32)
    pictures = ink.reshape(n, GRID, GRID, CELL, CELL).transpose(0, 1, 3, 2, 4).reshape(n, SIDE, SIDE)
    down, right = generator.integers(-1, 2, size=(2, n, 1))
    rows, columns = (np.arange(SIDE) - down) % SIDE, (np.arange(SIDE) - right) % SIDE
    shifted = pictures[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return shifted + np.float32(_NOISE) * generator.standard_normal(shifted.shape, dtype=np.float32)


def permute_cells(instances: NDArray[np.int64], *, generator: np.random.Generator) -> NDArray[np.int64]:
    """The same digits in other cells: what stays is which digits there are, what goes is where.

    Parameters
    ----------
    instances : ndarray of shape (n, 9)
    generator : Generator

    Returns
    -------
    ndarray of shape (n, 9)
    """
    return generator.permuted(instances, axis=1)


def _check_request(n: int, digits: tuple[int, int], split: str, pairs: str) -> None:
    if n < 1:
        msg = f"n = {n} scenes cannot be drawn; give at least 1."
        raise ValueError(msg)
    fewest, most = digits
    if not 1 <= fewest <= most <= GRID**2:
        msg = f"digits = {digits} is no range; give (fewest, most) with 1 <= fewest <= most <= {GRID**2}."
        raise ValueError(msg)
    for name, value, allowed in (("split", split, ("train", "test")), ("pairs", pairs, ("all", "trained", "held-out"))):
        if value not in allowed:
            msg = f"{name} = {value!r} is unknown; give one of: {', '.join(allowed)}."
            raise ValueError(msg)


@cache
def _cell_pairs() -> NDArray[np.int64]:
    """For each relation the 13 ordered pairs of cells for which it holds; shape (4, 13, 2)."""
    found: list[list[tuple[int, int]]] = [[] for _ in RELATIONS]
    for first, second in product(range(GRID**2), repeat=2):
        down, right = second // GRID - first // GRID, second % GRID - first % GRID
        if abs(down) != abs(right):
            along_row = abs(right) > abs(down)
            found[(0 if right > 0 else 1) if along_row else (2 if down > 0 else 3)].append((first, second))
    return np.array(found)


@cache
def _relation_of_cells() -> NDArray[np.int64]:
    """How one cell lies to another; -1 on a diagonal. Shape (9, 9)."""
    table = np.full((GRID**2, GRID**2), -1)
    for relation, pairs in enumerate(_cell_pairs()):
        table[tuple(pairs.T)] = relation
    return table


@cache
def _mentionable(pairs: Pairs) -> NDArray[np.int64]:
    every = np.array([(a, b) for a, b in product(range(10), repeat=2) if a != b])
    held_out = every.sum(1) % 5 == 0
    return every[{"all": np.full(len(every), True), "trained": ~held_out, "held-out": held_out}[pairs]]


def _draw_kinds(n: int, pairs: Pairs, generator: np.random.Generator) -> NDArray[np.int64]:
    """Nine different digits per scene, the two mentioned ones first."""
    mentioned = _mentionable(pairs)[generator.integers(len(_mentionable(pairs)), size=n)]
    shuffled = generator.permuted(np.tile(np.arange(10), (n, 1)), axis=1)
    is_other = (shuffled[:, :, None] != mentioned[:, None, :]).all(2)
    others = shuffled[is_other].reshape(n, 8)
    return np.concatenate([mentioned, others[:, : GRID**2 - 2]], axis=1)


def _cells_mentioned_first(mentioned: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    n = len(mentioned)
    shuffled = generator.permuted(np.tile(np.arange(GRID**2), (n, 1)), axis=1)
    is_other = (shuffled[:, :, None] != mentioned[:, None, :]).all(2)
    return np.concatenate([mentioned, shuffled[is_other].reshape(n, GRID**2 - 2)], axis=1)


def _draw_instances(cells: NDArray[np.int64], split: Split, generator: np.random.Generator) -> NDArray[np.int64]:
    pools = _instance_pools(split)
    sizes = np.array([len(pool) for pool in pools] + [1])
    chosen = (generator.random(cells.shape) * sizes[cells]).astype(np.int64)
    table = np.full((EMPTY + 1, sizes.max()), -1)
    for kind, pool in enumerate(pools):
        table[kind, : len(pool)] = pool
    return table[cells, chosen]


@cache
def _ink() -> NDArray[np.float32]:
    return load_digit_images()[0].astype(np.float32)


@cache
def _instance_pools(split: Split) -> tuple[NDArray[np.int64], ...]:
    """For each digit the handwritten ones of a split; the division never changes."""
    kinds, generator = load_digit_images()[1], np.random.default_rng(_SPLIT_SEED)
    shuffled = [generator.permutation(np.flatnonzero(kinds == kind)) for kind in range(10)]
    cuts = [int(_TRAIN_SHARE * len(pool)) for pool in shuffled]
    return tuple(pool[:cut] if split == "train" else pool[cut:] for pool, cut in zip(shuffled, cuts, strict=True))
