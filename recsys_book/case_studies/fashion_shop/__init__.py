"""A fashion shop: the Open Bandit logs."""

from recsys_book._lazy import lazy_names

#: Where each public name is defined; a module is imported when a name of it is first asked for.
_LAZY: dict[str, str] = {
    "AuctionResult": "auction",
    "BayesianClicks": "bayesian_clicks",
    "BoostedRate": "click_models",
    "ClickModel": "click_models",
    "FTRLProximal": "ftrl",
    "Impressions": "impressions",
    "MachineRate": "click_models",
    "OUTCOMES": "switches",
    "PlattCalibrated": "calibration",
    "STEPS": "page",
    "SWITCHES": "switches",
    "ShrunkenRate": "click_models",
    "SimulatedShop": "simulated_shop",
    "Uplift": "uplift",
    "auc_interval": "judging",
    "best_of_many": "uplift",
    "calibration_ratio": "judging",
    "choose_by_lower_bound": "choice",
    "click_alarms": "monitoring",
    "daily_report": "monitoring",
    "day_forward": "click_models",
    "draw_shops": "simulated_shop",
    "eight_steps": "page",
    "encode_impressions": "impressions",
    "exaggeration": "uplift",
    "fit_platt": "calibration",
    "ftrl_weights": "ftrl",
    "funnel": "simulated_shop",
    "item_rates": "choice",
    "judge_models": "judging",
    "judge_policies": "choice",
    "make_candidates": "choice",
    "measure_uplift": "uplift",
    "normalized_entropy": "judging",
    "run_auctions": "auction",
    "run_shop": "switches",
    "run_switches": "switches",
    "second_price_loss": "auction",
    "split_in_time": "choice",
    "stability_index": "monitoring",
    "switch_effects": "switches",
    "thin_out": "calibration",
    "tilted_policy": "choice",
    "undo_sampling": "calibration",
    "uplift_table": "uplift",
    "user_levels": "impressions",
    "views_to_alarm": "monitoring",
    "write_shop_page": "page",
}

__all__ = sorted(_LAZY)

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
