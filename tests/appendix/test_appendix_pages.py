"""The appendix keeps up with the package and the chapters."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPENDIX = ROOT / "chapters" / "appendix"
ROOMS = sorted(
    path.parent.name
    for path in (ROOT / "recsys_book").glob("*/__init__.py")
    if path.parent.name not in ("commands", "exercises")
)


def prose(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def pages():
    found = [ROOT / "index.md"]
    for path in sorted((ROOT / "chapters").rglob("*")):
        if path.suffix in (".md", ".ipynb") and ".ipynb_checkpoints" not in path.parts:
            found.append(path)
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_an_api_page_in_the_table_of_contents(room):
    page = APPENDIX / "api" / f"{room}.md"
    assert f".. automodule:: recsys_book.{room}" in page.read_text(encoding="utf-8")
    assert f"chapters/appendix/api/{room}" in (ROOT / "_toc.yml").read_text(encoding="utf-8")
    assert f"api/{room}>" in (APPENDIX / "api.md").read_text(encoding="utf-8")


def test_every_errata_module_is_on_its_api_page():
    text = (APPENDIX / "api" / "errata.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"automodule:: recsys_book\.errata\.(\w+)", text))
    modules = {path.stem for path in (ROOT / "recsys_book" / "errata").glob("*.py")}
    assert listed == modules - {"__init__"}


def test_bibliography_is_sorted_unique_and_complete():
    text = (ROOT / "references.bib").read_text(encoding="utf-8")
    keys = re.findall(r"^@\w+\{([^,]+),", text, re.MULTILINE)
    assert keys == sorted(set(keys), key=str.lower)
    cited = {}
    for path in pages():
        for group in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", prose(path)):
            cited |= {key.strip(): path.name for key in group.split(",")}
    assert {key: page for key, page in cited.items() if key not in keys} == {}


def test_glossary_defines_each_term_once_and_every_term_used():
    lines = prose(APPENDIX / "glossary.md").split("```{glossary}")[1].splitlines()
    terms = [line for line in lines if line and line[0] not in " :`"]
    assert len({term.lower() for term in terms}) == len(terms)
    known = {term.lower() for term in terms}
    for path in pages():
        for used in re.findall(r"\{term\}`([^`]+)`", prose(path)):
            target = re.sub(r".*<(.+)>$", r"\1", used, flags=re.DOTALL).strip()
            assert " ".join(target.lower().split()) in known, f"{path.name}: {used}"


def test_no_label_is_given_twice():
    seen = {}
    for path in pages():
        for label in re.findall(r"^\(([\w-]+)\)=\s*$", prose(path), re.MULTILINE):
            assert label not in seen, f"{label}: {path.name} and {seen[label]}"
            seen[label] = path.name


def test_history_and_structure_entries_are_shown():
    labels = {
        label
        for path in pages()
        for label in re.findall(r"^\((src-(?:ref|doc)-\d\d)\)=", prose(path), re.MULTILINE)
    }
    wanted = {f"src-ref-{n:02d}" for n in range(1, 25)} | {f"src-doc-{n:02d}" for n in range(1, 11)}
    assert labels == wanted
