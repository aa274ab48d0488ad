"""Every refusal is one sentence: what was wrong, and what to do; never a stack trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_STATUS = {
    400: "The request cannot be read; send valid HTTP with a valid JSON body.",
    404: "There is nothing at this address; see / for the page and /openapi.json for the rest.",
    405: "This address does not take this method; see /openapi.json.",
    413: "The body is too large; send at most {max_body} bytes.",
    500: "The server failed on this request; it has been counted, please try again.",
    503: "The server is busy; try again in {retry_after} s.",
}


def sentence(status: int, **values: Any) -> str:
    """Return the sentence of a status.

    Args:
        status: HTTP status.
        **values: What the sentence names.

    Returns:
        One sentence; of another status, one that names it.
    """
    text = _STATUS.get(status, f"The request was refused with status {status}.")
    return text.format(**values)


def validation_sentence(errors: Sequence[dict[str, Any]]) -> str:
    """Turn what pydantic found into one sentence about the first of it.

    What was sent is never repeated: it may be hostile, secret or huge.

    Args:
        errors: From ``RequestValidationError.errors()``.

    Returns:
        The sentence.
    """
    first = errors[0] if errors else {"type": "unknown", "loc": (), "msg": ""}
    kind, place = first["type"], [str(part) for part in first["loc"]]
    if kind == "json_invalid":
        return 'The body is not valid JSON; send an object such as {"item": "50"}.'
    name = place[-1] if place else "request"
    where = {"query": "query parameter", "path": "address", "body": "body"}
    part = where.get(place[0], "request") if place else "request"
    if kind == "missing":
        return f"The {part} lacks {name!r}; add it." if len(place) > 1 else f"The {part} is empty."
    if kind == "extra_forbidden":
        return f"The {part} has a field that is not known; see /openapi.json for those that are."
    message = first["msg"].rstrip(".").replace("Input", "it").replace("String", "it")
    label = "The body" if name == "body" else f"{name!r} in the {part}"
    return f"{label[0].upper()}{label[1:]} is not accepted: {message[:1].lower()}{message[1:]}."
