"""The compliance desk: search, reports and exports, the rule book, and the check of the log."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, BackgroundTasks, Form, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from audit.report import ALWAYS, Period
from console.api.description import Ref
from console.guard import NEEDS, ComplianceOfficer, NotFound
from console.pages import go, page
from console.rights import Principal, Right
from console.runtime import Runtime, runtime_of
from records import OrgId
from service import name_search
from service.desks import compliance, persons, threads
from service.name_search import SearchPurpose
from service.reports import Made
from service.reports import export as export_report

router = APIRouter()
Text = Annotated[str, Form(max_length=64)]
MEDIA = {"pdf": "application/pdf", "csv": "text/csv", "json": "application/json", "text": "text/plain"}
AT_ONCE = 150
"""Entries that a page reads of a period; the file has them all."""
MOST = 100
"""Rows of one page."""
_FIRST_DAY, _LAST_DAY = date(2000, 1, 2), date(9000, 1, 1)


@router.get("/compliance")
def compliance_page(request: Request, who: ComplianceOfficer) -> Response:
    return _search(request, who)


@router.post("/compliance/booking")
def booking(request: Request, who: ComplianceOfficer, number: Text) -> Response:
    """By the jail's number. A form and not an address: numbers do not belong into histories and logs."""
    engine = runtime_of(request).engine
    found = compliance.search_booking(engine, number, None, who.org, who.name)
    return _search(request, who, booking=found, asked=number)


@router.post("/compliance/client")
def client(request: Request, who: ComplianceOfficer, number: Text, org: Text = "") -> Response:
    engine = runtime_of(request).engine
    whose = who.org or OrgId(org)
    found = compliance.search_client(engine, number, whose, who.name)
    return _search(request, who, client=found, asked=number, missing=found is None)


class Accounting(BaseModel):
    """Which accounting of disclosures about a client is to be taken out, and in which form."""

    csrf: str = ""
    number: str = Field(min_length=1, max_length=64)
    org: str = Field("", max_length=64)
    report: str = Field(max_length=32)
    form: str = Field(max_length=8)


@router.post("/compliance/client/accounting")
def accounting(request: Request, who: ComplianceOfficer, wish: Annotated[Accounting, Form()]) -> Response:
    """Who was told about this client, as a file to be given to the client."""
    if wish.report not in compliance.ACCOUNTINGS:
        raise NotFound("there is no such report")
    engine = runtime_of(request).engine
    whose = who.org or OrgId(wish.org)
    made = compliance.accounting_of(engine, wish.report, wish.number, whose, officer_of=who.org, by=who.name)
    return as_file(request, made, wish.report, wish.form)


@router.get("/reports")
def reports(request: Request, who: ComplianceOfficer) -> Response:
    return page(request, "reports.html", here="reports", reports=compliance.on_offer(who.org))


@router.get("/reports/{name}")
def report(
    request: Request, who: ComplianceOfficer, name: str, since: date | None = None, until: date | None = None
) -> Response:
    runtime = runtime_of(request)
    period = period_of(runtime, since, until)
    table = made_for(runtime, who, name, period, most=AT_ONCE).plain
    latest = replace(table, rows=table.rows[-MOST:])
    names = compliance.staff_names(runtime.engine)
    shown = frozenset(row.position for row in latest.rows) if name == "break_glass" else frozenset()
    declared = compliance.break_glass_reasons(runtime.engine, shown) if shown else {}
    return page(
        request, "report.html", declared=declared, here="reports", table=latest, total=len(table.rows), name=name, names=names,
        since=since, until=until, shown_since=table.period.since if table.period.since != period.since else None,
    )  # fmt: skip


class Export(BaseModel):
    """What the export form sends."""

    csrf: str = ""
    form: str = Field(max_length=8)
    since: str = Field("", max_length=10)
    until: str = Field("", max_length=10)


@router.post("/reports/{name}/export")
def export(request: Request, who: ComplianceOfficer, name: str, wish: Annotated[Export, Form()]) -> Response:
    """The report as a file. Its name says which report and nothing else."""
    runtime = runtime_of(request)
    made = made_for(runtime, who, name, period_of(runtime, _day(wish.since), _day(wish.until)))
    return as_file(request, made, name, wish.form)


class Signature(BaseModel):
    """What the review of an emergency access says. `position` is its place in the log."""

    csrf: str = ""
    position: int = Field(ge=0)
    outcome: Literal["justified", "not_justified"]


@router.post("/reports/break_glass/sign")
def sign(request: Request, who: ComplianceOfficer, signature: Annotated[Signature, Form()]) -> Response:
    engine = runtime_of(request).engine
    compliance.sign_break_glass(engine, signature.position, signature.outcome, who.org, who.name)
    return go("/reports/break_glass")


