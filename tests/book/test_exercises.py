"""Each solution passes its checker, a stub does no harm, and a wrong answer is turned away."""

import pytest

from recsys_book.book import check_exercise
from recsys_book.book.checks import exercise_problems, find_exercises
from recsys_book.book.checks.solutions import imports_of


def test_solutions_pass_their_checkers(chapter):
    assert exercise_problems(chapter) == []


def test_good_chapter_has_no_problem(good, checkers):
    assert exercise_problems(good) == []
    assert [exercise.label for exercise in find_exercises(good)] == ["ex-0", "ex-1", "ex-2", "ex-3"]


def only(problems, text):
    assert len(problems) == 1, problems
    assert text in problems[0]


@pytest.mark.parametrize(
    ("text", "old", "new", "problem"),
    [
        ("{solution} ex-2", "2.5", "3.5", "gets the verdict 'not yet: think of two'"),
        ("{solution} ex-2", "math.floor", "unknown", "not yet: your answer raised NameError"),
        ("{solution} ex-2", "def answer", "def other", "gets the verdict 'no answer yet'"),
        ("{solution} ex-2", ":class: dropdown\n", "", "no solution that is folded"),
        ("{solution} ex-2", "return", "return return", "running it raised SyntaxError"),
        ("{exercise} Title\n:label: ex-2", "exercise", "exercize", "there are 3 exercises"),
        ("check_exercise", "answer = None", "answer = 3", "does not begin with `answer = None`"),
        ("check_exercise", "exercises.check_two, ", "", "running it raised"),
        ("check_exercise", "book.check_exercise", "print", "does not call book.check_exercise"),
        ("check_exercise", "exercises.check_two", "exercises.check_no", "AttributeError"),
    ],
)
def test_broken_exercise_is_found(good, cell_with, checkers, text, old, new, problem):
    cell = cell_with(text)
    assert old in cell["source"]
    cell["source"] = cell["source"].replace(old, new)
    problems = exercise_problems(good)
    assert any(problem in found for found in problems), problems


def test_missing_parts_are_found(good, cell_with, checkers):
    cell_with("check_exercise")["metadata"] = {}
    only(exercise_problems(good), "ex-0: no code cell tagged 'exercise' follows it")


def test_missing_solution_is_found(good, cell_with, checkers):
    good["cells"].remove(cell_with("{solution} ex-3"))
    assert len(exercise_problems(good)) == 2  # neither folded nor correct


def test_missing_label_and_last_stub_are_found(good, cell_with, checkers):
    cell = cell_with(":label: ex-3")
    cell["source"] = cell["source"].replace(":label: ex-3\n", "")
    good["cells"] = good["cells"][: good["cells"].index(cell) + 1]
    problems = exercise_problems(good)
    assert any("it has no label" in problem for problem in problems)
    assert any("no code cell tagged" in problem for problem in problems)


def test_checker_that_accepts_anything_is_found(good, checkers, monkeypatch):
    monkeypatch.setattr(checkers, "check_two", lambda answer: None)
    problems = exercise_problems(good)
    assert len(problems) == 4
    assert all("accepts a function that returns nothing" in problem for problem in problems)


def test_imports_are_collected_past_magics(new_cell):
    cells = [
        new_cell.code("%matplotlib inline\nimport math"),
        new_cell.code("import math\nx = 1\nimport math"),
    ]
    assert imports_of({"cells": cells}) == "import math"
    assert imports_of({"cells": cells}, used="math.pi") == "import math"
    assert imports_of({"cells": cells}, used="x = 1") == ""


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (None, "no answer yet\n"),
        (2, "correct ✓\n"),
        (3, "not yet: think of two\n"),
        (4, "not yet: the checker does not accept this answer\n"),
        ("x", "not yet: your answer raised TypeError: no text\n"),
    ],
)
def test_check_exercise_prints_a_verdict(answer, verdict, capsys):
    def checker(given):
        if isinstance(given, str):
            raise TypeError("no text")
        if given != 2:
            raise AssertionError("think of two" if given == 3 else "")

    assert check_exercise(checker, answer) is None
    assert capsys.readouterr().out == verdict
