"""Recommenders that read: text vectors in neighbours, factors, graphs, sequences and hybrids."""

from recsys_book.recommenders.language.behaviour import (
    BehaviourProblem,
    TextBehaviour,
    TextLSTM,
    funnel,
    funnel_loss,
)
from recsys_book.recommenders.language.contrastive import (
    AlphaRec,
    AlphaRecProblem,
    TextGraph,
    infonce_loss,
)
from recsys_book.recommenders.language.factorization import (
    TextEASE,
    TextPriorMF,
    posterior_factors,
    prior_objective,
    text_factors,
    text_gram,
)
from recsys_book.recommenders.language.graph_smoothing import normalised_graph, roughness, smooth
from recsys_book.recommenders.language.hybrid import TextHybrid, shrink_towards_text
from recsys_book.recommenders.language.neighbors import (
    InterestProfile,
    TextNeighbours,
    best_interest,
    reciprocal_ranks,
    user_vectors,
)
from recsys_book.recommenders.language.programs import (
    ProgramReport,
    TextRating,
    ranking_program,
    rating_program,
)
from recsys_book.recommenders.language.recipe import behaviour_program, train_by_recipe
from recsys_book.recommenders.language.text_sequences import (
    NextTextProblem,
    TextAdaptor,
    TextSequenceNetwork,
    UniSRec,
)
from recsys_book.recommenders.language.windows import histories, history_windows

__all__ = [
    "AlphaRec",
    "AlphaRecProblem",
    "BehaviourProblem",
    "InterestProfile",
    "NextTextProblem",
    "ProgramReport",
    "TextAdaptor",
    "TextBehaviour",
    "TextEASE",
    "TextGraph",
    "TextHybrid",
    "TextLSTM",
    "TextNeighbours",
    "TextPriorMF",
    "TextRating",
    "TextSequenceNetwork",
    "UniSRec",
    "behaviour_program",
    "best_interest",
    "funnel",
    "funnel_loss",
    "histories",
    "history_windows",
    "infonce_loss",
    "normalised_graph",
    "posterior_factors",
    "prior_objective",
    "ranking_program",
    "rating_program",
    "reciprocal_ranks",
    "roughness",
    "shrink_towards_text",
    "smooth",
    "text_factors",
    "text_gram",
    "train_by_recipe",
    "user_vectors",
]
