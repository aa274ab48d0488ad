"""From a log of shown items to rows that a click model can read: one number a field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from recsys_book.data.open_bandit import OpenBandit

#: The logs are written in UTC; the shop's customers live nine hours ahead.
HOURS_AHEAD = 9
_USER = [f"user_feature_{i}" for i in range(4)]
_ITEM = [f"item_feature_{i}" for i in range(1, 4)]


@dataclass(frozen=True, eq=False)
class Impressions:
    """Rows of fields: each row names one column of each field, all of them with the value 1.

    Attributes:
        columns: (n, F) int64, column numbers; field f owns the columns from ``offsets[f]`` up to
            ``offsets[f + 1]``.
        names: (F,) what each field says.
        offsets: (F + 1,) int64; the last is the number of columns.
        click: (n,) float, 0 or 1.
        item: (n,) int64.
        day: (n,) int64, days since the first of the log.
        randomised: (n,) bool, whether the random policy chose.
    """

    columns: np.ndarray
    names: tuple[str, ...]
    offsets: np.ndarray
    click: np.ndarray
    item: np.ndarray
    day: np.ndarray
    randomised: np.ndarray

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.click)

    @property
    def n_columns(self) -> int:
        """Number of columns of all fields together."""
        return int(self.offsets[-1])

    def field(self, name: str) -> np.ndarray:
        """Return the codes of one field, counted from 0, shape (n,).

        Raises:
            ValueError: If there is no such field.
        """
        if name not in self.names:
            raise ValueError(f"There is no field {name!r}; choose among {', '.join(self.names)}.")
        at = self.names.index(name)
        return self.columns[:, at] - self.offsets[at]

    def width(self, name: str) -> int:
        """Return the number of columns of one field."""
        self.field(name)
        at = self.names.index(name)
        return int(self.offsets[at + 1] - self.offsets[at])

    def take(self, rows: np.ndarray) -> Impressions:
        """Return some rows, in the order given; the fields stay.

        Args:
            rows: (m,) row numbers, or (n,) bool.

        Returns:
            The rows.
        """
        parts = (self.click, self.item, self.day, self.randomised)
        return Impressions(
            self.columns[rows], self.names, self.offsets, *(part[rows] for part in parts)
        )


def user_levels(shops: Sequence[OpenBandit]) -> dict[str, list[str]]:
    """Return the hashed levels of every user feature over several logs, sorted.

    The campaigns hash their users alike, so that a model can take what it knows of them along;
    items and item features are hashed anew in each campaign.

    Args:
        shops: Logs of any campaigns.

    Returns:
        Levels by feature.
    """
    return {name: sorted({str(v) for shop in shops for v in shop.rows[name]}) for name in _USER}


def encode_impressions(
    shops: Sequence[OpenBandit], levels: Mapping[str, Sequence[str]] | None = None
) -> Impressions:
    """Merge the logs of one campaign in order of time and number their features.

    Fields: the intercept, the position, the item, the quarter of the day in the shop's time zone,
    the four hashed user features, the quarter in which the item's one numeric feature lies, and
    the three hashed item features. The affinities between user and item are left out: of the
    items shown, almost none has one.

    Args:
        shops: Logs of the same campaign, such as the random one and that of Thompson sampling.
        levels: Levels of the user features; ``None`` takes those of the logs. With the levels of
            several campaigns, the same code means the same thing in each.

    Returns:
        All rows, earliest first.

    Raises:
        ValueError: If there is no log, the logs differ in their items, or a level is unknown.
    """
    if not shops:
        raise ValueError("There is no log to encode; give at least one.")
    counts = {shop.log.n_actions for shop in shops}
    if len(counts) > 1:
        raise ValueError(
            f"The logs have {' and '.join(map(str, sorted(counts)))} items; encode one campaign at"
            " a time."
        )
    frame = pd.concat([_plain(shop) for shop in shops], ignore_index=True)
    frame = frame.sort_values("time", kind="stable", ignore_index=True)
    items = _item_codes(shops[0].items)
    fields = {"intercept": np.zeros(len(frame), np.int64), "position": frame["position"]}
    fields |= {"item": frame["item"], "daypart": _daypart(frame["time"])}
    levels = user_levels(shops) if levels is None else levels
    fields |= {name: _codes_of(frame[name], levels[name], name) for name in _USER}
    fields |= {name: codes[frame["item"]] for name, codes in items.items()}
    widths = [1, 3, counts.pop(), 4, *(len(levels[name]) for name in _USER)]
    widths += [int(codes.max()) + 1 for codes in items.values()]
    offsets = np.r_[0, np.cumsum(widths)].astype(np.int64)
    columns = np.column_stack([np.asarray(codes, np.int64) for codes in fields.values()])
    day = frame["time"].dt.normalize()
    return Impressions(
        columns=columns + offsets[:-1],
        names=tuple(fields),
        offsets=offsets,
        click=frame["click"].to_numpy(np.float64),
        item=frame["item"].to_numpy(np.int64),
        day=(day - day.min()).dt.days.to_numpy(np.int64),
        randomised=frame["randomised"].to_numpy(bool),
    )


def _plain(shop: OpenBandit) -> pd.DataFrame:
    log = shop.log
    frame = shop.rows[_USER].astype(str)
    return frame.assign(
        time=pd.to_datetime(log.timestamp),
        position=log.position,
        item=log.action,
        click=log.reward,
        randomised=bool(np.ptp(log.propensity) < 1e-12),
    )


def _codes_of(values: pd.Series, levels: Sequence[str], name: str) -> np.ndarray:
    codes = pd.Index(levels).get_indexer(values)
    unknown = np.flatnonzero(codes < 0)
    if len(unknown):
        raise ValueError(
            f"The level {values.iloc[unknown[0]]!r} of {name} is not among the levels given; take"
            " user_levels of all the logs."
        )
    return codes.astype(np.int64)


def _daypart(time: pd.Series) -> np.ndarray:
    """Night, morning, afternoon and evening of the shop, from times in UTC."""
    return ((time.dt.hour + HOURS_AHEAD) % 24 // 6).to_numpy(np.int64)


def _item_codes(items: pd.DataFrame) -> dict[str, np.ndarray]:
    number = items["item_feature_0"].to_numpy(np.float64)
    edges = np.quantile(number, [0.25, 0.5, 0.75])
    codes = {"item_feature_0": np.searchsorted(edges, number, side="right")}
    return codes | {name: pd.factorize(items[name])[0] for name in _ITEM}
