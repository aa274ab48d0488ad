"""A small recommendation server: web interface, cache, index, fallback, load test."""

from recsys_book._lazy import lazy_names

#: Where each public name is defined; a module is imported when a name of it is first asked for.
_LAZY: dict[str, str] = {
    "Backend": "protocol",
    "Cache": "cache",
    "Call": "load_test",
    "CircuitBreaker": "breaker",
    "Event": "schemas",
    "Gate": "guard",
    "Guard": "guard",
    "ItemIndex": "index",
    "LoadReport": "load_test",
    "LocalCache": "cache",
    "Measures": "measures",
    "ModelAway": "protocol",
    "RedisCache": "cache",
    "RedisProcess": "redis_process",
    "ResilientCache": "cache",
    "RunningServer": "running",
    "ServerSettings": "settings",
    "Service": "service",
    "Unknown": "protocol",
    "cache_key": "cache",
    "create_app": "app",
    "exposition": "measures",
    "find_redis_server": "redis_process",
    "index_recall": "index",
    "latency_from_intended": "load_test",
    "open_loop": "load_test",
    "percentiles": "measures",
    "uvicorn_config": "running",
    "waiting_bound": "guard",
}

__all__ = sorted(_LAZY)

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
