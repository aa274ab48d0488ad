"""Word vectors: a word is known by its neighbours, an item by the items around it.

``train_word2vec`` wraps gensim so that the same seed gives the same vectors; ``shifted_pmi`` and
``sgns_loss`` say what it converges to; ``glove`` fits the same statistics by least squares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Vectors with the words they belong to.

    Args:
        words: n words, in the order of the rows.
        vectors: (n, size) float array.
        context: (n, size) output ("context") vectors, or ``None``.
    """

    words: list[str]
    vectors: np.ndarray
    context: np.ndarray | None = None
    index: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self):
        object.__setattr__(self, "index", {w: i for i, w in enumerate(self.words)})

    def get(self, word: str) -> np.ndarray | None:
        """Vector of a word, (size,), or ``None`` if it was never seen."""
        row = self.index.get(word)
        return None if row is None else self.vectors[row]

    def nearest(self, word: str, k: int = 5) -> list[str]:
        """The ``k`` words with the largest cosine to ``word``.

        Args:
            word: a word of the vocabulary.
            k: how many.

        Returns:
            The words, best first.

        Raises:
            ValueError: for a word that was not in the training text.
        """
        if word not in self.index:
            raise ValueError(
                f"{word!r} is not among the {len(self.words)} words of these vectors; "
                "check its spelling or lower min_count."
            )
        unit = self.vectors / np.maximum(np.linalg.norm(self.vectors, axis=1, keepdims=True), 1e-12)
        similarity = unit @ unit[self.index[word]]
        similarity[self.index[word]] = -np.inf
        return [self.words[i] for i in np.argsort(-similarity, kind="stable")[:k]]


def train_word2vec(
    sentences: Sequence[Sequence[str]],
    size: int = 32,
    window: int = 5,
    epochs: int = 20,
    negative: int = 5,
    min_count: int = 2,
    ns_exponent: float = 0.75,
    sample: float = 0.0,
    seed: int = 0,
) -> WordVectors:
    """Skip-gram with negative sampling by gensim, in one thread, which makes it repeatable.

    Args:
        sentences: tokenised documents.
        size: dimensions.
        window: how many words to each side count as neighbours.
        epochs: passes over the sentences.
        negative: noise words a real pair is compared with.
        min_count: rarer words are left out.
        ns_exponent: power of the word frequency from which noise words are drawn.
        sample: frequency above which words are randomly skipped; 0 keeps all.
        seed: of the starting vectors and of the sampling.

    Returns:
        Input vectors (and output vectors in ``context``), words by falling frequency.

    Raises:
        ValueError: if no word occurs ``min_count`` times.

    Source: Mikolov et al. 2013.
    """
    from gensim.models import Word2Vec

    counts: dict[str, int] = {}
    for sentence in sentences:
        for word in sentence:
            counts[word] = counts.get(word, 0) + 1
    if max(counts.values(), default=0) < min_count:
        raise ValueError(
            f"No word occurs {min_count} times in the {len(sentences)} sentences; "
            "lower min_count or give more text."
        )
    model = Word2Vec(
        [list(s) for s in sentences],
        vector_size=size,
        window=window,
        epochs=epochs,
        negative=negative,
        min_count=min_count,
        ns_exponent=ns_exponent,
        sample=sample,
        sg=1,
        seed=seed,
        workers=1,
    )
    return WordVectors(list(model.wv.index_to_key), model.wv.vectors, model.syn1neg)


def item_sequences(user: np.ndarray, item: np.ndarray, order: np.ndarray) -> list[list[str]]:
    """Write the events of each user as a sentence whose words are item positions.

    Args:
        user: (n,) user of each event.
        item: (n,) item of each event.
        order: (n,) positions that sort the events by time, such as
            ``interactions.order_by_time(seed)``.

    Returns:
        One list of item positions (as strings) a user with at least one event.
    """
    order = np.asarray(order)
    by_user = order[np.argsort(np.asarray(user)[order], kind="stable")]
    cuts = np.flatnonzero(np.diff(np.asarray(user)[by_user])) + 1
    return [
        [str(i) for i in part] for part in np.split(np.asarray(item)[by_user], cuts) if len(part)
    ]


def item2vec(sentences: Sequence[Sequence[str]], n_items: int, **settings) -> np.ndarray:
    """Skip-gram over item sequences instead of sentences.

    Args:
        sentences: of ``item_sequences``.
        n_items: rows of the result.
        settings: of ``train_word2vec``.

    Returns:
        (n_items, size); an item that occurs fewer than ``min_count`` times is a row of zeros.

    Source: Barkan & Koenigstein 2016.
    """
    model = train_word2vec(sentences, **settings)
    vectors = np.zeros((n_items, model.vectors.shape[1]))
    vectors[[int(w) for w in model.words]] = model.vectors
    return vectors


