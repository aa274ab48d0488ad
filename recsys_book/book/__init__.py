"""What makes a notebook a chapter: profiles, seeds, checked numbers, figures, exercises.

A chapter writes ``from recsys_book import book`` and ``from recsys_book.book import figures``.
"""

from recsys_book.book.bootstrap import bootstrap_source
from recsys_book.book.exercises import check_exercise
from recsys_book.book.expectations import ExpectationError
from recsys_book.book.run import Run, start
from recsys_book.book.settings import PROFILES, Settings
from recsys_book.book.source import show_source
from recsys_book.book.tables import full_metrics, full_run_table, table

__all__ = [
    "PROFILES",
    "ExpectationError",
    "Run",
    "Settings",
    "bootstrap_source",
    "check_exercise",
    "full_metrics",
    "full_run_table",
    "show_source",
    "start",
    "table",
]
