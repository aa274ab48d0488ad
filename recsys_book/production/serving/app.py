"""The web interface: one function that turns a backend into an application.

Annotations are evaluated here, not kept as text: FastAPI reads them, and the limits in them are
local variables.
"""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from recsys_book.production.serving.cache import Cache, LocalCache
from recsys_book.production.serving.errors import sentence, validation_sentence
from recsys_book.production.serving.guard import Guard
from recsys_book.production.serving.measures import Measures, exposition
from recsys_book.production.serving.protocol import Backend, ModelAway, Unknown
from recsys_book.production.serving.schemas import Event, Item, Person
from recsys_book.production.serving.service import Service
from recsys_book.production.serving.settings import ServerSettings


def create_app(
    backend: Backend,
    cache: Cache | None = None,
    settings: ServerSettings | None = None,
    page: str | Path | None = None,
) -> FastAPI:
    """Build the application.

    The model is loaded in the background when the server starts; until then everybody gets the
    popular list, and ``/ready`` says so.

    Args:
        backend: The recommender.
        cache: Where answers are kept; None keeps them in this process.
        settings: The limits.
        page: Folder of a web page that is served at ``/``; None serves none.

    Returns:
        The application; its ``state.service`` is what answers.
    """
    settings = ServerSettings() if settings is None else settings
    measures = Measures(settings.latencies)
    service = Service(backend, LocalCache() if cache is None else cache, settings, measures)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(_load(backend, measures, settings.freeze))
        yield
        loading.cancel()
        await service.close()

    # The interactive documentation of FastAPI asks a host outside; /openapi.json does not.
    app = FastAPI(title="Recommendations", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.service = service
    app.add_middleware(Guard, settings=settings, measures=measures)
    _answer_errors(app, settings)
    _add_watching(app, service)
    _add_people(app, service)
    _add_items(app, service)
    if page is not None:
        app.mount("/", StaticFiles(directory=page, html=True))
    return app


async def _load(backend: Backend, measures: Measures, freeze: bool) -> None:
    try:
        await asyncio.to_thread(backend.load)
        if freeze:
            gc.collect()
            gc.freeze()
    except Exception as error:  # the server goes on with the popular list
        measures.count("load failed")
        print(f"recs: the model cannot be loaded: {error}", file=sys.stderr)


def _answer_errors(app: FastAPI, settings: ServerSettings) -> None:
    """Turn every exception that is the client's into one sentence."""

    def refuse(status: int, text: str) -> JSONResponse:
        return JSONResponse({"error": text}, status)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return refuse(422, validation_sentence(error.errors()))

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        status = error.status_code
        return refuse(status, sentence(status, max_body=settings.max_body))

    @app.exception_handler(Unknown)
    async def unknown(request: Request, error: Unknown) -> Response:
        return refuse(404, str(error))

    @app.exception_handler(ModelAway)
    async def away(request: Request, error: ModelAway) -> Response:
        return refuse(503, str(error))


def _add_watching(app: FastAPI, service: Service) -> None:
    """Add what a person or a machine that runs the server looks at."""

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Say that the process answers."""
        return {"status": "ok"}

    @app.get("/ready")
    async def ready() -> Response:
        """Say whether the model is loaded and works."""
        if service.backend.ready() and service.breaker.closed:
            return JSONResponse({"status": "ready", "version": service.backend.version})
        return JSONResponse({"error": "The model is away; the popular list is served."}, 503)

    @app.get("/stats")
    async def stats() -> dict[str, Any]:
        """Return counts and percentiles."""
        return service.measures.report(service.cache.stats())

    @app.get("/metrics")
    async def metrics() -> Response:
        """Return the same for Prometheus."""
        report = service.measures.report(service.cache.stats())
        return PlainTextResponse(exposition(report))


def _add_people(app: FastAPI, service: Service) -> None:
    """Add what concerns a person."""
    limits, backend = service.settings, service.backend

    @app.post("/people", status_code=201)
    async def new_person() -> dict[str, str]:
        """Make a guest."""
        return {"person": backend.new_person()}

    @app.get("/people/{person}")
    async def describe(person: Person) -> dict[str, Any]:
        """Show what is kept of a person."""
        return backend.describe(person)

    @app.delete("/people/{person}/events")
    async def forget(person: Person) -> dict[str, str]:
        """Forget what the person has added."""
        backend.forget(person)
        return {"status": "forgotten"}

    @app.post("/people/{person}/events", status_code=201)
    async def record(person: Person, event: Event) -> dict[str, Any]:
        """Add an event; the next list knows it."""
        return backend.record(person, event.item, event.stars)

    @app.get("/people/{person}/recommendations")
    async def recommend(
        person: Person,
        k: Annotated[int, Query(ge=1, le=limits.max_k)] = 10,
        variety: Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)] = 0.0,
    ) -> Response:
        """List what a person may want next, with reasons."""
        body, source = await service.recommend(person, k, round(variety, 2))
        return Response(body, media_type="application/json", headers={"X-Answer": source})


def _add_items(app: FastAPI, service: Service) -> None:
    """Add what concerns the catalogue."""
    limits, backend = service.settings, service.backend

    @app.get("/items")
    async def search(
        text: Annotated[str, Query(max_length=limits.max_query)] = "",
        limit: Annotated[int, Query(ge=1, le=limits.max_k)] = 10,
    ) -> dict[str, Any]:
        """Find items by name."""
        return {"items": backend.search(text, limit)}

    @app.get("/items/{item}/similar")
    async def similar(
        item: Item, k: Annotated[int, Query(ge=1, le=limits.max_k)] = 10
    ) -> dict[str, Any]:
        """List the nearest items."""
        return {"items": backend.similar(item, k)}
