"""Internal references lead somewhere, and no page leads to an address that was made up."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from recsys_book.book.checks.equations import label_of_equation
from recsys_book.book.checks.markdown import headings, lines_of

#: Hosts that a page or the bibliography may link to; none is ever needed to read a page.
KNOWN_HOSTS = frozenset(
    {
        "doi.org",
        "dx.doi.org",
        "arxiv.org",
        "aclanthology.org",
        "creativecommons.org",
        "dl.acm.org",
        "grouplens.org",
        "files.grouplens.org",
        "huggingface.co",
        "jmlr.org",
        "www.jmlr.org",
        "openreview.net",
        "papers.nips.cc",
        "proceedings.neurips.cc",
        "proceedings.mlr.press",
        "pytorch.org",
        "download.pytorch.org",
        "research.zozo.com",
        "scikit-learn.org",
    }
)
_ROLE = re.compile(r"\{(?P<role>[\w:]+)\}`(?P<text>[^`]+)`")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(<?(?P<target>[^)>\s]*)>?[^)]*\)")
_MATH = re.compile(r"(?<![\\$])\$(?!\$)(?:[^$\\]|\\.)+\$")
_URL = re.compile(r"https?://[^\s)>\]\"'`}]+")
_REFERENCES = {"ref", "numref", "eq", "prf:ref"}
_SPHINX_PAGES = {"genindex", "search", "modindex"}


@dataclass
class Targets:
    """What a reference may lead to.

    Attributes:
        labels: Labels of sections, equations, figures, tables and exercises.
        pages: Paths of pages from the root, without suffix.
        anchors: Heading anchors by page.
        terms: Glossary entries, in lower case.
        citations: Keys of the bibliography.
    """

    labels: set[str] = field(default_factory=set)
    pages: set[str] = field(default_factory=set)
    anchors: dict[str, set[str]] = field(default_factory=dict)
    terms: set[str] = field(default_factory=set)
    citations: set[str] = field(default_factory=set)


def page_text(cells: Iterable[dict[str, Any]]) -> str:
    """Return the Markdown of a notebook as one text, with the names of its figures as labels.

    Args:
        cells: The notebook's cells.

    Returns:
        MyST Markdown.
    """
    parts = []
    for cell in cells:
        if cell["cell_type"] == "markdown":
            parts.append(cell["source"])
        elif name := ((cell["metadata"].get("mystnb") or {}).get("figure") or {}).get("name"):
            parts.append(f"({name})=")
    return "\n\n".join(parts)


def anchor(title: str) -> str:
    """Return the anchor of a heading, made as GitHub makes it.

    Args:
        title: The heading.

    Returns:
        Lower-case words joined by hyphens.
    """
    return re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-")


def collect_targets(pages: Mapping[str, str], bibliography: str) -> Targets:
    """Read everything that a reference may lead to.

    Args:
        pages: Markdown by page path, without suffix.
        bibliography: The text of ``references.bib``.

    Returns:
        The targets.
    """
    targets = Targets(pages=set(pages) | _SPHINX_PAGES)
    targets.citations = set(re.findall(r"(?m)^\s*@\w+\s*\{\s*([^,\s]+)\s*,", bibliography))
    for path, text in pages.items():
        targets.anchors[path] = {anchor(title) for _, title in headings(text)}
        targets.labels |= set(_labels(text))
        targets.terms |= set(_terms(text))
    return targets


def _labels(text: str) -> Iterator[str]:
    for line in lines_of(text):
        if line.kind == "label":
            yield line.text.strip()[1:-2]
        elif line.kind == "option" and (m := re.match(r"^\s*:(?:name|label):\s*(\S+)", line.text)):
            yield m[1]
        elif label := label_of_equation(line):
            yield label


def _terms(text: str) -> Iterator[str]:
    previous = ""
    for line in lines_of(text):
        if any(fence.name == "glossary" for fence in line.fences):
            if re.match(r"^(?::\s+|\s+)\S", line.text) and previous:
                yield previous.lower()
                previous = ""
            elif (
                line.kind == "prose" and line.text.strip() and not line.text.startswith((" ", ":"))
            ):
                # Lines of terms that share one definition follow each other.
                if previous:
                    yield previous.lower()
                previous = line.text.strip()
            if not line.text.strip():
                previous = ""


def link_problems(path: str, text: str, targets: Targets, address: str = "") -> list[str]:
    """Find references of one page that lead nowhere.

    Args:
        path: The page's path from the root, without suffix.
        text: Its Markdown.
        targets: What there is.
        address: The book's own address, which a page may link to.

    Returns:
        One sentence a problem.
    """
    problems = []
    for line in lines_of(text):
        if line.kind == "code":
            continue
        for role in _ROLE.finditer(line.text):
            problems += _role_problems(role["role"], role["text"], path, targets)
        bare = re.sub(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", " ", line.text)
        for link in _LINK.finditer(_MATH.sub(" ", bare)):
            problems += _target_problems(link["target"], path, targets)
        problems += [_host_problem(url, address) for url in _URL.findall(bare)]
    return [problem for problem in problems if problem]


def _role_problems(role: str, text: str, path: str, targets: Targets) -> list[str]:
    inner = re.search(r"<([^<>]+)>\s*$", text)
    target = (inner[1] if inner else text).strip().lstrip("!~")
    if role in _REFERENCES and target not in targets.labels | _SPHINX_PAGES:
        return [f"{{{role}}}`{text}` leads to no label."]
    if role == "ref" and not inner and target.startswith("src-"):
        return [f"{{ref}}`{text}` leads to a box, which has no title: write a text before <…>."]
    if role == "doc" and _resolve(target, path) not in targets.pages:
        return [f"{{doc}}`{text}` leads to no page."]
    if role == "term" and target.lower() not in targets.terms:
        return [f"{{term}}`{text}` is not in the glossary."]
    if role.startswith("cite"):
        keys = [key.strip() for key in target.split(",")]
        return [f"{key} is not in references.bib." for key in keys if key not in targets.citations]
    return []


def _resolve(target: str, path: str) -> str:
    if target.startswith("/"):
        return target.lstrip("/")
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), target))


def _target_problems(target: str, path: str, targets: Targets) -> list[str]:
    if not target or re.match(r"^(?:https?|mailto):", target):
        return []
    file, _, fragment = target.partition("#")
    if not file:
        if fragment in targets.labels | targets.anchors.get(path, set()):
            return []
        return [f"the link #{fragment} leads to no heading or label."]
    page = re.sub(r"\.(?:md|ipynb|html)$", "", _resolve(file, path))
    if page in targets.pages:
        known = targets.labels | targets.anchors.get(page, set())
        return [] if not fragment or fragment in known else [f"{target} leads to no heading."]
    return [] if file in targets.labels else [f"the link {target} leads to no page or label."]


def _host_problem(url: str, address: str) -> str:
    if urlsplit(url).hostname in KNOWN_HOSTS or (address and url.startswith(address)):
        return ""
    return f"{url} is on a host that is not in KNOWN_HOSTS."


def bibliography_problems(bibliography: str) -> list[str]:
    """Find keys that stand twice and links to unknown hosts in the bibliography.

    Args:
        bibliography: The text of ``references.bib``.

    Returns:
        One sentence a problem.
    """
    keys = re.findall(r"(?m)^\s*@\w+\s*\{\s*([^,\s]+)\s*,", bibliography)
    problems = [
        f"{key} stands twice in references.bib." for key in sorted(set(keys)) if keys.count(key) > 1
    ]
    return problems + [p for url in _URL.findall(bibliography) if (p := _host_problem(url, ""))]
