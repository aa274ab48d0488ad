"""Exercises: a stub, a checker that can say no, and a folded solution that it accepts."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from recsys_book.book.checks.markdown import lines_of, markdown_cells
from recsys_book.book.exercises import judge
from recsys_book.book.notebooks import code_cells, tags

MINIMUM = 4


@dataclass(frozen=True)
class Exercise:
    """One exercise of a chapter.

    Attributes:
        label: Its label.
        stub: The code cell that follows it; ``""`` where there is none.
        solution: The Python of its solution; ``""`` where there is none.
        folded: Whether the solution is folded.
    """

    label: str
    stub: str
    solution: str
    folded: bool


def find_exercises(notebook: dict[str, Any]) -> list[Exercise]:
    """Return the exercises of a notebook.

    Args:
        notebook: A chapter.

    Returns:
        The exercises in order.
    """
    blocks = [block for number, cell in markdown_cells(notebook) for block in _blocks(number, cell)]
    solutions = {b.argument: b for b in blocks if b.name.startswith("solution")}
    found = []
    for block in blocks:
        if block.name.startswith("exercise"):
            solution = solutions.get(block.options.get("label", ""))
            found.append(
                Exercise(
                    label=block.options.get("label", ""),
                    stub=_stub(notebook, block.cell),
                    solution=solution.code if solution else "",
                    folded=bool(solution and "dropdown" in solution.options.get("class", "")),
                )
            )
    return found


@dataclass
class _Block:
    cell: int
    name: str
    argument: str
    options: dict[str, str]
    code: str = ""


def _blocks(number: int, cell: dict[str, Any]) -> list[_Block]:
    blocks: dict[int, _Block] = {}
    for line in lines_of(cell["source"]):
        for fence in line.fences:
            if fence.name.startswith(("exercise", "solution")):
                block = blocks.setdefault(
                    fence.opened, _Block(number, fence.name, fence.argument.strip(), {})
                )
                option = re.match(r"^\s*:([\w-]+):\s*(.*?)\s*$", line.text)
                if line.kind == "option" and line.fences[-1] is fence and option:
                    block.options[option[1]] = option[2]
                if line.kind == "code":
                    block.code += line.text + "\n"
    return list(blocks.values())


def _stub(notebook: dict[str, Any], after: int) -> str:
    for cell in notebook["cells"][after:]:
        if cell["cell_type"] == "code":
            return cell["source"] if "exercise" in tags(cell) else ""
    return ""


def imports_of(notebook: dict[str, Any], used: str = "") -> str:
    """Return the import statements of a notebook, so that a solution can run without the rest.

    Args:
        notebook: A chapter.
        used: Python source; only what it names is imported. By default everything is.

    Returns:
        Python source.
    """
    names = {node.id for node in ast.walk(ast.parse(used)) if isinstance(node, ast.Name)}
    lines = []
    for cell in code_cells(notebook):
        source = re.sub(r"(?m)^\s*[%!].*$", "", cell["source"])  # magics are no Python
        for node in ast.parse(source).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                bound = {(a.asname or a.name).partition(".")[0] for a in node.names}
                if not used or bound & names:
                    lines.append(ast.unparse(node))
    return "\n".join(dict.fromkeys(lines))


def checker_of(stub: str, names: dict[str, Any]) -> Callable[[Any], Any] | None:
    """Return the checker that a stub calls.

    Args:
        stub: The source of an exercise's code cell.
        names: The notebook's imported names.

    Returns:
        The first argument of ``book.check_exercise``; ``None`` where there is no such call.

    Raises:
        NameError: If the argument is not among ``names``.
        AttributeError: If the module has no such checker.
    """
    for node in ast.walk(ast.parse(stub)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("check_exercise"):
            return eval(ast.unparse(node.args[0]), dict(names)) if node.args else None
    return None


def exercise_problems(notebook: dict[str, Any]) -> list[str]:
    """Run every solution through its checker, and a wrong answer and no answer too.

    Args:
        notebook: A chapter.

    Returns:
        One sentence a problem.
    """
    exercises = find_exercises(notebook)
    problems = []
    if len(exercises) < MINIMUM:
        problems.append(f"there are {len(exercises)} exercises: a chapter has at least {MINIMUM}.")
    for exercise in exercises:
        where = f"exercise {exercise.label or '(no label)'}"
        names: dict[str, Any] = {"__name__": "solutions"}
        try:
            exec(imports_of(notebook, exercise.stub + "\n" + exercise.solution), names)
            problems += [f"{where}: {text}" for text in _problems_of(exercise, names)]
        except Exception as error:
            problems.append(f"{where}: running it raised {type(error).__name__}: {error}.")
    return problems


def _problems_of(exercise: Exercise, names: dict[str, Any]) -> list[str]:
    problems = []
    if not exercise.label:
        problems.append("it has no label.")
    if not exercise.folded:
        problems.append("it has no solution that is folded (`:class: dropdown`).")
    if not exercise.stub:
        return [*problems, "no code cell tagged 'exercise' follows it."]
    checker = checker_of(exercise.stub, names)
    if checker is None:
        return [*problems, "its cell does not call book.check_exercise(checker, answer)."]
    given = dict(names)
    exec(_without_call(exercise.stub), given)
    if "answer" not in given or given["answer"] is not None:
        problems.append("its cell does not begin with `answer = None`.")
    solved = dict(names)
    exec(exercise.solution, solved)
    verdict = judge(checker, solved.get("answer"))
    if verdict != "correct ✓":
        problems.append(f"its own solution gets the verdict {verdict!r}.")
    if judge(checker, lambda *args, **options: None) == "correct ✓":
        problems.append("its checker accepts a function that returns nothing.")
    return problems


def _without_call(stub: str) -> str:
    body = [n for n in ast.parse(stub).body if "check_exercise" not in ast.unparse(n)]
    return "\n".join(map(ast.unparse, body))
