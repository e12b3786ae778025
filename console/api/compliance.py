"""The compliance desk for scripts: search, reports, rules, the log."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, BackgroundTasks, Request, Response
from pydantic import BaseModel, Field

from console.api.consents import OfClient, organisation_of
from console.api.description import FAULTS, PREFIX, Body, Done, Ref
from console.desks.compliance import AT_ONCE, MEDIA, as_file, made_for, period_of
from console.guard import CaseManager, ComplianceOfficer, NotFound
from console.runtime import runtime_of
from service import broken_glass, name_search
from service.cli.common import plain
from service.desks import compliance, persons, policy, threads
from service.name_search import SearchPurpose

router = APIRouter(prefix=PREFIX, responses=FAULTS)
Number = Annotated[str, Field(min_length=1, max_length=64)]
Form = Literal["csv", "json", "pdf", "text"]
FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file; who took it and its hash are in the log",
        "content": {media: {"schema": {"type": "string", "format": "binary"}} for media in MEDIA.values()},
    }
}


class BookingSearch(Body):
    number: Number
    agency: str | None = Field(None, max_length=64)


class PersonSearch(Body):
    """By a person number of a jail, of the state, or of the FBI."""

    number: Number


class NameSearch(Body):
    """Whom to look for, and why. The name is encoded at once and kept nowhere."""

    first: str = Field(min_length=1, max_length=64)
    middle: str = Field("", max_length=64)
    last: str = Field(min_length=1, max_length=64)
    born: date
    purpose: SearchPurpose


class Searching(BaseModel):
    """Where the answer will be."""

    search: str


class FoundClient(BaseModel):
    """A client whom the name may be of. `levels`: what agreed, field by field; `bookings`: by reference, with the verdict."""

    organisation: str
    client: str
    probability: float
    weight: float
    levels: list[str]
    bookings: list[tuple[str, str]]


class FoundClients(BaseModel):
    """`answered` is false while the search waits for the next cycle."""

    answered: bool
    found: list[FoundClient]


class Draft(Body):
    """A rule book as YAML, to be tried on the decisions of the last days. Nothing is sent and nothing is kept."""

    book: str = Field(min_length=1)
    days: int = Field(7, ge=1, le=90)


class Signature(Body):
    """What the review of an emergency access says. `position` is its place in the log."""

    position: int = Field(ge=0, le=2**53)
    outcome: Literal["justified", "not_justified"]


class Export(Body):
    """In which form, and of which whole local days, the last one included."""

    form: Form
    since: date | None = None
    until: date | None = None


class ReportRows(BaseModel):
    """`whole` is false where the period has more entries than are read at once: then the rows, and every count in them, are of
    the time from `since` on only.
    """

    since: datetime | None
    until: datetime | None
    whole: bool
    notes: list[str]
    rows: list[dict[str, Any]]


class AccountingExport(OfClient):
    """Which accounting of disclosures about a client, and in which form."""

    report: str = Field(max_length=32)
    form: Form


class Emergency(Body):
    """Whom a clinician must know of, and why now. The reason rests sealed in the client's history."""

    client: Number
    reason: str = Field(min_length=1, max_length=2000)


class Declaration(BaseModel):
    declaration: str
    until: datetime


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


class ClientRecord(BaseModel):
    client: str
    retired: bool
    disclosures: list[dict[str, Any]]
    timeline: list[dict[str, Any]]


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


@router.post("/clients")
def client(request: Request, who: ComplianceOfficer, body: OfClient) -> ClientRecord:
    """What the record holds of one client: who was told, and everything that happened. Consents have a search of their own."""
    org = organisation_of(who, body.organisation)
    found = compliance.search_client(runtime_of(request).engine, body.client, org, who.name)
    if found is None:
        raise NotFound("there is no such client")
    columns = found.disclosures.columns
    told = [plain(dict(zip(columns, cells, strict=True))) for cells in found.disclosures.cells()]
    steps = [
        {"position": e.position, "at": e.at.isoformat(), "kind": e.leaf.kind.value, "facts": plain(dict(e.leaf.facts))}
        for e in found.timeline
    ]
    return ClientRecord(client=found.ref, retired=found.retired, disclosures=told, timeline=steps)


@router.post("/names", status_code=202)
def search_name(request: Request, who: ComplianceOfficer, work: BackgroundTasks, body: NameSearch) -> Searching:
    """Look for clients by name and date of birth. The log has who asked and why, and a keyed digest in place of the name."""
    runtime = runtime_of(request)
    wanted = name_search.named(body.first, body.last, body.born, body.middle)
    ref = name_search.ask(runtime.engine, wanted, body.purpose, who.org, who.name)
    work.add_task(runtime.answer_searches)
    return Searching(search=ref)


@router.get("/names/{search}")
def found_names(request: Request, who: ComplianceOfficer, search: Ref) -> FoundClients:
    """What was found, for whoever asked, for a day. Each look at a client is in the log."""
    answer = name_search.read(runtime_of(request).engine, search, who.name)
    found = [
        FoundClient(
            organisation=c.org, client=c.client.reveal(), probability=c.probability, weight=c.weight,
            levels=list(c.levels), bookings=list(c.bookings),
        )
        for c in answer.found or ()
    ]  # fmt: skip
    return FoundClients(answered=answer.found is not None, found=found)


@router.get("/threads/{alert}")
def thread(request: Request, who: ComplianceOfficer, alert: Ref) -> dict[str, Any]:
    """Everything that happened about one booking of one client to one recipient, in order."""
    found: dict[str, Any] = plain(threads.timeline(runtime_of(request).engine, alert, who.org, who.name))
    return found


@router.get("/reports/{name}")
def report_rows(
    request: Request, who: ComplianceOfficer, name: str, since: date | None = None, until: date | None = None
) -> ReportRows:
    """The latest rows of a period of whole local days; the export has the whole of it."""
    runtime = runtime_of(request)
    asked = period_of(runtime, since, until)
    table = made_for(runtime, who, name, asked, most=AT_ONCE).plain
    rows = [plain(dict(zip(table.columns, cells, strict=True))) for cells in table.cells()]
    whole = table.period.since == asked.since
    return ReportRows(
        since=table.period.since, until=table.period.until, whole=whole, notes=list(table.notes), rows=rows
    )


@router.post("/reports/{name}/exports", response_class=Response, responses=FILE)
def take_report(request: Request, who: ComplianceOfficer, name: str, body: Export) -> Response:
    """The report as a file, cut to the organisation as on its page."""
    runtime = runtime_of(request)
    made = made_for(runtime, who, name, period_of(runtime, body.since, body.until))
    return as_file(request, made, name, body.form)


@router.post("/accountings", response_class=Response, responses=FILE)
def take_accounting(request: Request, who: ComplianceOfficer, body: AccountingExport) -> Response:
    """Who was told about one client, as a file to be given to the client."""
    if body.report not in compliance.ACCOUNTINGS:
        raise NotFound("there is no such report")
    engine, org = runtime_of(request).engine, organisation_of(who, body.organisation)
    made = compliance.accounting_of(engine, body.report, body.client, org, officer_of=who.org, by=who.name)
    return as_file(request, made, body.report, body.form)


@router.post("/break-glass", status_code=201)
def break_glass(request: Request, who: CaseManager, body: Emergency) -> Declaration:
    """In one's own name and for hours only; compliance reviews it. Whether it opens anything the rules say each time."""
    made = broken_glass.declare(runtime_of(request).engine, body.client.strip(), who.member, body.reason, org=who.org)
    return Declaration(declaration=made.declaration, until=made.until)


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
