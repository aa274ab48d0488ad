"""Files larger than memory: the same result piece by piece, and several pieces at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import pandas as pd

from recsys_book.preprocessing.cleaning import Report, Step, remove_rows, require_columns

__all__ = ["FirstOccurrences", "RunningMoments", "clean_chunks", "map_chunks"]


def clean_chunks(
    chunks: Iterable[pd.DataFrame], steps: Sequence[Step]
) -> Iterator[tuple[pd.DataFrame, list[Report]]]:
    """Run cleaning steps over a log that comes in pieces.

    The pieces together equal the whole log cleaned at once if each step looks at one row at a time,
    was fitted before (``OutlierRule``, ``MissingValueFiller``), or remembers earlier pieces
    (``FirstOccurrences``). Fixed steps never need the second pass that ``clean`` makes.

    Args:
        chunks: Pieces of a log in order, for instance of ``pandas.read_csv(..., chunksize=...)``;
            row labels must be unique in the whole log, as they are there.
        steps: Functions from a log to ``(log, Report)``.

    Yields:
        Each clean piece, and one report a step.
    """
    for chunk in chunks:
        reports = []
        for step in steps:
            chunk, report = step(chunk)
            reports.append(report)
        yield chunk, reports


def map_chunks(
    chunks: Iterable[pd.DataFrame], step: Step, jobs: int = 2
) -> Iterator[tuple[pd.DataFrame, Report]]:
    """Apply one step to several pieces at the same time, results in the order of the pieces.

    At most ``jobs`` pieces are held at a time. The step must not remember earlier pieces. Threads
    share the interpreter, so this pays for steps that spend their time in NumPy, pandas or the
    disk.

    Args:
        chunks: Pieces of a log in order.
        step: Function from a log to ``(log, Report)``, without memory.
        jobs: Number of threads, at least 1.

    Yields:
        Each treated piece and its report.

    Raises:
        ValueError: If ``jobs`` is below 1.
    """
    if jobs < 1:
        raise ValueError(f"jobs is {jobs}; use at least one thread.")
    chunks = iter(chunks)
    with ThreadPoolExecutor(jobs) as pool:
        while batch := list(islice(chunks, jobs)):
            yield from pool.map(step, batch)


class FirstOccurrences:
    """A step that drops rows whose key occurred before, in this piece or in an earlier one.

    Over all pieces it keeps what ``first_occurrences`` keeps of the whole log. It remembers every
    key, so its memory grows with the number of different keys.

    Args:
        key: Columns that say what counts as the same.
    """

    def __init__(self, key: Sequence[str]):
        self.key = list(key)
        self.seen: set[tuple] = set()

    def __call__(self, log: pd.DataFrame) -> tuple[pd.DataFrame, Report]:
        """Drop the repeats of one piece and remember its keys."""
        require_columns(log, self.key)
        bad = np.zeros(len(log), dtype=bool)
        columns = (log[name].astype(object).where(log[name].notna(), None) for name in self.key)
        for row, key in enumerate(zip(*columns)):
            bad[row] = key in self.seen
            self.seen.add(key)
        return remove_rows(log, bad, "first occurrences", f"same {', '.join(self.key)}")


class RunningMoments:
    r"""Count, mean and variance of columns that come in pieces, equal to those of the whole.

    Two pieces with counts :math:`n_a, n_b`, means :math:`m_a, m_b` and sums of squared deviations
    :math:`s_a, s_b` join to :math:`s = s_a + s_b + (m_b - m_a)^2\, n_a n_b / (n_a + n_b)`, which
    loses no digits, unlike the difference of two large sums.

    Source: Chan, Golub & LeVeque 1983, The American Statistician 37.

    Args:
        columns: Numeric columns.
    """

    def __init__(self, columns: Sequence[str]):
        self.columns = list(columns)
        self.count = np.zeros(len(self.columns))
        self.mean = np.zeros(len(self.columns))
        self._squares = np.zeros(len(self.columns))

    def update(self, chunk: pd.DataFrame) -> RunningMoments:
        """Add the rows of a piece; missing values are left out.

        Args:
            chunk: Rows with the columns.

        Returns:
            The moments, so that calls can stand in a chain.
        """
        require_columns(chunk, self.columns)
        x = chunk[self.columns].to_numpy(dtype=float, na_value=np.nan)
        known = ~np.isnan(x)
        n = known.sum(axis=0)
        mean = np.where(known, x, 0.0).sum(axis=0) / np.maximum(n, 1)
        squares = (np.where(known, x - mean, 0.0) ** 2).sum(axis=0)
        total = self.count + n
        gap, share = mean - self.mean, n / np.maximum(total, 1)
        self._squares += squares + gap**2 * self.count * share
        self.mean = self.mean + gap * share
        self.count = total
        return self

    @property
    def variance(self) -> np.ndarray:
        """Population variance of each column; NaN where nothing was observed."""
        return np.where(self.count > 0, self._squares / np.maximum(self.count, 1), np.nan)
