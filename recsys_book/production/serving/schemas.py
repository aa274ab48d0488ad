"""What a request may hold, and how large it may be."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

#: Names of people and items: short, and free of anything that means something elsewhere.
NAME = r"^[A-Za-z0-9_-]{1,64}$"

Person = Annotated[str, Path(pattern=NAME, description="A name from the log, or of a guest.")]
Item = Annotated[str, Path(pattern=NAME, description="An item of the catalogue.")]


class Event(BaseModel):
    """Something that a person did.

    Attributes:
        item: The item.
        stars: The rating; none means that it was watched only.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    item: str = Field(pattern=NAME)
    stars: float | None = Field(default=None, ge=1, le=5, allow_inf_nan=False)
