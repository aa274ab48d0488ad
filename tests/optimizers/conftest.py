import importlib.util
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest


def _load_parity():
    """``parity.py`` lies beside this file and is no package's module."""
    if "optimizers_parity" not in sys.modules:
        file = Path(__file__).with_name("parity.py")
        spec = importlib.util.spec_from_file_location("optimizers_parity", file)
        sys.modules["optimizers_parity"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["optimizers_parity"])
    return sys.modules["optimizers_parity"]


def pytest_generate_tests(metafunc):
    """A test with an argument ``setting`` runs once for each way of comparing a rule."""
    if "setting" in metafunc.fixturenames:
        settings = _load_parity().SETTINGS
        metafunc.parametrize("setting", settings.values(), ids=settings.keys())


@pytest.fixture
def parity(monkeypatch):
    """The functions of ``parity.py``; what two of them patch is undone after the test."""
    module = _load_parity()
    return SimpleNamespace(
        **{name: value for name, value in vars(module).items() if not name.startswith("_")}
        | {
            "assert_same_path": partial(module.assert_same_path, monkeypatch),
            "use_blocks": partial(module.use_blocks, monkeypatch),
        }
    )
