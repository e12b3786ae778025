"""Consent forms: a client's history, the entry form with the ten elements, the end of one."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from config import Refuse
from consent.vocabulary import ConsentPurpose, ConsentType, EntryKind, EventKind, Group, RecipientClass, Relationship
from console.guard import NEEDS, ComplianceOfficer, NotFound
from console.pages import page
from console.rights import Principal, Right
from console.runtime import Runtime, runtime_of
from records import OrgId
from service.desks import compliance, ending, forms
from service.desks.forms import Paper
from store.terms import Place

router = APIRouter()
After = Annotated[str | None, Query(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?\+00:00_[a-z2-7]{26}$")]
PURPOSES = (ConsentPurpose.TPO, ConsentPurpose.TREAT, ConsentPurpose.COORD, ConsentPurpose.HOPERAT, ConsentPurpose.CUSTODY, ConsentPurpose.LEGAL)  # fmt: skip
"""What forms of these programmes name; others come in by file."""
NAMED = (EntryKind.PERSON, EntryKind.ORG)
LINES = 3
"""Recipients by name that the form has lines for."""


class Client(BaseModel):
    """Whose forms."""

    model_config = ConfigDict(extra="forbid")
    csrf: str = ""
    number: str = Field(min_length=1, max_length=64)
    org: str = Field("", max_length=64)


class Typed(Client):
    """The form as typed in from paper."""

    form: str = Field("", max_length=64)
    type: ConsentType
    signed_on: date | None = None
    effective_on: date | None = None
    expires_on: date | None = None
    expires_event: EventKind | Literal[""] = ""
    signer: Relationship = Relationship.PATIENT
    authority_verified: bool = False
    programs: list[str] = Field(default_factory=list, max_length=50)
    classes: list[RecipientClass] = Field(default_factory=list)
    kinds: list[EntryKind] = Field(default_factory=list, max_length=LINES)
    names: list[str] = Field(default_factory=list, max_length=LINES)
    purposes: list[ConsentPurpose] = Field(default_factory=list)
    info: list[Group] = Field(default_factory=list)
    present: list[str] = Field(default_factory=list, max_length=20)
    document: str = Field("", pattern="^([0-9a-f]{64})?$")

    def paper(self) -> Paper:
        return Paper(
            number=self.form,
            client=self.number,
            type=self.type.value,
            signed_on=self.signed_on,
            effective_on=self.effective_on,
            expires_on=self.expires_on,
            expires_event=str(self.expires_event),
            signer=self.signer.value,
            authority_verified=self.authority_verified,
            programs=tuple(self.programs),
            recipients=self._recipients(),
            purposes=tuple(p.value for p in self.purposes),
            info=tuple(i.value for i in self.info),
            present=tuple(self.present),
            document=self.document,
        )

    def _recipients(self) -> tuple[tuple[str, str], ...]:
        named = zip(self.kinds, self.names, strict=False)
        lines = [(kind.value, name.strip()) for kind, name in named if name.strip()]
        return (*((EntryKind.CLASS.value, c.value) for c in self.classes), *lines)


class End(Client):
    """A consent that ends now."""

    form: str = Field(min_length=1, max_length=64)
    method: Literal["written", "oral"] = "written"
    take_back: bool = False


@router.get("/consents", dependencies=[NEEDS[Right.COMPLIANCE]])
def consents_page(request: Request) -> Response:
    return _page(request)


@router.get("/consents/ending")
def ending_page(
    request: Request, who: ComplianceOfficer, days: int = ending.WINDOWS[0], after: After = None
) -> Response:
    """What ends soon. A place in the list is an instant and a reference of ours, and says nothing of anybody."""
    found = ending.ending(runtime_of(request).engine, who.org, who.name, days, place_of(after))
    onward = f"{found.onward.ends_at.isoformat()}_{found.onward.ref}" if found.onward else ""
    return page(
        request, "ending.html", here="consents", found=found, windows=ending.WINDOWS, onward=onward, begun=after is None
    )


def place_of(after: str | None) -> Place | None:
    """Where a list goes on, from the address. Raises NotFound."""
    if after is None:
        return None
    at, _, ref = after.rpartition("_")
    try:
        return Place(datetime.fromisoformat(at), ref)
    except ValueError as fault:
        raise NotFound("there is no such place in the list") from fault


@router.post("/consents")
def client(request: Request, who: ComplianceOfficer, asked: Annotated[Client, Form()]) -> Response:
    """A client's forms. A POST: client numbers do not belong into addresses."""
    sheet = forms.sheet(runtime_of(request).engine, asked.number, _org(request, who, asked), who.name)
    return _page(request, sheet=sheet, missing=sheet is None, asked=asked)


