"""Internal references lead somewhere, and pages link to no made-up address."""

import pytest

from recsys_book.book.catalog import page_file, pages, toc_entries
from recsys_book.book.checks import collect_targets, link_problems
from recsys_book.book.checks.links import bibliography_problems, page_text
from recsys_book.book.notebooks import read_notebook
from recsys_book.commands.address import read_address


@pytest.fixture(scope="module")
def texts(root):
    found = {}
    for page in pages(root):
        path = page.path.relative_to(root).with_suffix("").as_posix()
        found[path] = (
            page_text(read_notebook(page.path)["cells"])
            if page.is_notebook
            else page.path.read_text("utf-8")
        )
    return found


def missing_pages(root):
    return [entry for _, entry in toc_entries(root) if page_file(root, entry) is None]


def test_references_lead_somewhere(root, texts):
    if missing := missing_pages(root):
        pytest.skip(f"pages that the table of contents lists are still missing: {missing}")
    bibliography = (root / "references.bib").read_text("utf-8")
    targets = collect_targets(texts, bibliography)
    problems = {
        path: found
        for path, text in texts.items()
        if (found := link_problems(path, text, targets, read_address(root)))
    }
    assert problems == {}
    assert bibliography_problems(bibliography) == []


def test_table_of_contents_lists_existing_pages(root):
    missing = missing_pages(root)
    if not list((root / "chapters").rglob("*.ipynb")):
        pytest.skip("there is no notebook under chapters/ yet")
    assert missing == []


PAGES = {
    "index": "(top)=\n# The book\n\n## A part: two, three\n",
    "chapters/a/one": (
        "(ch-one)=\n# One\n\n$$ x $$ (eq-x)\n\n(fig-a)=\n\n```{exercise} E\n:label: ex-1\n```\n"
    ),
    "chapters/appendix/glossary": (
        "(src-a-01)=\n\n:::{admonition} Source check\n:::\n\n"
        "# Words\n\n:::{glossary}\nnDCG\n: a metric\n\nlog\nevent log\n  What happened.\n:::\n"
    ),
}
BIBLIOGRAPHY = "@article{a2000b,\n  url = {https://doi.org/10/x}\n}\n@book{ c2001d ,\n}\n"


@pytest.mark.parametrize(
    "text",
    [
        "{ref}`ch-one` {ref}`the chapter <ch-one>` {numref}`Figure %s <fig-a>` {eq}`eq-x`",
        "{ref}`A-01 <src-a-01>`",
        "{ref}`genindex` {doc}`one` {doc}`/index` {prf:ref}`ex-1`",
        "{term}`nDCG` {term}`metrics <ndcg>` {term}`event log` {term}`log`",
        "{cite:p}`a2000b, c2001d` {cite:t}`a2000b`",
        "[x](one.ipynb) [x](../../index.md#a-part-two-three) [x](#ch-one) [x](ch-one) [x](#two)",
        "[x](https://doi.org/10/x) <https://arxiv.org/abs/1> [mail](mailto:a@b)",
        "`[x](nowhere.md)` and `https://nowhere.test`\n\n```python\n{ref}`nowhere`\n```\n## Two",
        "https://github.com/owner/name/blob/main/x",
        "![alt](picture.png)",
        "so $\\mathbb E[v](1 - \\beta)$ is no link",
    ],
)
def test_good_reference_passes(text):
    pages = {**PAGES, "chapters/a/two": text}
    targets = collect_targets(pages, BIBLIOGRAPHY)
    if "(#two)" in text:
        targets.anchors["chapters/a/two"].add("two")
    assert link_problems("chapters/a/two", text, targets, "https://github.com/owner/name") == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{ref}`nowhere`", "{ref}`nowhere` leads to no label."),
        ("{numref}`Figure <fig-b>`", "leads to no label"),
        ("{eq}`eq-y`", "leads to no label"),
        ("{ref}`src-a-01`", "leads to a box, which has no title"),
        ("{doc}`two`", "leads to no page"),
        ("{term}`recall`", "not in the glossary"),
        ("{cite:p}`a2000b, nobody`", "nobody is not in references.bib."),
        ("[x](two.md)", "leads to no page or label"),
        ("[x](one.ipynb#zero)", "leads to no heading"),
        ("[x](#zero)", "leads to no heading or label"),
        ("[x](https://nowhere.test/a)", "on a host that is not in KNOWN_HOSTS"),
        ("<https://github.com/owner/name>", "on a host that is not in KNOWN_HOSTS"),
    ],
)
def test_broken_reference_is_found(text, problem):
    targets = collect_targets(PAGES, BIBLIOGRAPHY)
    problems = link_problems("chapters/a/one", text, targets)
    assert len(problems) == 1, problems
    assert problem in problems[0]


def test_figure_names_count_as_labels(good):
    text = page_text(good["cells"])
    targets = collect_targets({"chapters/part/sample": text}, "@book{author2000word,\n}")
    assert {"ch-sample", "fig-sample", "eq-sample", "ex-0"} <= targets.labels
    assert link_problems("chapters/part/sample", text, targets) == []


def test_bibliography_is_checked():
    assert bibliography_problems(BIBLIOGRAPHY) == []
    twice = bibliography_problems(BIBLIOGRAPHY + "@misc{a2000b,\n url={https://nowhere.test}}")
    assert twice[0] == "a2000b stands twice in references.bib."
    assert "nowhere.test" in twice[1]
