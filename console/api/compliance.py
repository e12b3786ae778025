"""The compliance desk for scripts: search, reports, rules, the log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from console.api.description import FAULTS, PREFIX, Body, Done, Ref
from console.guard import ComplianceOfficer, NotFound
from console.runtime import runtime_of
from service.cli.common import plain
from service.desks import compliance, persons, policy, threads

router = APIRouter(prefix=PREFIX, responses=FAULTS)
Number = Annotated[str, Field(min_length=1, max_length=64)]


class BookingSearch(Body):
    number: Number
    agency: str | None = Field(None, max_length=64)


class PersonSearch(Body):
    """By a person number of a jail, of the state, or of the FBI."""

    number: Number


class Draft(Body):
    """A rule book as YAML, to be tried on the decisions of the last days. Nothing is sent and nothing is kept."""

    book: str = Field(min_length=1)
    days: int = Field(7, ge=1, le=90)


class Signature(Body):
    """What the review of an emergency access says. `position` is its place in the log."""

    position: int = Field(ge=0, le=2**53)
    outcome: Literal["justified", "not_justified"]


class Verified(BaseModel):
    good: bool
    words: str
    entries: int


class PersonBooking(BaseModel):
    booking: str
    state: str
    first_seen_at: datetime
    verdicts: list[str]
    told: int


@router.post("/explanations")
def explain(request: Request, who: ComplianceOfficer, body: BookingSearch) -> dict[str, Any]:
    """Why told, why not, or never received. A POST: booking numbers do not belong into addresses."""
    engine = runtime_of(request).engine
    found: dict[str, Any] = plain(compliance.search_booking(engine, body.number, body.agency, who.org, who.name))
    return found


@router.post("/persons")
def person(request: Request, who: ComplianceOfficer, body: PersonSearch) -> list[PersonBooking]:
    """Every booking under one person number, as far as it concerns the organisation."""
    found = persons.search_person(runtime_of(request).engine, body.number, who.org, who.name)
    return [PersonBooking(**plain(each)) for each in found]


@router.get("/threads/{alert}")
def thread(request: Request, who: ComplianceOfficer, alert: Ref) -> dict[str, Any]:
    """Everything that happened about one booking of one client to one recipient, in order."""
    found: dict[str, Any] = plain(threads.timeline(runtime_of(request).engine, alert, who.org, who.name))
    return found


@router.get("/reports/{name}")
def report_rows(request: Request, response: Response, who: ComplianceOfficer, name: str) -> list[dict[str, Any]]:
    if name not in compliance.on_offer(who.org):
        raise NotFound("there is no such report")
    del response
    table = compliance.report(runtime_of(request).engine, name, who.org, who.name).plain
    return [plain(dict(zip(table.columns, cells, strict=True))) for cells in table.cells()]


@router.post("/break-glass/signatures", status_code=201)
def sign(request: Request, who: ComplianceOfficer, body: Signature) -> Done:
    """Review an emergency access; never one's own."""
    compliance.sign_break_glass(runtime_of(request).engine, body.position, body.outcome, who.org, who.name)
    return Done()


@router.get("/log/verification")
def verification(request: Request, who: ComplianceOfficer) -> Verified:
    del who
    found = compliance.verification(runtime_of(request).engine)
    return Verified(good=found.good, words=found.words, entries=found.entries)


@router.get("/rules")
def rules(request: Request, who: ComplianceOfficer) -> dict[str, Any]:
    """The rule book in force, whole."""
    del who
    book = runtime_of(request).engine.rulebook
    return {"version": book.version, "hash": book.hash, "book": book.raw}


@router.post("/rules/trial")
def trial(request: Request, who: ComplianceOfficer, body: Draft) -> dict[str, Any]:
    """What a draft says otherwise, and which past decisions would have come out otherwise."""
    found = policy.try_draft(runtime_of(request).engine, body.book, body.days, who.name)
    return {
        "version": found.version,
        "hash": found.hash,
        "changes": [str(change) for change in found.changes],
        "turns": [{"before": before, "after": after, "count": n} for before, after, n in found.turns],
        "decisions": [
            {"ref": s.ref, "told": list(s.newly_disclosed), "kept": list(s.newly_withheld)} for s in found.simulated
        ],
    }
