"""A chapter's run: its profile, its seeds, and the numbers that it claims."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from recsys_book.book.catalog import find_repository
from recsys_book.book.display import show
from recsys_book.book.expectations import ExpectationError, check_band
from recsys_book.book.provenance import provenance
from recsys_book.book.record import result_path, results_folder, write_json
from recsys_book.book.settings import (
    PROFILES,
    THREAD_VARIABLES,
    Settings,
    check_settings,
    resolve_profile,
)
from recsys_book.book.tables import html_table, text_table

_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
}


class Run:
    """One run of one chapter; made by ``start``.

    Attributes:
        chapter: For instance ``"foundations/cleaning"``.
        profile: ``"smoke"``, ``"book"`` or ``"full"``.
        seed: The chapter's seed.
        settings: The active profile's settings, as attributes.
    """

    def __init__(self, chapter: str, profile: str, seed: int, settings: Settings) -> None:
        self.chapter = chapter
        self.profile = profile
        self.seed = seed
        self.settings = settings
        self._metrics: dict[str, Any] = {}
        self._expectations: dict[str, Any] = {}
        self._checks: dict[str, bool] = {}
        self._started = time.perf_counter()

    def __repr__(self) -> str:
        return f"Run({self.chapter!r}, profile={self.profile!r}, seed={self.seed})"

    def seeds(self, n: int) -> list[int]:
        """Return independent seeds derived from the chapter's.

        Args:
            n: How many; the first of a longer list are the shorter list.

        Returns:
            ``n`` integers below 2**32.

        Raises:
            ValueError: If ``n`` is below 1.
        """
        if n < 1:
            raise ValueError(f"run.seeds was asked for {n} seeds: ask for at least 1.")
        children = np.random.SeedSequence(self.seed).spawn(n)
        return [int(child.generate_state(1)[0]) for child in children]

    def record(self, **values: Any) -> None:
        """Record raw values with their provenance.

        Args:
            **values: Numbers, strings, arrays, frames, or nests of them.
        """
        self._metrics.update(values)
        self._write()

    def expect(self, name: str, value: float, expected: float, *, within: float) -> None:
        """Check a measured number against its band, and print only what does not vary.

        The band holds in the ``book`` profile; elsewhere the value is recorded.

        Args:
            name: What was measured.
            value: The measured value.
            expected: The middle of the band.
            within: Half the band's width, in the unit of ``value``.

        Raises:
            ExpectationError: If the value is outside the band.
            ValueError: If the band is no band.
        """
        value = float(value)
        entry = {"value": value, "expected": expected, "within": within}
        self._expectations[name] = entry
        self._metrics[name] = value
        if self.profile != "book":
            self._write()
            print(f"{name} recorded ({self.profile})")
            return
        try:
            line = check_band(name, value, expected, within)
        except ExpectationError as error:
            entry["ok"] = False
            self._write()
            raise ExpectationError(f"{self._where()}: {error}") from None
        entry["ok"] = True
        self._write()
        print(line)

    def check(
        self, claim: str, condition: Any, *, profiles: Iterable[str] = ("book", "full")
    ) -> None:
        """Check a claim of the text.

        Args:
            claim: The claim, in words.
            condition: Whether it holds.
            profiles: The profiles in which it must hold; elsewhere it is only recorded.

        Raises:
            ExpectationError: If the claim does not hold where it must.
            ValueError: If ``profiles`` names an unknown one, or ``condition`` is several values.
        """
        active = (profiles,) if isinstance(profiles, str) else tuple(profiles)
        if unknown := [name for name in active if name not in PROFILES]:
            raise ValueError(
                f"the check {claim!r} names the unknown profile {unknown[0]!r}:"
                f" use some of {', '.join(PROFILES)}."
            )
        if np.size(condition) != 1:
            raise ValueError(
                f"the condition of the check {claim!r} is {np.size(condition)} values:"
                " reduce it to one, for instance with .all()."
            )
        holds = bool(np.all(condition))
        self._checks[claim] = holds
        self._write()
        if self.profile not in active:
            print(f"{claim} recorded ({self.profile})")
            return
        if not holds:
            raise ExpectationError(f"{self._where()}: this does not hold: {claim}.")
        print(f"{claim} ✓")

    def _where(self) -> str:
        return f"{self.chapter} (profile {self.profile}, seed {self.seed})"

    def _write(self) -> None:
        folder = results_folder()
        if folder is None:
            return
        content = {
            "chapter": self.chapter,
            "profile": self.profile,
            "seed": self.seed,
            "settings": dict(self.settings),
            "metrics": self._metrics,
            "expectations": self._expectations,
            "checks": self._checks,
            "seconds": round(time.perf_counter() - self._started, 2),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            **provenance(find_repository()),
        }
        write_json(result_path(self.chapter, self.profile, folder), content)


def start(
    chapter: str,
    *,
    profile: str = "",
    seed: int = 0,
    settings: Mapping[str, Mapping[str, Any]],
) -> Run:
    """Start a chapter: choose the profile, quieten the libraries, show the settings.

    Args:
        chapter: The notebook's path under ``chapters/`` without suffix.
        profile: ``"smoke"``, ``"book"``, ``"full"``; ``""`` takes ``RECSYS_BOOK_PROFILE``, then
            ``"book"``.
        seed: The chapter's seed, at least 0.
        settings: ``{"smoke": {...}, "book": {...}, "full": {...}}``, the same names in each.

    Returns:
        The run.

    Raises:
        ValueError: If the profile is unknown, the settings do not fit together, or the seed is
            negative.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"the seed of {chapter} is {seed!r}: give an integer of at least 0.")
    table = check_settings(settings)
    name = resolve_profile(profile)
    quieten_libraries()
    if name != "full":
        use_one_thread()
    from recsys_book.book import figures

    figures.use_style(dpi=60 if name == "smoke" else 144)  # nobody reads a smoke run's figures
    show(settings_bundle(table, name))
    return Run(chapter, name, int(seed), Settings(table[name]))


