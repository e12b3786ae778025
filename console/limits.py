"""A request is small, but for a draft of the rules; and what a feed is sent counts for itself."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.faults import answer

MOST = 64 * 1024
ROOMY = {"/rules/trial": 512 * 1024, "/api/v1/rules/trial": 512 * 1024}
"""A whole rule book is larger than any other thing that is sent."""


class BodyLimit:
    """Refuses a body beyond the limit, by its declared length or, where that is missing or false, while reading.

    What lies under `elsewhere` has a limit of its own.
    """

    def __init__(self, app: ASGIApp, elsewhere: str) -> None:
        self._app, self._elsewhere = app, elsewhere

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(self._elsewhere):
            await self._app(scope, receive, send)
            return
        most = ROOMY.get(scope["path"], MOST)
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > most:
            await answer(Request(scope), 413, "too large")(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most:
                return {"type": "http.disconnect"}
            return message

        await self._app(scope, counted, send)
