"""Where the book lives: one setting, the bootstrap cells, and the buttons of the built page."""

import importlib.util
import re
import shutil
import subprocess
import types
from pathlib import Path

import pytest

from recsys_book import cli
from recsys_book.book.bootstrap import bootstrap_source
from recsys_book.book.catalog import chapters, find_repository
from recsys_book.book.notebooks import read_notebook, tags
from recsys_book.commands import build as build_module
from recsys_book.commands.address import read_address

ROOT = find_repository(Path(__file__).parent)
ADDRESS = "https://github.com/owner/some-book"
TOC = "format: jb-book\nroot: index\nchapters:\n- file: chapters/part/one\n"


def bootstrap_cells(root):
    return [
        cell["source"]
        for page in chapters(root)
        for cell in read_notebook(page.path)["cells"]
        if "bootstrap" in tags(cell)
    ]


def test_address_is_written_once_into_everything(small_book, capsys):
    before = (small_book / "_config.yml").read_text("utf-8")
    assert cli.main(["address"]) == 0
    assert capsys.readouterr().out == "the book has no address yet\n"
    assert cli.main(["address", ADDRESS + ".git"]) == 0
    assert capsys.readouterr().out.startswith("_config.yml and 2 bootstrap cell(s) now name https")
    assert read_address(small_book) == ADDRESS
    assert bootstrap_cells(small_book) == [bootstrap_source(ADDRESS)] * 2
    config = (small_book / "_config.yml").read_text("utf-8")
    assert config == before.replace('  url: ""', f'  url: "{ADDRESS}"')
    assert cli.main(["address"]) == 0
    assert capsys.readouterr().out == f"{ADDRESS}\n"
    assert cli.main(["address", ADDRESS]) == 0
    assert "0 bootstrap cell(s)" in capsys.readouterr().out
    assert cli.main(["address", ""]) == 0
    assert (small_book / "_config.yml").read_text("utf-8") == before
    assert bootstrap_cells(small_book) == [bootstrap_source("")] * 2


@pytest.mark.parametrize(
    ("config", "ok"),
    [
        (
            "repository:\n  branch: main\n  url: https://github.com/a/b  # here\nhtml:\n  url: x\n",
            True,
        ),
        ("repository:\n  # none yet\n\n  url:\n  branch: main\n", True),
        ("repository:\n  branch: main\nhtml:\n  url: x\n", False),
        ("title: x\n", False),
    ],
)
def test_only_the_repository_line_changes(config, ok, small_book, capsys):
    path = small_book / "_config.yml"
    path.write_text(config)
    if ok:
        assert cli.main(["address", ADDRESS]) == 0
        assert read_address(small_book) == ADDRESS
        changed = set(path.read_text().splitlines()) ^ set(config.splitlines())
        assert len(changed) == 2
    else:
        assert cli.main(["address", ADDRESS]) == 2
        assert "has no line `url:" in capsys.readouterr().err
        assert path.read_text() == config


def test_odd_address_changes_nothing(small_book, capsys):
    assert cli.main(["address", "github.com/owner"]) == 2
    assert "is no address that Colab can open" in capsys.readouterr().err
    assert read_address(small_book) == ""


def test_buttons_appear_with_the_address(small_book, monkeypatch):
    for name in ("_ext", "_static", "results/reports"):
        shutil.copytree(ROOT / name, small_book / name)
    (small_book / "_toc.yml").write_text(TOC)
    assert cli.main(["address", ADDRESS]) == 0
    real = subprocess.run

    def quiet(command, **options):
        return real(command, capture_output=True, text=True, **options)

    monkeypatch.setattr(build_module.subprocess, "run", quiet)
    assert cli.main(["build"]) == 0
    pages = (small_book / "_build" / "html").rglob("*.html")
    links = set(re.findall(r"href=\"(https?://[^\"]+)\"", "\n".join(p.read_text() for p in pages)))
    page = "chapters/part/one.ipynb"
    colab = "https://colab.research.google.com/github"
    assert f"{colab}/owner/some-book/blob/main/{page}" in links
    assert f"https://mybinder.org/v2/gh/owner/some-book/main?urlpath=lab/tree/{page}" in links
    assert ADDRESS in links


@pytest.mark.parametrize("address", ["", ADDRESS])
def test_extension_switches_every_button_by_the_address(address):
    specification = importlib.util.spec_from_file_location("ext", ROOT / "_ext/offline_pages.py")
    extension = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(extension)
    options = {"repository_url": address, "use_repository_button": True}
    extension._use_address(None, types.SimpleNamespace(html_theme_options=options))
    buttons = [options[f"use_{name}_button"] for name in ("repository", "issues", "edit_page")]
    assert buttons == [bool(address)] * 3
    assert ("colab_url" in options["launch_buttons"]) == bool(address)
    assert ("binderhub_url" in options["launch_buttons"]) == bool(address)


def test_this_book_has_one_address_everywhere():
    address = read_address(ROOT)
    assert set(bootstrap_cells(ROOT)) <= {bootstrap_source(address)}
