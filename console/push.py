"""Where a jail's or provider's system posts its deliveries. Each feed has tokens of its own; see `warmlink feed token`.

What is answered follows from the content and the feed's mapping, and is answered before anything is matched.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from audit.leaves import Kind, leaf
from console.api.description import FAULTS
from console.faults import answer
from console.guard import Open, bearer
from console.pace import Buckets
from console.runtime import runtime_of
from service import feed_tokens
from service.engine import Engine
from service.receiving import MOST_PUSHED, TooLarge, arriving, taken

ADDRESS = "/api/v1/feeds/"
router = APIRouter(prefix=ADDRESS.rstrip("/"))

SLOWEST = timedelta(minutes=10)
"""For one delivery to arrive."""
GUESSES = 30
"""A minute, of all together, that are told to be wrong and stand in the log. Who holds a token is never slowed down by them."""


@dataclass(slots=True)
class Doors:
    """What this process remembers of senders."""

    guesses: Buckets
    at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(4))


def install(app: FastAPI, engine: Engine) -> None:
    app.state.doors = Doors(Buckets(GUESSES, engine.clock))


class Sender(Open):
    """The gate: no session and no page, but a token of the feed. Gives the refusal, or None for whoever may come in."""

    async def __call__(self, request: Request) -> Response | None:  # type: ignore[override] # it has to ask the database
        super().__call__(request)
        engine, feed = runtime_of(request).engine, request.path_params["feed"]
        if await run_in_threadpool(feed_tokens.holds, engine, feed, bearer(request) or ""):
            return None
        wait = _doors(request).guesses.take(b"")
        if wait:
            return _slower(request, wait)
        await run_in_threadpool(_note, engine, feed)
        return _answered(request, 401, "a token of this feed is needed", **{"WWW-Authenticate": "Bearer"})


class Received(BaseModel):
    """What the sender is told. It follows from the content and the feed's mapping alone: never from who is on a roster."""

    status: Literal["received", "refused"]
    delivery: str = Field(description="its name in the log; the same content has the same")
    rows: int
    refused: int = Field(description="rows that were set aside; the others are taken in")
    problems: list[tuple[int, str, str]] = Field(description="(line, field, code) of rows that were set aside")
    reason: str = Field(description="why nothing of it was taken, where that is so")


ANSWERS: dict[int | str, dict[str, Any]] = {
    202: {"description": "Sealed on the disk; it is read in the next cycle", "model": Received},
    400: FAULTS[400] | {"description": "It broke off: send it again"},
    401: FAULTS[401] | {"description": "A token of this feed is needed; an account's token is none"},
    408: FAULTS[400] | {"description": "It took longer than ten minutes to arrive: send it again"},
    413: FAULTS[413],
    415: FAULTS[400] | {"description": "Send it as it is, not compressed"},
    422: {"description": "It is not to be believed: nothing of it was taken. Do not send it again as it is", "model": Received},
    429: FAULTS[429],
    503: FAULTS[503],
}  # fmt: skip
DELIVERY = {
    "requestBody": {
        "required": True,
        "description": "One delivery, as it would lie in a folder: the file of a feed whose transport is `push`",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    },
    "security": [{"feed": []}],
}


@router.post("/{feed}/deliveries", status_code=202, responses=ANSWERS, openapi_extra=DELIVERY)
async def push(request: Request, feed: str, refusal: Annotated[Response | None, Depends(Sender())]) -> Response:
    """One delivery, as it would lie in a folder. 202 once it is sealed on the disk; 422 if it is not to be believed."""
    if refusal is not None:
        return refusal
    if request.headers.get("content-encoding", "identity") != "identity":
        return _answered(request, 415, "send it as it is, not compressed")
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > MOST_PUSHED:
        return _too_large(request)
    at_once = _doors(request).at_once
    if at_once.locked():
        return _slower(request, wait=10)
    async with at_once:
        return await _received(request, feed)


async def _received(request: Request, feed: str) -> Response:
    engine = runtime_of(request).engine
    try:
        with arriving(engine, feed) as incoming:
            async with asyncio.timeout(SLOWEST.total_seconds()):
                async for piece in request.stream():
                    if incoming.size + len(piece) > MOST_PUSHED:
                        return _too_large(request)
                    await run_in_threadpool(incoming.write, piece)
            receipt = await run_in_threadpool(taken, engine, feed, incoming, engine.clock())
    except TooLarge:
        return _too_large(request)
    except TimeoutError:
        return _answered(request, 408, "it took too long to arrive; send it again")
    except ClientDisconnect:
        return _answered(request, 400, "it broke off; send it again")
    return JSONResponse(asdict(receipt), 202 if receipt.status == "received" else 422)


def _doors(request: Request) -> Doors:
    doors: Doors = request.app.state.doors
    return doors


def _note(engine: Engine, feed: str) -> None:
    """Somebody came without a good token. The feed is named where there is one: what was made up is not repeated."""
    known = feed if any(one.id == feed for one in engine.settings.feeds) else None
    refused = leaf(Kind.LOGIN, method="token", result="failed", by=known, code="no_token_of_the_feed")
    with engine.database.write() as conn:
        engine.audit.append(conn, [refused], engine.clock())


def _too_large(request: Request) -> Response:
    return _answered(request, 413, f"a delivery has at most {MOST_PUSHED >> 20} MB", Connection="close")


def _slower(request: Request, wait: int) -> Response:
    return _answered(request, 429, "too many at once; wait a little", **{"Retry-After": str(wait)})


def _answered(request: Request, status: int, words: str, **headers: str) -> Response:
    given = answer(request, status, words)
    given.headers.update(headers)
    return given
