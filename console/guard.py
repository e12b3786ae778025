"""The gate that every route stands behind. A route without one is refused when the application is built."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from audit.leaves import Kind, leaf
from config import ConfigError, Refuse
from console.proofs import csrf_token, same
from console.rights import NotAllowed, Principal, Right
from console.runtime import Runtime, runtime_of

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "x-csrf-token"
API = "/api/v1/"


class NotSignedIn(Refuse):
    """There is no session, or it has ended."""


class NotFound(Refuse):
    """It does not exist, or it is not yours: nobody can tell the two apart."""


class ForgedRequest(Refuse):
    """The request did not come from a page of ours."""


class Gate(Protocol):
    """What stands before a route."""

    right: Right | None


class Needs:
    """Asks for a session whose account has the right, and of whatever changes something that it came from our own page."""

    def __init__(self, right: Right) -> None:
        self.right: Right | None = right

    async def __call__(self, request: Request) -> Principal:
        runtime = runtime_of(request)
        secret = bearer(request)
        if secret is None:
            who = await run_in_threadpool(runtime.sign_in.principal, runtime.token_of(request))
        else:
            who = await run_in_threadpool(runtime.tokens.principal, secret, address_of(request))
        if who is None:
            raise NotSignedIn("sign in first")
        if secret is None and request.method not in SAFE:
            await _from_our_page(request, runtime, who)
        if self.right is not None and not who.may(self.right):
            await run_in_threadpool(_note_refusal, runtime, who, self.right)
            raise NotAllowed("this account has no right to that")
        request.state.principal = who
        return who


class Open:
    """For everyone: the door itself, and what says only that the machine is up."""

    right: Right | None = None

    def __call__(self, request: Request) -> None:
        if request.method not in SAFE:
            _same_origin(request, runtime_of(request))


OPEN = Depends(Open())

NEEDS = {right: Depends(Needs(right)) for right in Right}
"""For routes that ask for a right and no further about who has it."""

SignedIn = Annotated[Principal, Depends(Needs(Right.SIGNED_IN))]
CaseManager = Annotated[Principal, Depends(Needs(Right.INBOX))]
Reviewer = Annotated[Principal, Depends(Needs(Right.REVIEW))]
TeamLead = Annotated[Principal, Depends(Needs(Right.TEAM))]
ComplianceOfficer = Annotated[Principal, Depends(Needs(Right.COMPLIANCE))]
Measurer = Annotated[Principal, Depends(Needs(Right.MEASURES))]
Operator = Annotated[Principal, Depends(Needs(Right.OPERATE))]
Administrator = Annotated[Principal, Depends(Needs(Right.ADMINISTER))]


def guarded_routes(routers: Iterable[APIRouter]) -> Iterator[tuple[APIRoute, Gate]]:
    """Every route with its gate. Raises ConfigError for one that has none, or two, or that cannot be looked into."""
    for route in (r for router in routers for r in router.routes):
        if not isinstance(route, APIRoute):
            raise ConfigError(
                f"a {type(route).__name__} cannot be checked for a gate; give its routes to the application"
            )
        gates = [d.call for d in route.dependant.dependencies if isinstance(d.call, Needs | Open)]
        if len(gates) != 1:
            raise ConfigError(f"route {route.path} stands behind {len(gates)} gates; it needs one")
        yield route, gates[0]


def bearer(request: Request) -> str | None:
    """The token of a script, on the API only. No browser sends one by itself, so no page token goes with it."""
    given = request.headers.get("authorization", "")
    if not given or not request.url.path.startswith(API):
        return None
    return given.removeprefix("Bearer ").strip()


def address_of(request: Request) -> str:
    """Where a request comes from; only a keyed name of it is ever kept."""
    return request.client.host if request.client else ""


async def _from_our_page(request: Request, runtime: Runtime, who: Principal) -> None:
    """Cookie and page must belong together: origin first, then the token that only our page could know."""
    _same_origin(request, runtime)
    given = request.headers.get(CSRF_HEADER)
    if given is None:
        form = await request.form()
        given = str(form.get("csrf", ""))
    if not same(given, csrf_token(who.token)):
        raise ForgedRequest("this form is no longer good; load the page again")


def _same_origin(request: Request, runtime: Runtime) -> None:
    origin = request.headers.get("origin")
    if origin is not None and origin != runtime.origin:
        raise ForgedRequest("this request comes from another site")
    if origin is None and request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise ForgedRequest("this request comes from another site")


def _note_refusal(runtime: Runtime, who: Principal, right: Right) -> None:
    refused = leaf(Kind.REFUSED_ATTEMPT, action="view", reasons=["RIGHT_MISSING"], by=who.name, code=right.value)
    with runtime.engine.database.write() as conn:
        runtime.engine.audit.append(conn, [refused], runtime.engine.clock())
