"""nDCG@10 of the closed-form recommenders on MovieLens-100K beside the figures of the peers.

    python benchmarks/peers_topn.py

The targets were measured with independent code on the same two splits (the last fifth of the log,
and the last item of every user in file order) with full ranking. One line a figure:
name, value, unit, (target), ok or short.
"""

from recsys_book.data import load_movielens
from recsys_book.evaluation import evaluate_ranking
from recsys_book.preprocessing import leave_one_out, temporal_split
from recsys_book.recommenders import EASE, Popularity, RecentPopularity

TOLERANCE = 1e-4
TEMPORAL = [
    ("popularity", Popularity(), 0.14510),
    ("recent popularity, window 0.05", RecentPopularity(window=0.05), 0.20998),
    ("EASE, l2 200", EASE(l2=200.0), 0.17593),
]
LEAVE_ONE_OUT = [
    ("popularity", Popularity(), 0.04393),
    ("recent popularity, window 0.5", RecentPopularity(window=0.5), 0.04145),
    ("EASE, l2 100", EASE(l2=100.0), 0.07229),
    ("EASE, l2 400, half-life 10", EASE(l2=400.0, half_life=10), 0.09716),
]


def main() -> None:
    log = load_movielens("100k").interactions
    for split, rows in ((temporal_split(log), TEMPORAL), (leave_one_out(log), LEAVE_ONE_OUT)):
        for name, model, target in rows:
            value = evaluate_ranking(model.fit(split.train), split, k=10).mean()["ndcg"]
            verdict = "ok" if abs(value - target) <= TOLERANCE else "short"
            label = f"{split.name}: {name}"
            print(f"{label:55} {value:.5f} nDCG@10  (target {target:.5f} ± {TOLERANCE}) {verdict}")


if __name__ == "__main__":
    main()
