"""The inbox for scripts and for our own page: keys, threads, opening, answering, reporting."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, BackgroundTasks, Request, Response
from pydantic import AwareDatetime, BaseModel, Field

from alerts.followup import (
    Appointment,
    Contact,
    ContactMode,
    Disposed,
    Disposition,
    FirstContact,
    Initiator,
    Outcome,
    Reason,
    Verdict,
)
from alerts.keys import PublicKey
from console.api.description import FAULTS, PREFIX, Body, Count, Ref
from console.desks.inbox import After, place_of
from console.guard import CaseManager
from console.runtime import runtime_of
from records import AlertRef
from service import registry
from service.cli.common import plain
from service.desks import inbox, renewal
from service.reading import release

router = APIRouter(prefix=PREFIX, responses=FAULTS)


class KeyState(BaseModel):
    """The thumbprint that new messages are sealed to, and the public key that they are signed with."""

    kid: str | None
    signer: dict[str, str]


class PublicHalf(BaseModel):
    kid: str
    jwk: dict[str, str]


class Enrolment(Body):
    """The public half of a P-256 key as JWK."""

    jwk: dict[str, str]


class Opening(Body):
    kid: str = Field(pattern="^[A-Za-z0-9_-]{43}$")


class Sealed(BaseModel):
    """A compact JWE that only the holder of the key can open, and our clock to judge its expiry by."""

    jwe: str
    now: datetime


class Answer(Body):
    verdict: Literal["is_my_client", "not_my_client", "not_on_my_caseload", "cannot_act"]


class Answered(BaseModel):
    verdict: str
    taken_on_by: str | None


class Reported(Body):
    """What came of it. `at` is now where it is left out; a note rests sealed and is in no report."""

    contact: ContactMode | None = None
    contact_initiator: Initiator | None = None
    contact_reason: Reason | None = None
    disposition: Disposition | None = None
    after_release: Literal["seen", "appointment_kept"] | None = None
    """In one click, as of `at`; the fields below say another time."""
    first_contact_at: AwareDatetime | None = None
    appointment_at: AwareDatetime | None = None
    appointment_kept: bool = False
    at: AwareDatetime | None = None
    note: str = Field("", max_length=2000)


@router.get("/key")
def key(request: Request, who: CaseManager) -> KeyState:
    engine = runtime_of(request).engine
    return KeyState(kid=inbox.key_in_force(engine, who.member), signer=engine.signer.trusted.jwk())


@router.get("/keys")
def keys(request: Request, who: CaseManager) -> list[PublicHalf]:
    """The public halves of one's own keys, to fit a recovery code to."""
    return [PublicHalf(kid=kid, jwk=jwk) for kid, jwk in inbox.keys_of(runtime_of(request).engine, who.member)]


@router.post("/key", status_code=201)
def enrol(request: Request, who: CaseManager, body: Enrolment) -> KeyState:
    """Put the public half of a key that was made in the browser in force. A private key is refused unread."""
    runtime = runtime_of(request)
    runtime.require_fresh(who)
    public = PublicKey.enrol(body.jwk)
    registry.enrol(runtime.engine, who.member, public)
    return KeyState(kid=public.kid, signer=runtime.engine.signer.trusted.jwk())


@router.get("/inbox")
def list_inbox(request: Request, response: Response, who: CaseManager, after: After = None) -> list[dict[str, Any]]:
    """Threads by booking. When and what sort; never whom. Where there are more, `Link` says where (RFC 8288, rel="next")."""
    found, onward = inbox.threads(runtime_of(request).engine, who.member, after=place_of(after))
    if onward is not None:
        response.headers["link"] = f'<{PREFIX}/inbox?after={quote(str(onward))}>; rel="next"'
    threads: list[dict[str, Any]] = plain(list(found))
    return threads


@router.post("/inbox/seal-anew")
def seal_anew(request: Request, who: CaseManager, body: Opening) -> Count:
    """Seal what still stands to the key now in force, each after asking consent."""
    return Count(count=renewal.seal_anew(runtime_of(request).engine, who.member, body.kid))


@router.post("/inbox/{alert}/open")
def open_alert(request: Request, who: CaseManager, alert: Ref, body: Opening) -> Sealed:
    """The sealed message, after asking consent once more. The opening is in the audit log before it is given."""
    engine = runtime_of(request).engine
    return Sealed(jwe=release(engine, AlertRef(alert), body.kid, by=who.member), now=engine.clock())


@router.post("/inbox/{alert}/answer")
def answer(request: Request, who: CaseManager, work: BackgroundTasks, alert: Ref, body: Answer) -> Answered:
    runtime = runtime_of(request)
    earlier = inbox.answer(runtime.engine, AlertRef(alert), who.member, Verdict(body.verdict))
    work.add_task(runtime.dispatch)
    return Answered(verdict=body.verdict, taken_on_by=earlier)


@router.post("/inbox/{alert}/outcome")
def report(request: Request, who: CaseManager, alert: Ref, body: Reported) -> Count:
    """What came of it, each outcome once. Gives how many were new."""
    engine = runtime_of(request).engine
    done = list(_outcomes(body, body.at or engine.clock()))
    new = [inbox.report(engine, AlertRef(alert), who.member, each, body.note) for each in done]
    return Count(count=sum(new))


def _outcomes(body: Reported, at: datetime) -> Iterator[Outcome]:
    if body.contact is not None:
        yield Contact(at, body.contact, body.contact_initiator, body.contact_reason)
    if body.after_release == "seen":
        yield FirstContact(at)
    if body.after_release == "appointment_kept":
        yield Appointment(at, kept=True)
    if body.first_contact_at is not None:
        yield FirstContact(body.first_contact_at)
    if body.appointment_at is not None:
        yield Appointment(body.appointment_at, body.appointment_kept)
    if body.disposition is not None:
        yield Disposed(at, body.disposition)