def quieten_libraries() -> None:
    """Keep libraries from asking a network and from printing what varies between machines."""
    for variable, value in _QUIET.items():
        os.environ.setdefault(variable, value)
    # A library that the chapter imported before has read its variables already.
    hub = sys.modules.get("huggingface_hub.constants")
    if hub is not None:
        hub.HF_HUB_OFFLINE = os.environ["HF_HUB_OFFLINE"].upper() in {"1", "ON", "YES", "TRUE"}
    log = sys.modules.get("transformers.utils.logging")
    if log is not None:
        log.set_verbosity_error()
        log.disable_progress_bar()
    for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning):
        warnings.filterwarnings("ignore", category=category)
    warnings.filterwarnings("ignore", message=".*IProgress not found.*")


def use_one_thread() -> None:
    """Keep numerical libraries to one thread, so that sums keep their order on any machine."""
    numba = sys.modules.get("numba")
    for variable in THREAD_VARIABLES:
        if not (variable.startswith("NUMBA") and numba):  # it refuses a change once it has begun
            os.environ[variable] = "1"
    if numba is not None:
        numba.set_num_threads(1)
    # Importing torch takes seconds, so a chapter without it gets only the variables, which torch
    # reads if it is imported later.
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)


def settings_bundle(table: Mapping[str, Mapping[str, Any]], active: str) -> dict[str, str]:
    """Return a chapter's settings as an output, the active profile marked.

    Args:
        table: The settings of the three profiles.
        active: The active profile.

    Returns:
        Text by MIME type.
    """
    header = ["profile", *table["book"]]
    rows = [
        [f"{name} ◀" if name == active else name, *(str(v) for v in row.values())]
        for name, row in ((name, {k: table[name][k] for k in table["book"]}) for name in PROFILES)
    ]
    right = [False] + [True] * (len(header) - 1)
    return {
        "text/plain": text_table(header, rows, right),
        "text/html": html_table(header, rows, right, marked=PROFILES.index(active)),
    }