def co_occurrence(
    sentences: Sequence[Sequence[str]], words: Sequence[str], window: int = 5, decay: bool = False
) -> np.ndarray:
    """Count how often two words stand within ``window`` positions of each other.

    Args:
        sentences: tokenised documents.
        words: the n words to count; others keep their position but are not counted.
        window: the greatest distance.
        decay: count a pair at distance d as 1/d, as GloVe does.

    Returns:
        (n, n) symmetric float array.
    """
    index = {w: i for i, w in enumerate(words)}
    rows, columns, weights = [], [], []
    for sentence in sentences:
        ids = [index.get(w, -1) for w in sentence]
        for distance in range(1, window + 1):
            for a, b in zip(ids, ids[distance:]):
                if a >= 0 and b >= 0:
                    rows += [a, b]
                    columns += [b, a]
                    weights += [1 / distance if decay else 1.0] * 2
    return sp.csr_matrix((weights, (rows, columns)), shape=(len(words),) * 2).toarray()


def sgns_loss(scores: np.ndarray, counts: np.ndarray, k: float) -> float:
    """Loss of skip-gram with ``k`` negative samples, in expectation over the samples.

    Args:
        scores: (n, m), the inner product of word i and context j.
        counts: (n, m), how often the pair occurs.
        k: negative samples a pair, drawn in proportion to the frequency of the context.

    Returns:
        The loss divided by the number of pairs, in nats.

    Source: Levy & Goldberg 2014.
    """
    total = counts.sum()
    noise = k * np.outer(counts.sum(axis=1), counts.sum(axis=0)) / total
    return float(
        (counts * np.logaddexp(0, -scores) + noise * np.logaddexp(0, scores)).sum() / total
    )


def shifted_pmi(counts: np.ndarray, k: float) -> np.ndarray:
    """Pointwise mutual information minus log k: where ``sgns_loss`` is least.

    Equation: eq-shifted-pmi

    Args:
        counts: (n, m), how often word i and context j occur together; rows and columns not empty.
        k: negative samples a pair.

    Returns:
        (n, m); minus infinity where a pair never occurs.

    Source: Levy & Goldberg 2014.
    """
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    with np.errstate(divide="ignore"):
        return np.log(counts) - np.log(expected) - np.log(k)


def _glove_half(
    log_counts: np.ndarray, weight: np.ndarray, context: np.ndarray, bias: np.ndarray, l2: float
) -> tuple[np.ndarray, np.ndarray]:
    size = context.shape[1]
    solution = np.zeros((len(weight), size + 1))
    for row, w in enumerate(weight):
        seen = w > 0
        design = np.c_[context[seen], np.ones(seen.sum())]
        left = design.T @ (w[seen, None] * design) + l2 * np.eye(size + 1)
        solution[row] = np.linalg.solve(
            left, design.T @ (w[seen] * (log_counts[row, seen] - bias[seen]))
        )
    return solution[:, :size], solution[:, size]


def glove(
    counts: np.ndarray,
    words: Sequence[str],
    size: int = 32,
    sweeps: int = 10,
    x_max: float = 10.0,
    l2: float = 0.1,
    seed: int = 0,
) -> tuple[WordVectors, list[float]]:
    """GloVe: weighted least squares on log co-occurrence, by exact alternating solutions.

    Args:
        counts: (n, n) symmetric, from ``co_occurrence(..., decay=True)``.
        words: the n words.
        size: dimensions.
        sweeps: alternations; each lowers the loss.
        x_max: counts above it have full weight, those below ``(x / x_max) ** 0.75``.
        l2: ridge penalty, which keeps rare words near zero.
        seed: of the starting vectors.

    Returns:
        Word and context vectors (the paper uses their sum), and the loss after each sweep.

    Source: Pennington, Socher & Manning 2014 (the loss; they minimise it by AdaGrad).
    """
    weight = np.minimum(counts / x_max, 1.0) ** 0.75
    log_counts = np.log(np.where(counts > 0, counts, 1.0))
    c = np.random.default_rng(seed).normal(0, 0.1, (len(words), size))
    d, losses = np.zeros(len(words)), []
    for _ in range(sweeps):
        w, b = _glove_half(log_counts, weight, c, d, l2)
        c, d = _glove_half(log_counts.T, weight.T, w, b, l2)
        error = w @ c.T + b[:, None] + d - log_counts
        ridge = l2 * sum(float((a**2).sum()) for a in (w, b, c, d))
        losses.append(float((weight * error**2).sum()) + ridge)
    return WordVectors(list(words), w, c), losses
