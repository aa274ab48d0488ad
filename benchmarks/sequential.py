"""SASRec on MovieLens-100K: seconds of an epoch, and what it reaches, beside RecTools.

    python benchmarks/sequential.py

The targets were measured with RecTools 0.19 (two blocks, two heads, width 64, window 50) on the
same log, splits and full ranking: 2.1 CPU seconds an epoch over the last 50 events of each user,
nDCG@10 of 0.0868 with the last event held out (ties in file order) and 0.1388 with the last fifth
of the log held out. One line a figure: name, value, unit, (target), ok or short. About two minutes.
"""

import time

import torch

from recsys_book.data import load_movielens
from recsys_book.evaluation import evaluate_ranking
from recsys_book.preprocessing import leave_one_out, temporal_split
from recsys_book.recommenders import SASRec

EPOCH_SECONDS = 2.1
REACHED = {"last": 0.0868, "temporal": 0.1388}


def line(name: str, value: float, unit: str, target: float, ok: bool, digits: int = 4) -> None:
    verdict = "ok" if ok else "short"
    print(f"{name:50} {value:.{digits}f} {unit}  (target {target:g}) {verdict}", flush=True)


def main() -> None:
    torch.set_num_threads(1)
    log = load_movielens("100k").interactions
    splits = {"last": leave_one_out(log), "temporal": temporal_split(log)}
    SASRec(every_event=False, epochs=1).fit(splits["last"].train)  # warm up
    epochs = 3
    begin = time.process_time()
    SASRec(every_event=False, epochs=epochs).fit(splits["last"].train)
    took = (time.process_time() - begin) / epochs
    line("SASRec, epoch over the last 50 of each", took, "CPU s", EPOCH_SECONDS, took <= 2.1, 2)
    ratio = took / EPOCH_SECONDS
    line("  as a share of RecTools'", ratio, "×", 1.0, ratio <= 1, 2)
    for name, split in splits.items():
        model = SASRec(dropout=0.3, rate=3e-3, epochs=14)
        begin = time.process_time()
        value = evaluate_ranking(model.fit(split.train), split).mean()["ndcg"]
        print(f"{name}: 14 epochs over every event, {time.process_time() - begin:.0f} CPU s")
        line(f"SASRec, {name}", value, "nDCG@10", REACHED[name], value >= REACHED[name])


if __name__ == "__main__":
    main()