@router.get("/log", dependencies=[NEEDS[Right.COMPLIANCE]])
def log(request: Request) -> Response:
    return page(request, "log.html", here="log", found=None)


@router.post("/log/verify", dependencies=[NEEDS[Right.COMPLIANCE]])
def verify(request: Request) -> Response:
    found = compliance.verification(runtime_of(request).engine)
    return page(request, "log.html", here="log", found=found)


@router.post("/compliance/person")
def person(request: Request, who: ComplianceOfficer, number: Text) -> Response:
    """By a person number of a jail, of the state, or of the FBI."""
    found = persons.search_person(runtime_of(request).engine, number, who.org, who.name)
    return _search(request, who, person=found, asked=number)


class Name(BaseModel):
    """Whom an officer looks for by name, and why. It stands in a form and nowhere else."""

    csrf: str = ""
    first: str = Field(min_length=1, max_length=64)
    middle: str = Field("", max_length=64)
    last: str = Field(min_length=1, max_length=64)
    born: date
    purpose: SearchPurpose


@router.post("/compliance/name")
def name(request: Request, who: ComplianceOfficer, work: BackgroundTasks, wanted: Annotated[Name, Form()]) -> Response:
    """The name is encoded and forgotten before anything is answered; the search goes on under a reference."""
    runtime = runtime_of(request)
    asked = name_search.named(wanted.first, wanted.last, wanted.born, wanted.middle)
    ref = name_search.ask(runtime.engine, asked, wanted.purpose, who.org, who.name)
    work.add_task(runtime.answer_searches)
    answer = go(f"/compliance/name/{ref}")
    answer.background = work
    return answer


@router.get("/compliance/name/{search}")
def found_by_name(request: Request, who: ComplianceOfficer, search: Ref) -> Response:
    found = name_search.read(runtime_of(request).engine, search, who.name)
    return page(request, "name.html", here="compliance", found=found.found)


@router.get("/threads/{alert}")
def thread(request: Request, who: ComplianceOfficer, alert: Ref) -> Response:
    """The timeline of the thread that this alert belongs to. Its reference says nothing of anybody."""
    engine = runtime_of(request).engine
    found = threads.timeline(engine, alert, who.org, who.name)
    return page(
        request, "thread.html", here="compliance", line=found, names=compliance.staff_names(engine),
        reasons=engine.rulebook.reasons,
    )  # fmt: skip


def _search(request: Request, who: Principal, **found: Any) -> Response:
    engine = runtime_of(request).engine
    nothing: dict[str, Any] = {"booking": None, "client": None, "person": None, "asked": "", "missing": False}
    orgs = sorted({program.org for program in engine.settings.programs})
    return page(
        request, "compliance.html", here="compliance", orgs=[] if who.org else orgs, reasons=engine.rulebook.reasons,
        names=compliance.staff_names(engine), accountings=compliance.ACCOUNTINGS, purposes=tuple(SearchPurpose), **(nothing | found),
    )  # fmt: skip


def made_for(runtime: Runtime, who: Principal, name: str, period: Period, *, most: int | None = None) -> Made:
    """A report that is this officer's to see; with `most`, of no more than about so many of the latest entries. Raises NotFound."""
    if name not in compliance.on_offer(who.org):
        raise NotFound("there is no such report")
    return compliance.report(runtime.engine, name, who.org, who.name, period, most=most)


def as_file(request: Request, made: Made, name: str, form: str) -> Response:
    """Given to whoever asked, once the log says who took it and what its bytes hash to."""
    if form not in MEDIA:
        raise NotFound("there is no such form")
    content = export_report(runtime_of(request).engine, made, form)
    suffix = {"text": "txt"}.get(form, form)
    kept = {"content-disposition": f'attachment; filename="{name}.{suffix}"'}
    return Response(content, media_type=MEDIA[form], headers=kept)


def period_of(runtime: Runtime, since: date | None, until: date | None) -> Period:
    """Whole local days, the last one included."""
    if since is None and until is None:
        return ALWAYS
    begin = datetime.combine(_in_the_log(since), time(), runtime.zone) if since else None
    end = datetime.combine(_in_the_log(until) + timedelta(days=1), time(), runtime.zone) if until else None
    return Period(begin, end)


def _in_the_log(day: date) -> date:
    """The nearest day that an entry could be of: no log is older, and a calendar has an end."""
    return min(max(day, _FIRST_DAY), _LAST_DAY)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as fault:
        raise NotFound("there is no such day") from fault
