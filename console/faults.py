"""From our errors to answers. What went wrong is said in words; what was sent is never repeated."""

from __future__ import annotations

import traceback
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alerts.errors import AlertNotOpen, KeyRefused, NotTheRecipient, OutcomeRefused
from audit.leaves import Kind, leaf
from config import Refuse, Retry, TellPerson, WarmlinkError
from console.guard import ForgedRequest, NotFound, NotSignedIn
from console.pages import go, page
from console.rights import NotAllowed
from console.runtime import runtime_of
from service.desks.mend import NothingWaits
from service.desks.review import NoSuchReview, ReviewSettled
from service.desks.threads import NoSuchThread
from service.logs import error_code
from service.name_search import NoSuchSearch, TooManySearches
from service.reading import NotAvailable

STATUS: tuple[tuple[type[WarmlinkError], int], ...] = (
    (NotSignedIn, 401),
    (NotAllowed, 403),
    (ForgedRequest, 403),
    (NotFound, 404),
    (NotTheRecipient, 404),
    (NoSuchReview, 404),
    (NotAvailable, 404),
    (NoSuchThread, 404),
    (NoSuchSearch, 404),
    (TooManySearches, 429),
    (AlertNotOpen, 409),
    (ReviewSettled, 409),
    (NothingWaits, 409),
    (KeyRefused, 422),
    (OutcomeRefused, 422),
    (Refuse, 422),
    (Retry, 503),
    (TellPerson, 500),
    (WarmlinkError, 500),
)


def install(app: FastAPI) -> None:
    app.add_exception_handler(WarmlinkError, _ours)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _plain)


def status_of(fault: WarmlinkError) -> int:
    return next(status for kind, status in STATUS if isinstance(fault, kind))


def _ours(request: Request, fault: Exception) -> Response:
    status = status_of(fault) if isinstance(fault, WarmlinkError) else 500
    if isinstance(fault, NotTheRecipient | NoSuchReview | NoSuchThread | NoSuchSearch):
        _note(request)
    if status >= 500:
        runtime_of(request).engine.log.error("console.failed", error=error_code(fault))
    if status == 401 and not _wants_json(request):
        return go("/sign-in")
    return answer(request, status, str(fault) if status < 500 else "")


def _note(request: Request) -> None:
    """Somebody reached for what is another's, or for nothing: the log has it either way, the answer tells neither."""
    who, engine = getattr(request.state, "principal", None), runtime_of(request).engine
    reached = leaf(Kind.REFUSED_ATTEMPT, action="view", reasons=["NOT_YOURS"], by=who.name if who else None)
    with engine.database.write() as conn:
        engine.audit.append(conn, [reached], engine.clock())


def _unreadable(request: Request, fault: Exception) -> Response:
    """Names the fields. The library's own answer would quote what was sent."""
    places = sorted({".".join(map(str, e["loc"][1:])) for e in fault.errors()}) if isinstance(fault, RequestValidationError) else []  # fmt: skip
    return answer(request, 422, f"cannot be read: {', '.join(places)}")


def _plain(request: Request, fault: Exception) -> Response:
    return answer(request, fault.status_code if isinstance(fault, HTTPException) else 500, "")


class LastResort:
    """What nobody foresaw ends here: left alone, the server would print the error, and its message may hold a person."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as fault:  # noqa: BLE001 - only its class and place may be told
            place = traceback.extract_tb(fault.__traceback__)[-1]
            log = scope["app"].state.runtime.engine.log
            log.error(
                "console.unforeseen", error=f"{type(fault).__name__} at {Path(place.filename).name}:{place.lineno}"
            )
            if scope["type"] == "http" and not begun:
                await answer(Request(scope, receive), 500, "")(scope, receive, send)


def answer(request: Request, status: int, detail: str) -> Response:
    """The fault as the asker reads it: a problem (RFC 9457) for a script, a page for a person."""
    if _wants_json(request):
        body = {"type": "about:blank", "status": status, "title": _TITLES.get(status, "Error"), "detail": detail}
        return JSONResponse(body, status_code=status, media_type="application/problem+json")
    return page(request, "fault.html", status=status, code=status, detail=detail)


_TITLES = {
    401: "Sign in",
    403: "Not allowed",
    404: "Not found",
    409: "Changed meanwhile",
    413: "Too large",
    422: "Refused",
    429: "Too fast",
    503: "Busy",
}


def _wants_json(request: Request) -> bool:
    return request.url.path.startswith("/api/") or "application/json" in request.headers.get("accept", "")
