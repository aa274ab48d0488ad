"""Exercises: a reader's answer meets its checker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def judge(checker: Callable[[Any], Any], answer: Any) -> str:
    """Return the verdict on an answer.

    Args:
        checker: Raises ``AssertionError`` with a hint if the answer is wrong.
        answer: What the reader wrote; ``None`` means nothing yet.

    Returns:
        ``"no answer yet"``, ``"not yet: <hint>"`` or ``"correct ✓"``.
    """
    if answer is None:
        return "no answer yet"
    try:
        checker(answer)
    except AssertionError as error:
        return f"not yet: {str(error).strip() or 'the checker does not accept this answer'}"
    except Exception as error:  # a reader's own code may raise anything
        return f"not yet: your answer raised {type(error).__name__}: {error}"
    return "correct ✓"


def check_exercise(checker: Callable[[Any], Any], answer: Any) -> None:
    """Print the verdict on an answer; a wrong answer never stops the notebook.

    Args:
        checker: A function of ``recsys_book.exercises``; raises ``AssertionError`` with a hint.
        answer: What the reader wrote, or ``None``.
    """
    print(judge(checker, answer))
