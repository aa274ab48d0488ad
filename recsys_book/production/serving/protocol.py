"""What a recommender must be able to do so that the server can serve it."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable


class Unknown(LookupError):
    """A person or an item that the backend does not know; the message is the answer's sentence."""


class ModelAway(RuntimeError):
    """There is no model at the moment: it is not loaded yet, or it is gone."""


@runtime_checkable
class Backend(Protocol):
    """The recommender behind the server.

    Every answer is a dictionary that JSON can hold. The server may call methods from several
    threads at once.
    """

    @property
    def version(self) -> str:
        """Name of the model and its data; answers of different versions are never mixed."""
        ...

    def ready(self) -> bool:
        """Say whether the model is loaded."""
        ...

    def load(self) -> None:
        """Load the model; called once, in a thread, when the server starts."""
        ...

    def state_of(self, person: str) -> str:
        """Return a name for the present history of a person; it changes with every event.

        Raises:
            Unknown: If there is no such person.
        """
        ...

    def recommend(self, person: str, k: int, variety: float) -> dict[str, Any]:
        """Return the answer for a person: ``items``, the best first, and anything beside them.

        Raises:
            Unknown: If there is no such person.
            ModelAway: If there is no model.
        """
        ...

    def popular(self, k: int) -> dict[str, Any]:
        """Return the list for everybody. It needs no model and never fails."""
        ...

    def record(self, person: str, item: str, stars: float | None) -> dict[str, Any]:
        """Let an event change every later answer for a person.

        Raises:
            Unknown: If there is no such person or item.
        """
        ...

    def new_person(self) -> str:
        """Return the name of a new guest."""
        ...

    def describe(self, person: str) -> dict[str, Any]:
        """Return what is kept of a person.

        Raises:
            Unknown: If there is no such person.
        """
        ...

    def forget(self, person: str) -> None:
        """Forget the events that a person has added.

        Raises:
            Unknown: If there is no such person.
        """
        ...

    def search(self, text: str, limit: int) -> list[dict[str, Any]]:
        """Return items by their name."""
        ...

    def similar(self, item: str, k: int) -> list[dict[str, Any]]:
        """Return the nearest items of an item.

        Raises:
            Unknown: If there is no such item.
            ModelAway: If there is no model.
        """
        ...
