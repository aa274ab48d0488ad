"""From a raw log to a judged recommender in one call: clean, split, choose, train, evaluate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from recsys_book.data import Interactions
from recsys_book.evaluation import RankingReport, evaluate_ranking
from recsys_book.preprocessing import Report, clean, temporal_split, three_way
from recsys_book.preprocessing.cleaning import Step
from recsys_book.preprocessing.splitting import Split
from recsys_book.recommenders.base import Recommender

__all__ = ["Pipeline", "PipelineResult"]


@dataclass(frozen=True, eq=False)
class PipelineResult:
    """What each stage of a pipeline found.

    Attributes:
        cleaning: One report a cleaning step.
        rows: Events in ``train``, ``validation`` and ``test`` (of the final split).
        validation: Mean metric of each candidate on the validation events, best first.
        chosen: Name of the best of them.
        model: The chosen candidate, fitted on train and validation together.
        test: Its one look at the test events.
    """

    cleaning: list[Report]
    rows: Mapping[str, int]
    validation: pd.Series
    chosen: str
    model: Recommender
    test: RankingReport


class Pipeline:
    """The five stages of a recommender, each replaceable.

    1. *Preprocess*: run the cleaning steps and encode the log. 2. *Build*: make every candidate, a
    model with its settings; learning rates and schedules are settings like any other. 3. *Train*
    the candidates on the early events. 4. *Choose* the one with the best metric on the validation
    events that follow. 5. *Evaluate*: fit it again on everything before the test and look at the
    test once. Nothing is ever adjusted on the test events (erratum MET-13).

    Args:
        candidates: A function without arguments for each name, which makes a new model.
        steps: Cleaning steps, from a log to ``(log, Report)``.
        split: Function from interactions to a ``Split``; applied to all events, then to its own
            training part to get the validation events.
        metric: A metric of ``evaluate_ranking``.
        k: Length of the lists.
        columns: What the log calls its columns, as keywords of ``Interactions.from_frame``.
    """

    def __init__(
        self,
        candidates: Mapping[str, Callable[[], Recommender]],
        steps: Sequence[Step] = (),
        split: Callable[[Interactions], Split] = temporal_split,
        metric: str = "ndcg",
        k: int = 10,
        columns: Mapping[str, str | None] | None = None,
    ):
        self.candidates, self.steps, self.split = candidates, steps, split
        self.metric, self.k = metric, k
        self.columns = dict(columns or {})

    def run(self, log: pd.DataFrame) -> PipelineResult:
        """Run all stages.

        Args:
            log: Raw event log with ``user``, ``item``, ``value`` and ``timestamp``, or the names
                given in ``columns``.

        Returns:
            The result of each stage.

        Raises:
            ValueError: If there is no candidate, the metric is unknown, or a stage refuses its
                input.
        """
        if not self.candidates:
            raise ValueError("The pipeline has no candidates; give at least one model to train.")
        tidy, reports = clean(log, self.steps)
        interactions = Interactions.from_frame(tidy, **self.columns)
        parts = three_way(self.split, interactions)
        scores = {
            name: self._score(make().fit(parts.tuning.train), parts.tuning)
            for name, make in self.candidates.items()
        }
        validation = pd.Series(scores, name=self.metric).sort_values(ascending=False, kind="stable")
        chosen = str(validation.index[0])
        model = self.candidates[chosen]().fit(parts.final.train)
        test = evaluate_ranking(model, parts.final, self.k)
        rows = {
            "train": len(parts.tuning.train),
            "validation": len(parts.tuning.test),
            "test": len(parts.final.test),
        }
        return PipelineResult(reports, rows, validation, chosen, model, test)

    def _score(self, model: Recommender, split: Split) -> float:
        means = evaluate_ranking(model, split, self.k).mean()
        if self.metric not in means:
            raise ValueError(f"metric is {self.metric!r}; use one of {', '.join(means.index)}.")
        return float(means[self.metric])
