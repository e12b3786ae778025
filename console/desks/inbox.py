"""The case manager's inbox. The list says when and what sort; only the reader's own browser can say whom."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from alerts.followup import ContactMode, Disposition, Initiator, Reason
from alerts.routing import Role
from alerts.timing import CLIMBS
from console.guard import CaseManager
from console.pages import page
from console.runtime import runtime_of
from service.desks import inbox, repeats

router = APIRouter()

CONTACTS = (ContactMode.IN_JAIL_VISIT, ContactMode.VIDEO, ContactMode.PHONE, ContactMode.JAIL_CLINIC_CONTACT, ContactMode.FAMILY)  # fmt: skip

ANSWER_WITHIN = next(climb.after for climb in CLIMBS if climb.role is Role.SUPERVISOR)
"""After so long without an answer the supervisor is turned to."""


@router.get("/inbox")
def inbox_page(request: Request, who: CaseManager) -> Response:
    engine = runtime_of(request).engine
    staff = who.staff
    return page(
        request,
        "inbox.html",
        here="inbox",
        threads=inbox.threads(engine, staff) if staff else (),
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


@router.get("/inbox/repeat")
def repeat_page(request: Request, who: CaseManager) -> Response:
    """Clients booked again and again, by thread: whom it is about says the reader's own key."""
    engine = runtime_of(request).engine
    found = repeats.repeat_contacts(engine, who.staff) if who.staff else ()
    least = engine.settings.clocks.repeat_bookings
    return page(request, "repeats.html", here="inbox", repeated=found, least=least)
