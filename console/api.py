"""/api/v1: what the desks do, for scripts and for our own pages. OpenAPI 3.1 describes it at /api/v1/openapi.json."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, BackgroundTasks, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from alerts.followup import Appointment, Contact, ContactMode, Disposed, Disposition, FirstContact, Outcome, Verdict
from alerts.keys import PublicKey
from console.guard import (
    OPEN,
    CaseManager,
    ComplianceOfficer,
    Measurer,
    NotAllowed,
    Operator,
    Reviewer,
    SignedIn,
)
from console.rights import Principal
from console.runtime import runtime_of
from records import AlertRef, StaffId
from service import registry
from service.cli.common import plain
from service.desks import compliance, inbox, renewal, review
from service.desks.measures import measures
from service.desks.operations import operations
from service.reading import release

router = APIRouter(prefix="/api/v1")
Ref = Annotated[str, Field(pattern="^[a-z2-7]{26}$")]


class Body(BaseModel):
    """What is sent to us. What we do not know is refused."""

    model_config = ConfigDict(extra="forbid")


class Me(BaseModel):
    name: str
    organisation: str | None
    rights: list[str]


class KeyState(BaseModel):
    """The thumbprint that new messages are sealed to, and the public key that they are signed with."""

    kid: str | None
    signer: dict[str, str]


class PublicHalf(BaseModel):
    kid: str
    jwk: dict[str, str]


class Enrolment(Body):
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
    disposition: Disposition | None = None
    first_contact_at: AwareDatetime | None = None
    appointment_at: AwareDatetime | None = None
    appointment_kept: bool = False
    at: AwareDatetime | None = None
    note: str = Field("", max_length=2000)


class Count(BaseModel):
    count: int


class Decision(Body):
    opinion: review.Opinion


class State(BaseModel):
    state: str


class BookingSearch(Body):
    number: str = Field(min_length=1, max_length=64)
    agency: str | None = Field(None, max_length=64)


class Verified(BaseModel):
    good: bool
    words: str
    entries: int


@router.get("/me")
def me(who: SignedIn) -> Me:
    return Me(name=who.name, organisation=who.org, rights=sorted(r.value for r in who.rights))


@router.get("/openapi.json", dependencies=[OPEN], include_in_schema=False)
def openapi(request: Request) -> dict[str, Any]:
    description: dict[str, Any] = request.app.openapi()
    return description


@router.get("/key")
def key(request: Request, who: CaseManager) -> KeyState:
    engine = runtime_of(request).engine
    return KeyState(kid=inbox.key_in_force(engine, _staff(who)), signer=engine.signer.trusted.jwk())


@router.get("/keys")
def keys(request: Request, who: CaseManager) -> list[PublicHalf]:
    """The public halves of one's own keys, to fit a recovery code to."""
    return [PublicHalf(kid=kid, jwk=jwk) for kid, jwk in inbox.keys_of(runtime_of(request).engine, _staff(who))]


@router.post("/key", status_code=201)
def enrol(request: Request, who: CaseManager, body: Enrolment) -> KeyState:
    """Put the public half of a key that was made in the browser in force. A private key is refused unread."""
    runtime = runtime_of(request)
    runtime.require_fresh(who)
    public = PublicKey.enrol(body.jwk)
    registry.enrol(runtime.engine, _staff(who), public)
    return KeyState(kid=public.kid, signer=runtime.engine.signer.trusted.jwk())


@router.get("/inbox")
def list_inbox(request: Request, who: CaseManager) -> list[dict[str, Any]]:
    """Threads by booking. When and what sort; never whom."""
    threads: list[dict[str, Any]] = plain(list(inbox.threads(runtime_of(request).engine, _staff(who))))
    return threads


@router.post("/inbox/seal-anew")
def seal_anew(request: Request, who: CaseManager, body: Opening) -> Count:
    """Seal what still stands to the key now in force, each after asking consent."""
    return Count(count=renewal.seal_anew(runtime_of(request).engine, _staff(who), body.kid))


