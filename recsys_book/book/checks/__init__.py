"""Checks of the book itself: pure functions that return problems, each one sentence."""

from recsys_book.book.checks.environment import environment_problems
from recsys_book.book.checks.equations import (
    Equations,
    cited_equations,
    equation_problems,
    labelled_equations,
    marked_equations,
)
from recsys_book.book.checks.imports import import_problems
from recsys_book.book.checks.links import Targets, collect_targets, link_problems
from recsys_book.book.checks.outputs import hash_problems, output_problems
from recsys_book.book.checks.prose import number_problems, word_count
from recsys_book.book.checks.solutions import Exercise, exercise_problems, find_exercises
from recsys_book.book.checks.sources import source_problems
from recsys_book.book.checks.structure import structure_problems

__all__ = [
    "Equations",
    "Exercise",
    "Targets",
    "cited_equations",
    "collect_targets",
    "environment_problems",
    "equation_problems",
    "exercise_problems",
    "find_exercises",
    "hash_problems",
    "import_problems",
    "labelled_equations",
    "link_problems",
    "marked_equations",
    "number_problems",
    "output_problems",
    "source_problems",
    "structure_problems",
    "word_count",
]
