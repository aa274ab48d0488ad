"""Transfer: what one domain teaches about another, and when it misleads."""

from recsys_book._lazy import lazy_names
from recsys_book.meta_learning.transfer.collective import CollectiveFactors, collective_objective
from recsys_book.meta_learning.transfer.discrepancy import (
    coral,
    mmd,
    proxy_distance,
    target_error_bound,
)
from recsys_book.meta_learning.transfer.domains import (
    TwoDomains,
    align_users,
    domain_of,
    few_per_user,
    shared_users,
    simulate_domains,
)
from recsys_book.meta_learning.transfer.mapping import EMCDR, taste_map
from recsys_book.meta_learning.transfer.matching import (
    character_grams,
    match_quality,
    match_titles,
    second_catalogue,
    title_similarity,
    translate_items,
)
from recsys_book.meta_learning.transfer.pooling import (
    LevelGap,
    level_gap,
    pooled_error,
    source_weight,
    tipping_size,
)

#: Public name -> module of this folder that needs torch.
_LAZY: dict[str, str] = {
    "ContrastiveVectors": "self_supervised",
    "Distillation": "continual",
    "DomainNetwork": "adversarial",
    "EWC": "continual",
    "FineTune": "continual",
    "L2SP": "continual",
    "Replay": "continual",
    "ViewFusion": "scenarios",
    "WarmStart": "fine_tuning",
    "average_forgetting": "continual",
    "backward_transfer": "continual",
    "contrastive_loss": "self_supervised",
    "copy_shared": "fine_tuning",
    "domain_loss": "adversarial",
    "join_tasks": "scenarios",
    "learn_in_sequence": "continual",
    "leave_one_domain_out": "scenarios",
    "quadratic_penalty": "continual",
    "rate_groups": "fine_tuning",
    "rating_information": "continual",
    "reverse_gradient": "adversarial",
    "sample_tasks": "scenarios",
    "train_across": "adversarial",
    "two_views": "self_supervised",
    "view_tasks": "scenarios",
}

__all__ = [
    "EMCDR",
    "CollectiveFactors",
    "LevelGap",
    "TwoDomains",
    "align_users",
    "character_grams",
    "collective_objective",
    "coral",
    "domain_of",
    "few_per_user",
    "level_gap",
    "match_quality",
    "match_titles",
    "mmd",
    "pooled_error",
    "proxy_distance",
    "second_catalogue",
    "shared_users",
    "simulate_domains",
    "source_weight",
    "target_error_bound",
    "taste_map",
    "tipping_size",
    "title_similarity",
    "translate_items",
    *_LAZY,
]

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
