"""``environment.yml``, ``requirements.lock`` and ``pyproject.toml`` agree."""

import tomllib

import pytest

from recsys_book.book.checks import environment_problems


def test_environments_agree(root):
    texts = [(root / name).read_text("utf-8") for name in ("environment.yml", "requirements.lock")]
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    assert environment_problems(*texts, project) == []


ENVIRONMENT = (
    "dependencies:\n  - python=3.11\n  - pip:\n      - numpy==2.4.6\n      - My_Lib==1.0\n"
)
LOCK = "# made by hand\nnumpy==2.4.6\nmy-lib==1.0\n"
PROJECT = {
    "project": {
        "name": "The_Book",
        "requires-python": ">=3.11",
        "dependencies": ["numpy>=2.0"],
        "optional-dependencies": {"book": ["my.lib>=1,<2", "the-book[more]"]},
    }
}


def test_good_environment_has_no_problem():
    assert environment_problems(ENVIRONMENT, LOCK, PROJECT) == []


@pytest.mark.parametrize(
    ("environment", "lock", "problem"),
    [
        (ENVIRONMENT.replace("2.4.6", "2.4.5"), LOCK, "numpy==2.4.5, requirements.lock 2.4.6"),
        (ENVIRONMENT.replace("My_Lib", "other"), LOCK, "other==1.0, requirements.lock nothing"),
        (ENVIRONMENT, LOCK.replace("numpy==2.4.6", "numpy==1.9"), "numpy==1.9, not numpy>=2.0"),
        (ENVIRONMENT, "numpy==2.4.6", "no my-lib, which pyproject.toml asks for"),
        (ENVIRONMENT.replace("3.11", "3.10"), LOCK, "does not choose a Python"),
        ("dependencies:\n  - python=3.11\n", LOCK, "pins nothing"),
    ],
)
def test_disagreement_is_found(environment, lock, problem):
    assert any(problem in found for found in environment_problems(environment, lock, PROJECT))
