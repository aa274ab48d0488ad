"""Text before a model sees it: cleaning, words, counts, and weights that make counts comparable.

Documents are plain ``str``; a tokenised document is a ``list[str]``. Count matrices are sparse with
one row a document and one column a term.
"""

from __future__ import annotations

import html
import logging
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import scipy.sparse as sp

_TAG = re.compile(r"</?[A-Za-z!][^<>]*>")
_BREAK = re.compile(r"<\s*(?:br|/p|/div|/li)\b[^<>]*>", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"\w+(?:['’]\w+)*")


def clean_text(text: str) -> str:
    """Remove what is not text and keep every character that is, in any script.

    HTML entities are decoded, tags dropped, Unicode normalised to NFKC (full-width letters and
    ligatures become ordinary ones), control and zero-width characters removed, white space
    collapsed. Letters, digits and punctuation of every language stay.

    Args:
        text: a raw description, review or title.

    Returns:
        The cleaned text; the function is idempotent on text without escaped markup.

    Raises:
        ValueError: if ``text`` is not a string (a missing value must be handled before).
    """
    if not isinstance(text, str):
        raise ValueError(
            f"clean_text needs a string, got {type(text).__name__} ({text!r}); "
            "fill or drop missing texts first."
        )
    text = html.unescape(_TAG.sub("", _BREAK.sub(" ", text)))
    text = unicodedata.normalize("NFKC", text)
    kept = (c for c in text if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf"))
    return _SPACE.sub(" ", "".join(kept)).strip()


def words(text: str) -> list[str]:
    r"""Split a text into lower-case words by the Unicode class ``\w``.

    Args:
        text: a cleaned text; apostrophes inside a word stay (``don't`` is one word).

    Returns:
        The words in order. A run of Chinese without spaces is *one* word here: see
        ``chinese_words``.
    """
    return _WORD.findall(text.lower())


def chinese_words(text: str) -> list[str]:
    """Segment Chinese (and mixed) text into words with jieba; punctuation and spaces are dropped.

    Args:
        text: a cleaned text.

    Returns:
        The words in order, Latin letters in lower case.
    """
    import jieba

    jieba.setLogLevel(logging.WARNING)
    return [w for w in jieba.lcut(text.lower()) if _WORD.fullmatch(w)]


def bag_of_words(
    documents: Sequence[Iterable[str]], vocabulary: Sequence[str] | None = None
) -> tuple[sp.csr_matrix, list[str]]:
    """Count how often each term occurs in each document; the order of the words is lost.

    Args:
        documents: tokenised documents.
        vocabulary: the columns to use, from the training documents; terms outside it are ignored.
            By default all terms, sorted.

    Returns:
        Counts (n_documents, n_terms), float64, and the vocabulary.

    Raises:
        ValueError: if a document is a bare string, or the vocabulary repeats a term.
    """
    for row, document in enumerate(documents):
        if isinstance(document, str):
            raise ValueError(
                f"Document {row} is a string, not a list of words; tokenise it first with words()."
            )
    documents = [list(d) for d in documents]
    terms = sorted({w for d in documents for w in d}) if vocabulary is None else list(vocabulary)
    column = {term: j for j, term in enumerate(terms)}
    if len(column) != len(terms):
        repeated = next(t for t, c in Counter(terms).items() if c > 1)
        raise ValueError(
            f"The vocabulary holds {repeated!r} more than once; remove the repetition."
        )
    rows, columns, counts = [], [], []
    for row, document in enumerate(documents):
        for term, count in Counter(w for w in document if w in column).items():
            rows.append(row)
            columns.append(column[term])
            counts.append(float(count))
    shape = (len(documents), len(terms))
    return sp.csr_matrix((counts, (rows, columns)), shape=shape), terms


def inverse_document_frequency(counts: sp.csr_matrix) -> np.ndarray:
    """Weigh a term by the surprise of meeting it in a document.

    Equation: eq-idf

    Args:
        counts: (n_documents, n_terms) counts of the training documents.

    Returns:
        idf, (n_terms,), in nats plus one; the same as scikit-learn's smoothed idf.

    Source: Spärck Jones 1972; Salton & Buckley 1988.
    """
    n = counts.shape[0]
    df = np.bincount(sp.csr_matrix(counts).indices, minlength=counts.shape[1])
    return np.log((1 + n) / (1 + df)) + 1


def cosine_normalize(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Divide each row by its length: inner products become cosines.

    Equation: eq-tfidf-cosine

    Args:
        matrix: (n, d), sparse; rows of zeros stay zeros.

    Returns:
        (n, d) sparse matrix with rows of length 1 (or 0).
    """
    matrix = sp.csr_matrix(matrix, dtype=np.float64)
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    scale = np.divide(1.0, length, out=np.zeros_like(length), where=length > 0)
    return sp.csr_matrix(sp.diags_array(scale) @ matrix)


def tfidf(counts: sp.csr_matrix, idf: np.ndarray) -> sp.csr_matrix:
    """Weigh counts by ``idf`` and normalise the rows: cosine-comparable document vectors.

    Args:
        counts: (n_documents, n_terms).
        idf: (n_terms,) from ``inverse_document_frequency`` of the *training* documents.

    Returns:
        (n_documents, n_terms) sparse rows of length 1 (or 0 for an empty document).
    """
    return cosine_normalize(sp.csr_matrix(counts) @ sp.diags_array(idf))


def nearest_rows(matrix, row: int, k: int = 5) -> np.ndarray:
    """Positions of the ``k`` rows with the largest cosine to one row, itself left out.

    Args:
        matrix: (n, d) sparse or dense.
        row: the position of the query.
        k: how many neighbours.

    Returns:
        (k,) positions, best first; ties by position.
    """
    unit = cosine_normalize(sp.csr_matrix(matrix))
    similarity = (unit @ unit[[row]].T).toarray().ravel()
    similarity[row] = -np.inf
    return np.argsort(-np.round(similarity, 12), kind="stable")[:k]


def document_vectors(
    documents: Sequence[Iterable[str]],
    vector: Callable[[str], np.ndarray | None],
    size: int,
    weight: Callable[[str], float] = lambda word: 1.0,
) -> np.ndarray:
    """Average the vectors of the words of each document.

    Args:
        documents: tokenised documents.
        vector: gives the (size,) vector of a word, or ``None`` for an unknown word.
        size: dimensions.
        weight: the weight of a word, such as its idf.

    Returns:
        (n_documents, size); a document without a known word is a row of zeros.
    """
    result = np.zeros((len(documents), size))
    for row, document in enumerate(documents):
        total = 0.0
        for word in document:
            v = vector(word)
            if v is not None:
                result[row] += weight(word) * v
                total += weight(word)
        result[row] /= total or 1.0
    return result
