"""The case manager's inbox. The list says when and what sort; only the reader's own browser can say whom."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from alerts.followup import ContactMode, Disposition, Initiator, Reason
from alerts.routing import Role
from alerts.timing import CLIMBS
from console.guard import CaseManager, NotFound
from console.pages import page
from console.runtime import runtime_of
from service.desks import inbox, repeats
from service.desks.inbox import Turn

router = APIRouter()

CONTACTS = (ContactMode.IN_JAIL_VISIT, ContactMode.VIDEO, ContactMode.PHONE, ContactMode.JAIL_CLINIC_CONTACT, ContactMode.FAMILY)  # fmt: skip

After = Annotated[str | None, Query(pattern=r"^[012]_\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?\+00:00_[a-z2-7]{26}$")]
"""A place in the list: an order, an instant and a reference of ours, which say nothing of anybody."""

ANSWER_WITHIN = next(climb.after for climb in CLIMBS if climb.role is Role.SUPERVISOR)
"""After so long without an answer the supervisor is turned to."""


@router.get("/inbox")
def inbox_page(request: Request, who: CaseManager, after: After = None) -> Response:
    engine = runtime_of(request).engine
    staff = who.staff
    found, onward = inbox.threads(engine, staff, after=place_of(after)) if staff else ((), None)
    return page(
        request,
        "inbox.html",
        here="inbox",
        threads=found,
        onward=onward,
        begun=after is None,
        kid=(inbox.key_in_force(engine, staff) if staff else None) or "",
        in_directory=staff is not None and inbox.member_of(engine, staff) is not None,
        signer=engine.signer.trusted.jwk(),
        contacts=CONTACTS,
        initiators=tuple(Initiator),
        contact_reasons=tuple(Reason),
        dispositions=tuple(Disposition),
        answer_within=ANSWER_WITHIN,
        idle=engine.settings.console.idle_minutes,
        release_clocks=lambda thread: inbox.release_clocks(thread, engine.settings.clocks),
    )


def place_of(after: str | None) -> Turn | None:
    """Raises NotFound."""
    try:
        return Turn.parse(after) if after else None
    except ValueError as fault:
        raise NotFound("there is no such place in the list") from fault


@router.get("/inbox/repeat")
def repeat_page(request: Request, who: CaseManager) -> Response:
    """Clients booked again and again, by thread: whom it is about says the reader's own key."""
    engine = runtime_of(request).engine
    found = repeats.repeat_contacts(engine, who.staff) if who.staff else ()
    least = engine.settings.clocks.repeat_bookings
    return page(request, "repeats.html", here="inbox", repeated=found, least=least)
