"""Three whole projects, from raw data to a running recommender."""

from recsys_book._lazy import lazy_names

#: Where each public name is defined; a module is imported when a name of it is first asked for.
_LAZY: dict[str, str] = {
    "Section": "report",
    "render_report": "report",
    "write_report": "report",
}

__all__ = sorted(_LAZY)

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
