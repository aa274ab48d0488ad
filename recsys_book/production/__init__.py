"""Running a recommender for people who wait for its answer."""

from recsys_book._lazy import lazy_names

#: Where each public name is defined; a module is imported when a name of it is first asked for.
_LAZY: dict[str, str] = {}

__all__ = sorted(_LAZY)

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
