"""The bootstrap cell: nothing where the package is, pip or a clear sentence where it is not."""

import importlib.util
import subprocess

import pytest

from recsys_book.book import bootstrap_source
from recsys_book.book.bootstrap import check_address

ADDRESS = "https://github.com/owner/some-book"


@pytest.fixture
def absent(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "recsys_book" else real(name)
    )


@pytest.mark.parametrize("address", ["", ADDRESS])
def test_cell_does_nothing_where_the_package_is(address, monkeypatch):
    monkeypatch.setattr(subprocess, "call", lambda command: pytest.fail("pip was called"))
    exec(bootstrap_source(address), {})
    assert not bootstrap_source(address).endswith("\n")


def test_cell_without_address_says_how_to_install(absent):
    with pytest.raises(ModuleNotFoundError, match=r"run `pip install -e '.\[book\]'` in a clone"):
        exec(bootstrap_source(""), {})


def test_cell_with_address_installs_from_it(absent, monkeypatch):
    calls = []
    monkeypatch.setattr(subprocess, "call", lambda command: calls.append(command) or 0)
    exec(bootstrap_source(ADDRESS), {})
    assert calls[0][1:] == [
        *("-m", "pip", "install", "--quiet"),
        f"recsys-book[book] @ git+{ADDRESS}",
    ]


def test_cell_with_address_reports_a_failed_pip(absent, monkeypatch):
    monkeypatch.setattr(subprocess, "call", lambda command: 1)
    with pytest.raises(ModuleNotFoundError, match=f"could not install .*{ADDRESS}: see"):
        exec(bootstrap_source(ADDRESS), {})


@pytest.mark.parametrize("given", [ADDRESS, f" {ADDRESS}/", f"{ADDRESS}.git"])
def test_address_becomes_plain(given):
    assert check_address(given) == ADDRESS
    assert bootstrap_source(given) == bootstrap_source(ADDRESS)


@pytest.mark.parametrize(
    "given",
    ["x", "http://github.com/a/b", "https://github.com/a", f'{ADDRESS}"; x', f"{ADDRESS}\nx", " "],
)
def test_odd_address_is_one_sentence(given):
    with pytest.raises(ValueError, match="is no address that Colab can open: give https://"):
        bootstrap_source(given)