@router.post("/consents/record")
def record(request: Request, who: ComplianceOfficer, typed: Annotated[Typed, Form()]) -> Response:
    runtime, org = runtime_of(request), _org(request, who, typed)
    refused = _lacking(typed)
    if not refused:
        try:
            forms.record(runtime.engine, typed.paper(), org, who.name)
        except Refuse as fault:
            refused = str(fault)
    sheet = forms.sheet(runtime.engine, typed.number, org, who.name)
    if sheet is None:
        raise NotFound("there is no such client")
    return _page(request, sheet=sheet, asked=typed, refused=refused, typed=typed if refused else None)


@router.post("/consents/revoke")
def revoke(request: Request, who: ComplianceOfficer, end: Annotated[End, Form()]) -> Response:
    """From this instant on. What is queued is asked about again, and stopped."""
    runtime, org = runtime_of(request), _org(request, who, end)
    forms.revoke(runtime.engine, end.number, end.form, org, who.name, method=end.method, take_back=end.take_back)
    runtime.dispatch()
    return _page(request, sheet=forms.sheet(runtime.engine, end.number, org, who.name), asked=end, ended=end.form)


def _lacking(typed: Typed) -> str:
    """What a form cannot do without, whatever its text has; in the order of the page."""
    wanted = (
        ("signed_on", typed.signed_on),
        ("purposes", typed.purposes),
        ("info", typed.info),
        ("recipients", typed.classes or any(n.strip() for n in typed.names)),
    )
    return ", ".join(name for name, given in wanted if not given)


def _page(request: Request, **found: Any) -> Response:
    runtime, who = runtime_of(request), request.state.principal
    nothing: dict[str, Any] = dict.fromkeys(("sheet", "asked", "typed"))
    refused = bool(found.get("refused"))
    return page(
        request, "consents.html", status=422 if refused else 200, here="consents",
        **(nothing | {"missing": False, "refused": "", "ended": "", "orgs": [] if who.org else _orgs(runtime)} | found),
        types=tuple(ConsentType), purposes=PURPOSES, groups=tuple(Group), classes=tuple(RecipientClass), kinds=NAMED,
        events=tuple(e for e in EventKind if e is not EventKind.NONE), signers=tuple(Relationship), lines=range(LINES),
        ten=forms.TEN_IN_WORDS, referral=forms.REFERRAL_IN_WORDS,
        programs=_programs(runtime, found.get("asked"), who), names=compliance.staff_names(runtime.engine),
    )  # fmt: skip


def _programs(runtime: Runtime, asked: Client | None, who: Principal) -> list[str]:
    org = who.org or (asked.org if asked else "")
    return sorted(p.id for p in runtime.engine.settings.programs if p.org == org)


def _orgs(runtime: Runtime) -> list[str]:
    return sorted({program.org for program in runtime.engine.settings.programs})


def _org(request: Request, who: Principal, asked: Client) -> OrgId:
    """An officer's own organisation, whatever was asked for."""
    if who.org is not None:
        return who.org
    if asked.org not in _orgs(runtime_of(request)):
        raise NotFound("there is no such organisation")
    return OrgId(asked.org)
