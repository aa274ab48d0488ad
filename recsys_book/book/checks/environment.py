"""The conda environment, the lock file and ``pyproject.toml`` agree."""

from __future__ import annotations

import re

_PIN = re.compile(r"^\s*(?:-\s+)?([A-Za-z0-9][\w.-]*)==([\w.+!-]+)\s*$", re.MULTILINE)
_CONDA_PYTHON = re.compile(r"^\s*-\s+python\s*=+\s*([\d.]+)", re.MULTILINE)


def canonical(name: str) -> str:
    """Return a distribution's name as indexes compare it.

    Args:
        name: A distribution's name.

    Returns:
        Lower case, with single hyphens.
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def environment_problems(environment: str, lock: str, project: dict) -> list[str]:
    """Find versions that disagree.

    Args:
        environment: The text of ``environment.yml``.
        lock: The text of ``requirements.lock``.
        project: The content of ``pyproject.toml``.

    Returns:
        One sentence a problem.
    """
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    locked = {canonical(name): version for name, version in _PIN.findall(lock)}
    pins = {canonical(name): version for name, version in _PIN.findall(environment)}
    extras = project["project"].get("optional-dependencies", {})
    texts = [*project["project"]["dependencies"], *(t for group in extras.values() for t in group)]
    own = canonical(project["project"].get("name", ""))  # an extra may ask for another extra
    wanted = [r for r in map(Requirement, texts) if canonical(r.name) != own]
    problems = []
    if not pins:
        problems.append("environment.yml pins nothing.")
    for name, version in pins.items():
        if locked.get(name) != version:
            found = locked.get(name, "nothing")
            problems.append(f"environment.yml has {name}=={version}, requirements.lock {found}.")
    for requirement in wanted:
        name = canonical(requirement.name)
        if name not in locked:
            problems.append(f"requirements.lock has no {name}, which pyproject.toml asks for.")
        elif not requirement.specifier.contains(locked[name], prereleases=True):
            problems.append(f"requirements.lock has {name}=={locked[name]}, not {requirement}.")
    python = _CONDA_PYTHON.search(environment)
    allowed = SpecifierSet(project["project"]["requires-python"])
    if python is None or not allowed.contains(python[1]):
        problems.append(f"environment.yml does not choose a Python that is {allowed}.")
    return problems
