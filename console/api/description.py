"""How the API describes itself: one shape for every fault, two ways to say who asks."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict, Field

PREFIX = "/api/v1"

Ref = Annotated[str, Field(pattern="^[a-z2-7]{26}$")]
"""An opaque reference of ours."""


class Body(BaseModel):
    """What is sent to us. What we do not know is refused."""

    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """What went wrong (RFC 9457). Names fields, never what was in them."""

    type: str
    status: int
    title: str
    detail: str


class Count(BaseModel):
    count: int


class Done(BaseModel):
    """It was done; there is nothing more to say."""

    done: bool = True


_WORDS = {
    400: "What was sent is not JSON at all",
    401: "Nobody is signed in, or the token is over",
    403: "The account has no right to that, or the request did not come from its page",
    404: "It does not exist, or it is not yours",
    409: "It changed meanwhile",
    413: "The body is too large",
    422: "What was sent cannot be read, or cannot be done",
    429: "Too many requests: wait as long as Retry-After says",
    503: "Busy: try again",
}
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
FAULTS: dict[int | str, dict[str, Any]] = {
    status: {"description": words, "content": _PROBLEM} for status, words in _WORDS.items()
}

_ABOUT = (
    "What the desks do, for scripts. Send `Authorization: Bearer` with a token made on your account page: it acts as your"
    " account, in the one role that it was made for, until its end. Numbers of bookings and clients travel in bodies, never"
    " in addresses."
)


def describe(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1 of the routes under /api/v1."""
    made = get_openapi(title="Warmlink", version="1", openapi_version="3.1.0", description=_ABOUT, routes=app.routes)
    components = made.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = Problem.model_json_schema()
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "of an account, made on its page"},
        "feed": {"type": "http", "scheme": "bearer", "description": "of one feed, made by `warmlink feed token`"},
    }
    made["security"] = [{"token": []}]
    return made
