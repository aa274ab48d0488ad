"""Online video: MovieLens from raw files to a server."""

from recsys_book._lazy import lazy_names

#: Where each public name is defined; a module is imported when a name of it is first asked for.
_LAZY: dict[str, str] = {
    "Catalogue": "catalogue",
    "FilmModel": "model",
    "FilmRanker": "ranker",
    "OnlineVideo": "backend",
    "PAGE": "backend",
    "Parts": "scoring",
    "Reasons": "scoring",
    "Session": "session",
    "video_policy": "loop",
    "Weights": "model",
    "display_title": "catalogue",
    "explain": "scoring",
    "explain_list": "scoring",
    "fit_film_model": "model",
    "fold_text_in": "model",
    "rank_films": "lists",
    "score_parts": "scoring",
    "star_reasons": "scoring",
}

__all__ = sorted(_LAZY)

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
