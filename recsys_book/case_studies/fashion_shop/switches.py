"""Three switches, each of them measured: warm start, learning as clicks come in, exploration."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
import scipy.stats

from recsys_book.case_studies.fashion_shop.bayesian_clicks import BayesianClicks
from recsys_book.case_studies.fashion_shop.simulated_shop import (
    PLACES,
    SimulatedShop,
    draw_shops,
    funnel,
)

SWITCHES = ("warm_start", "online", "exploration")
OUTCOMES = ("clicks", "carts", "purchases", "sales", "ad_income", "active")
_FORGET = 0.98


def run_shop(
    before: SimulatedShop,
    shop: SimulatedShop,
    *,
    warm_start: bool = False,
    online: bool = False,
    exploration: bool = False,
    random: bool = False,
    batches: int = 40,
    batch: int = 200,
    first_log: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Run a campaign from its first day, with each switch on or off.

    All switches off is what the articles' listings do: fit once on a log, then serve. The log is
    ``first_log`` pages filled at random, and every configuration gets the same one.

    Args:
        before: The campaign that ran before; its log has ten times as many pages.
        shop: The new campaign.
        warm_start: Whether the learner starts from the earlier campaign's tastes.
        online: Whether it learns from the clicks of each batch after serving it.
        exploration: Whether the last place of the page goes to the best draw from the belief
            (Thompson sampling) instead of the best mean.
        random: Fill every page at random; the switches are then without effect.
        batches: Number of batches.
        batch: Pages in a batch.
        first_log: Pages of the log that the learner is first fitted on.
        seed: Of visitors, clicks and draws.

    Returns:
        One row a batch: the expected outcomes a thousand pages, and ``of_best``, the expected
        clicks over those of the best pages possible.
    """
    visitors, clicks, draws = (np.random.default_rng([seed, j]) for j in range(3))
    learner = BayesianClicks(shop)
    if warm_start:
        learner.adopt(_fit_at_random(BayesianClicks(before), before, 10 * first_log, seed + 1))
    _fit_at_random(learner, shop, first_log, seed)
    learner.forget = _FORGET
    rows = []
    for t in range(batches):
        types = visitors.integers(shop.n_types, size=batch)
        if random:
            items = _top(draws.random((batch, shop.n_items)))
        else:
            items = _pages(learner, types, draws if exploration else None)
        rates = shop.click_rates(types, t / batches)
        shown = rates[np.arange(batch)[:, None], items, np.arange(len(PLACES))]
        best = np.sort(rates[:, :, 0], axis=1)[:, : -len(PLACES) - 1 : -1]
        best = _shift(best)
        outcome = {k: 1000 * v / batch for k, v in funnel(shop, shown, items).items()}
        rows.append({"batch": t, **outcome, "of_best": float(shown.sum() / best.sum())})
        happened = clicks.random(shown.shape) < shown
        if online and not random:
            learner.update(types, items, happened)
    return pd.DataFrame(rows)


def run_switches(
    seeds: Sequence[int], *, changes_at: float = 1.0, likeness: float = 0.8, **settings: int
) -> pd.DataFrame:
    """Run all eight settings of the three switches, and random pages, on the same shops.

    Args:
        seeds: One shop a seed.
        changes_at: See ``draw_shops``.
        likeness: See ``draw_shops``.
        **settings: ``batches``, ``batch`` and ``first_log`` of ``run_shop``.

    Returns:
        One row a seed and setting: the switches, ``random``, and the mean of each outcome.
    """
    rows = []
    for seed in seeds:
        shops = draw_shops(seed=seed, changes_at=changes_at, likeness=likeness)
        for flags in product([False, True], repeat=3):
            chosen = dict(zip(SWITCHES, flags))
            means = run_shop(*shops, **chosen, seed=seed, **settings).mean()
            rows.append({"seed": seed, **chosen, "random": False, **means.drop("batch")})
        means = run_shop(*shops, random=True, seed=seed, **settings).mean()
        off = dict.fromkeys(SWITCHES, False)
        rows.append({"seed": seed, **off, "random": True, **means.drop("batch")})
    return pd.DataFrame(rows)


def switch_effects(
    runs: pd.DataFrame, outcome: str = "clicks", level: float = 0.95
) -> pd.DataFrame:
    """Return what each switch adds, in per cent of the mean shop with all switches off.

    The effect of a switch is the mean of on less off over the four settings of the other two, in
    the same shop; the interval is Student's over the seeds.

    Args:
        runs: Result of ``run_switches``, for two seeds at least.
        outcome: Column to compare.
        level: Confidence level.

    Returns:
        One row a switch, and one for all three together: ``effect``, ``low``, ``high``.

    Raises:
        ValueError: If there is no such outcome, or fewer than two seeds.
    """
    if outcome not in runs or outcome in SWITCHES:
        raise ValueError(f"There is no outcome {outcome!r}; choose among {', '.join(OUTCOMES)}.")
    table = runs[~runs["random"]].set_index(["seed", *SWITCHES])[outcome].unstack("seed")
    if table.shape[1] < 2:
        raise ValueError("An interval over seeds needs two seeds at least; run more.")
    off = table.loc[(False, False, False)]
    effects = {
        name: table.xs(True, level=name).mean() - table.xs(False, level=name).mean()
        for name in SWITCHES
    }
    effects["all three"] = table.loc[(True, True, True)] - off
    n = table.shape[1]
    t = float(scipy.stats.t.ppf((1 + level) / 2, n - 1))
    rows = []
    for name, effect in effects.items():
        share = 100 * effect / (off.mean() or np.nan)
        half = t * float(share.std(ddof=1)) / np.sqrt(n)
        rows.append((name, share.mean(), share.mean() - half, share.mean() + half))
    return pd.DataFrame(rows, columns=["switch", "effect", "low", "high"])


def _fit_at_random(
    learner: BayesianClicks, shop: SimulatedShop, pages: int, seed: int
) -> BayesianClicks:
    rng = np.random.default_rng([seed, 9])
    types = rng.integers(shop.n_types, size=pages)
    items = _top(rng.random((pages, shop.n_items)))
    rates = shop.click_rates(types, 0.0)
    shown = rates[np.arange(pages)[:, None], items, np.arange(len(PLACES))]
    learner.update(types, items, rng.random(shown.shape) < shown)
    return learner


def _pages(
    learner: BayesianClicks, types: np.ndarray, draws: np.random.Generator | None
) -> np.ndarray:
    """Fill the pages by the mean scores, and the last place by a draw if there are draws."""
    scores = learner.scores(types)
    items = _top(scores)
    if draws is not None:
        drawn = learner.scores(types, draws)
        np.put_along_axis(drawn, items[:, :-1], -np.inf, axis=1)
        items[:, -1] = drawn.argmax(axis=1)
    return items


def _top(scores: np.ndarray) -> np.ndarray:
    return np.argsort(-scores, axis=1)[:, : len(PLACES)]


def _shift(first: np.ndarray) -> np.ndarray:
    """Move click rates of the first place to the places in which the items stand."""
    logits = np.log(first) - np.log1p(-first) + PLACES
    return 1 / (1 + np.exp(-logits))
