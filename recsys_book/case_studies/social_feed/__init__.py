"""A social feed: a simulation with known truth, and a loader for real news."""

from recsys_book._lazy import lazy_names

#: Where each public name is defined; a module is imported when a name of it is first asked for.
_LAZY: dict[str, str] = {
    "ClickTable": "clicks",
    "Contexts": "features",
    "FeedRun": "loop",
    "FeedSystem": "system",
    "LivePolicy": "loop",
    "SimpleFeed": "baselines",
    "Switches": "system",
    "UserTastes": "tastes",
    "ValueModel": "rewards",
    "adamic_adar": "friends",
    "attachment": "friends",
    "calibrate_many": "calibrated",
    "category_loss": "topics",
    "category_shares": "topics",
    "check_graph": "friends",
    "click_table": "clicks",
    "common_neighbours": "friends",
    "creator_vectors": "features",
    "disappointment": "system",
    "entropy": "meters",
    "factor_scores": "friends",
    "fading_views": "news",
    "feed_as_mind": "news",
    "feed_sections": "page",
    "first_impressions": "meters",
    "fit_temperature": "topics",
    "found_again": "friends",
    "hide_links": "friends",
    "impression_metrics": "news",
    "interval_over_worlds": "compare",
    "last_lists": "meters",
    "profile_scores": "news",
    "read_meters": "meters",
    "recent_scores": "repeats",
    "reduce_vectors": "features",
    "repeat_share": "repeats",
    "reward": "rewards",
    "run_feed": "loop",
    "simulated_plays": "repeats",
    "topic_mix": "meters",
    "train_click_head": "clicks",
    "warm_up": "loop",
    "write_feed_page": "page",
}

__all__ = sorted(_LAZY)

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
