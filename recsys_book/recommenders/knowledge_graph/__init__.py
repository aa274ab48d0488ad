"""Facts about items: as triples, as vectors, as features, and as reasons."""

from recsys_book._lazy import lazy_names
from recsys_book.recommenders.knowledge_graph.graph_features import graph_features
from recsys_book.recommenders.knowledge_graph.link_prediction import (
    FrequencyLinks,
    filtered_ranks,
    link_metrics,
)
from recsys_book.recommenders.knowledge_graph.paths import (
    PathRecommender,
    Reason,
    path_scores,
)
from recsys_book.recommenders.knowledge_graph.side_information import SideInformationEASE
from recsys_book.recommenders.knowledge_graph.triples import (
    Triples,
    build_triples,
    later_ids,
    movielens_triples,
    split_triples,
    without_leaves,
)

__all__ = [
    "FrequencyLinks",
    "PathRecommender",
    "Reason",
    "SideInformationEASE",
    "TransE",
    "TransR",
    "Triples",
    "build_triples",
    "filtered_ranks",
    "graph_features",
    "later_ids",
    "link_metrics",
    "margin_loss",
    "movielens_triples",
    "path_scores",
    "split_triples",
    "transe_distance",
    "transr_distance",
    "without_leaves",
]

#: Names that need torch, and the module of this folder that holds them.
_LAZY = {
    "TransE": "transe",
    "TransR": "transr",
    "margin_loss": "transe",
    "transe_distance": "transe",
    "transr_distance": "transr",
}

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
