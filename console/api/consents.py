"""Consent records for scripts: put on file, revoke, read back. In the published schema, with the client's number in the body."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from config import Refuse
from consent.intake import Unfit, as_raw, as_record
from console.api.description import FAULTS, PREFIX, Body, Done
from console.desks.consents import After, place_of
from console.guard import ComplianceOfficer, NotFound
from console.rights import Principal
from console.runtime import runtime_of
from records import OrgId
from service import consents
from service.desks import ending, forms

router = APIRouter(prefix=PREFIX, responses=FAULTS)
Number = Annotated[str, Field(min_length=1, max_length=64)]


class OfClient(Body):
    """The client's number, and whose it is where the account is of the whole installation."""

    client: Number
    organisation: str = Field("", max_length=64)


class NewConsent(OfClient):
    record: dict[str, Any]
    document: str = Field("", pattern="^([0-9a-f]{64})?$", description="SHA-256 of the scanned form")


class Revocation(OfClient):
    consent: Number
    method: Literal["written", "oral"] = "written"
    take_back: bool = False


class EndingConsent(BaseModel):
    """One that ends by its day. `client` is the provider's own number."""

    organisation: str
    client: str
    consent: str
    ends_at: datetime


class EndingConsents(BaseModel):
    """`counts`: by organisation, within 30, 60 and 90 days; they reach no further than `counted_until`, where there are more
    than are counted. `next` goes into `after` for the next page, and is empty on the last.
    """

    counts: dict[str, list[int]]
    counted_until: datetime | None
    consents: list[EndingConsent]
    next: str


@router.get("/consents/ending")
def ending_soon(
    request: Request, who: ComplianceOfficer, days: Literal["30", "60", "90"] = "30", after: After = None
) -> EndingConsents:
    """Consents that end soon, the soonest first; of the organisation, or of all. Each look is in the log, client by client."""
    found = ending.ending(runtime_of(request).engine, who.org, who.name, int(days), place_of(after))
    rows = [
        EndingConsent(organisation=row.org, client=row.client.reveal(), consent=row.form, ends_at=row.ends_at)
        for row in found.rows
    ]
    onward = f"{found.onward.ends_at.isoformat()}_{found.onward.ref}" if found.onward else ""
    return EndingConsents(counts=found.counts, counted_until=found.counted_until, consents=rows, next=onward)


@router.post("/consents/search")
def history(request: Request, who: ComplianceOfficer, body: OfClient) -> list[dict[str, Any]]:
    """Every entry ever, oldest first: nothing is overwritten."""
    found = forms.sheet(runtime_of(request).engine, body.client, organisation_of(who, body.organisation), who.name)
    if found is None:
        raise NotFound("there is no such client")
    return [
        {
            "record": as_raw(e.record),
            "act": e.act.value,
            "recorded_at": e.recorded_at.isoformat(),
            "recorded_by": e.recorded_by,
            "document": e.document,
        }
        for e in found.history
    ]


@router.post("/consents", status_code=201)
def record(request: Request, who: ComplianceOfficer, body: NewConsent) -> Done:
    try:
        read = as_record(body.record)
    except Unfit as fault:
        raise forms.FormRefused(f"{fault.field}: {fault.why}") from None
    org = organisation_of(who, body.organisation)
    consents.file(runtime_of(request).engine, body.client, read, org=org, by=who.name, document=body.document)
    return Done()


@router.post("/consents/revocations", status_code=201)
def revoke(request: Request, who: ComplianceOfficer, body: Revocation) -> Done:
    """From this instant on; with `take_back`, what relied on it and is open is taken back."""
    runtime, org = runtime_of(request), organisation_of(who, body.organisation)
    forms.revoke(runtime.engine, body.client, body.consent, org, who.name, method=body.method, take_back=body.take_back)
    return Done()


def organisation_of(who: Principal, named: str) -> OrgId:
    """An officer's own organisation, whatever was asked for; an office of the whole installation names one."""
    if who.org is None and not named:
        raise Refuse("name the organisation")
    return who.org or OrgId(named)
