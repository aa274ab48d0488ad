"""The splits on which the models of the book are compared, and those on which they are tuned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_book.preprocessing import (
    leave_one_out,
    random_split,
    rolling_cuts,
    temporal_split,
)
from recsys_book.recommenders.leaderboard.entry import PROTOCOLS

if TYPE_CHECKING:
    from recsys_book.data import Interactions
    from recsys_book.preprocessing.splitting import Split

TIE_ORDERS = (0, 1, 2, 3, 4)


def test_splits(protocol: str, interactions: Interactions) -> list[Split]:
    """Return the splits that a model is judged on.

    ``"temporal"`` cuts the log at five moments; ``"last"`` holds out each person's last event in
    five orders of tied timestamps; ``"ratings"`` holds out a fifth of the ratings at random.
    ``"peers-temporal"`` and ``"peers-last"`` are the one cut and the one order (that of the file)
    on which other libraries were measured.

    Args:
        protocol: One of ``PROTOCOLS``.
        interactions: The whole log.

    Returns:
        One split or five.

    Raises:
        ValueError: If the protocol is unknown.
    """
    if protocol == "temporal":
        return list(rolling_cuts(interactions))
    if protocol == "last":
        return [leave_one_out(interactions, seed) for seed in TIE_ORDERS]
    if protocol == "ratings":
        return [random_split(interactions, 0.2, 42)]
    if protocol == "peers-temporal":
        return [temporal_split(interactions)]
    if protocol == "peers-last":
        return [leave_one_out(interactions)]
    raise ValueError(f"There is no protocol {protocol!r}; use one of {', '.join(PROTOCOLS)}.")


test_splits.__test__ = False  # not a test, whatever pytest thinks of its name


def tuning_splits(protocol: str, interactions: Interactions) -> list[Split]:
    """Return the splits on which settings are chosen.

    None of their events is a test event of the same cut or tie order. (An event that shares its
    person's last timestamp is the last one in some orders only; in the others it may be seen.)

    Args:
        protocol: ``"temporal"``: two cuts before the first test stretch; ``"last"``: the event
            before the last, in two tie orders; ``"ratings"``: a tenth of the training ratings.
        interactions: The whole log.

    Returns:
        One split or two.

    Raises:
        ValueError: If the protocol is unknown or has no splits of its own.
    """
    if protocol == "temporal":
        return list(rolling_cuts(interactions, starts=(0.3, 0.4)))
    if protocol == "last":
        return [leave_one_out(leave_one_out(interactions, s).train, s) for s in TIE_ORDERS[:2]]
    if protocol == "ratings":
        return [random_split(random_split(interactions, 0.2, 42).train, 0.1, 0)]
    raise ValueError(f"There are no tuning splits for {protocol!r}; use temporal, last or ratings.")