@router.post("/inbox/{alert}/open")
def open_alert(request: Request, who: CaseManager, alert: Ref, body: Opening) -> Sealed:
    """The sealed message, after asking consent once more. The opening is in the audit log before it is given."""
    engine = runtime_of(request).engine
    return Sealed(jwe=release(engine, AlertRef(alert), body.kid, by=_staff(who)), now=engine.clock())


@router.post("/inbox/{alert}/answer")
def answer(request: Request, who: CaseManager, work: BackgroundTasks, alert: Ref, body: Answer) -> Answered:
    runtime = runtime_of(request)
    earlier = inbox.answer(runtime.engine, AlertRef(alert), _staff(who), Verdict(body.verdict))
    work.add_task(runtime.dispatch)
    return Answered(verdict=body.verdict, taken_on_by=earlier)


@router.post("/inbox/{alert}/outcome")
def report(request: Request, who: CaseManager, alert: Ref, body: Reported) -> Count:
    """What came of it, each outcome once. Gives how many were new."""
    engine = runtime_of(request).engine
    done = list(_outcomes(body, body.at or engine.clock()))
    new = [inbox.report(engine, AlertRef(alert), _staff(who), each, body.note) for each in done]
    return Count(count=sum(new))


@router.get("/reviews")
def list_reviews(request: Request, who: Reviewer) -> list[dict[str, Any]]:
    """Doubtful matches by agreement levels; nothing in them names anybody."""
    queue: list[dict[str, Any]] = plain(list(review.queue(runtime_of(request).engine, who.org, who.name)))
    return queue


@router.get("/reviews/{link}")
def one_review(request: Request, who: Reviewer, link: Ref) -> dict[str, Any]:
    doubt: dict[str, Any] = plain(review.one(runtime_of(request).engine, link, who.org, who.name))
    return doubt


@router.post("/reviews/{link}")
def decide(request: Request, who: Reviewer, work: BackgroundTasks, link: Ref, body: Decision) -> State:
    runtime = runtime_of(request)
    state = review.decide(runtime.engine, link, who.org, _staff(who), body.opinion)
    work.add_task(runtime.dispatch)
    return State(state=state)


@router.post("/explanations")
def explain(request: Request, who: ComplianceOfficer, body: BookingSearch) -> dict[str, Any]:
    """Why told, why not, or never received. A POST: booking numbers do not belong into addresses."""
    engine = runtime_of(request).engine
    found: dict[str, Any] = plain(compliance.search_booking(engine, body.number, body.agency, who.org, who.name))
    return found


@router.get("/reports/{name}")
def report_rows(request: Request, response: Response, who: ComplianceOfficer, name: str) -> list[dict[str, Any]]:
    if name not in compliance.REPORTS:
        response.status_code = 404
        return []
    table = compliance.report(runtime_of(request).engine, name, who.org, who.name)
    return [plain(dict(zip(table.columns, cells, strict=True))) for cells in table.cells()]


@router.get("/log/verification")
def verification(request: Request, who: ComplianceOfficer) -> Verified:
    del who
    found = compliance.verification(runtime_of(request).engine)
    return Verified(good=found.good, words=found.words, entries=found.entries)


@router.get("/measures")
def measured(request: Request, who: Measurer) -> dict[str, Any]:
    found: dict[str, Any] = plain(measures(runtime_of(request).engine, who.org))
    return found


@router.get("/operations")
def operated(request: Request, who: Operator) -> dict[str, Any]:
    del who
    found: dict[str, Any] = plain(operations(runtime_of(request).engine))
    return found


def _staff(who: Principal) -> StaffId:
    if who.staff is None:
        raise NotAllowed("this account is of nobody in the staff directory")
    return who.staff


def _outcomes(body: Reported, at: datetime) -> list[Outcome]:
    done: list[Outcome] = []
    if body.contact is not None:
        done.append(Contact(at, body.contact))
    if body.first_contact_at is not None:
        done.append(FirstContact(body.first_contact_at))
    if body.appointment_at is not None:
        done.append(Appointment(body.appointment_at, body.appointment_kept))
    if body.disposition is not None:
        done.append(Disposed(at, body.disposition))
    return done
