"""Data: the one type every room speaks, verified fetching, MovieLens, and simulated logs."""

from recsys_book.data.errors import DataError
from recsys_book.data.feed import SimulatedFeed
from recsys_book.data.feed_events import EVENTS, FeedEvents
from recsys_book.data.feed_texts import TOPICS, Sentences, feed_sentences
from recsys_book.data.feedback import FeedbackLog, SimulatedPeople, closed_loop
from recsys_book.data.fetching import cache_dir, catalog, encoder_path, fetch, fetch_all
from recsys_book.data.interactions import Interactions
from recsys_book.data.listings import rating_data, review_data, shopping_data, write_csv
from recsys_book.data.logged import BanditLog
from recsys_book.data.messy import MessyLog, messy_event_log
from recsys_book.data.mind import Impressions, Mind, load_mind, write_mind
from recsys_book.data.movielens import MovieLens, load_movielens
from recsys_book.data.open_bandit import OpenBandit, load_open_bandit
from recsys_book.data.simulated import (
    Simulated,
    dice_ratings,
    item_life_cycle,
    latent_factor_ratings,
)
from recsys_book.data.tables import read_interactions

__all__ = [
    "BanditLog",
    "DataError",
    "EVENTS",
    "FeedEvents",
    "FeedbackLog",
    "Impressions",
    "Interactions",
    "MessyLog",
    "Mind",
    "MovieLens",
    "OpenBandit",
    "Sentences",
    "Simulated",
    "SimulatedFeed",
    "SimulatedPeople",
    "TOPICS",
    "cache_dir",
    "catalog",
    "closed_loop",
    "dice_ratings",
    "encoder_path",
    "feed_sentences",
    "fetch",
    "fetch_all",
    "item_life_cycle",
    "latent_factor_ratings",
    "load_mind",
    "load_movielens",
    "load_open_bandit",
    "messy_event_log",
    "rating_data",
    "read_interactions",
    "review_data",
    "shopping_data",
    "write_csv",
    "write_mind",
]
