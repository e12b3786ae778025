"""The rule book: as it is in force, and a draft tried against it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from config import Refuse
from console.guard import NEEDS, ComplianceOfficer
from console.pages import page
from console.rights import Right
from console.runtime import runtime_of
from service.desks import compliance, policy

router = APIRouter()


@router.get("/rules", dependencies=[NEEDS[Right.COMPLIANCE]])
def rules(request: Request) -> Response:
    return _page(request)


@router.get("/rules/book", dependencies=[NEEDS[Right.COMPLIANCE]])
def book(request: Request) -> Response:
    """The whole book as YAML, to begin a draft with."""
    text = policy.text_of(runtime_of(request).engine.rulebook)
    kept = {"content-disposition": 'attachment; filename="rules.yaml"'}
    return Response(text, media_type="application/yaml", headers=kept)


@router.post("/rules/trial")
def trial(
    request: Request,
    who: ComplianceOfficer,
    draft: Annotated[str, Form(max_length=400_000)],
    days: Annotated[int, Form(ge=1, le=90)] = 7,
) -> Response:
    """What the draft says otherwise, and what it would have decided otherwise. Nothing is sent and nothing is kept."""
    try:
        tried = policy.try_draft(runtime_of(request).engine, draft, days, who.name)
    except Refuse as fault:
        return _page(request, status=422, draft=draft, days=days, refused=str(fault))
    return _page(request, draft=draft, days=days, tried=tried)


def _page(request: Request, *, status: int = 200, **more: Any) -> Response:
    engine = runtime_of(request).engine
    shown: dict[str, Any] = {"draft": "", "days": 7, "tried": None, "refused": "", "most": policy.MOST_SHOWN} | more
    return page(
        request,
        "rules.html",
        status=status,
        here="rules",
        book=engine.rulebook,
        rules=compliance.rules(engine),
        **shown,
    )
