"""The review queue and the team board for scripts."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, BackgroundTasks, Request
from pydantic import BaseModel

from console.api.description import FAULTS, PREFIX, Body, Ref
from console.guard import Reviewer, TeamLead
from console.runtime import runtime_of
from service.cli.common import plain
from service.desks import review, team

router = APIRouter(prefix=PREFIX, responses=FAULTS)


class Decision(Body):
    opinion: review.Opinion


class State(BaseModel):
    state: str


class Numbers(BaseModel):
    """What both sides may be looked up by; null where the rules stand against showing it."""

    client_number: str
    client_name: str
    booking_number: str
    facility: str


@router.get("/reviews")
def list_reviews(request: Request, who: Reviewer) -> list[dict[str, Any]]:
    """Doubtful matches by agreement levels; nothing in them names anybody."""
    queue: list[dict[str, Any]] = plain(list(review.queue(runtime_of(request).engine, who.org, who.name)))
    return queue


@router.get("/reviews/{link}")
def one_review(request: Request, who: Reviewer, link: Ref) -> dict[str, Any]:
    doubt: dict[str, Any] = plain(review.one(runtime_of(request).engine, link, who.org, who.name))
    return doubt


@router.post("/reviews/{link}/sides")
def sides(request: Request, who: Reviewer, link: Ref) -> Numbers | None:
    """The numbers of both sides. A POST: to look is an act, and the log has it."""
    engine = runtime_of(request).engine
    review.one(engine, link, who.org, who.name)
    shown = review.sides(engine, link, who.org, who.member)
    if shown is None:
        return None
    return Numbers(
        client_number=shown.client_number.reveal(),
        client_name=shown.client_name.reveal(),
        booking_number=shown.booking_number.reveal(),
        facility=shown.facility,
    )


@router.post("/reviews/{link}")
def decide(request: Request, who: Reviewer, work: BackgroundTasks, link: Ref, body: Decision) -> State:
    runtime = runtime_of(request)
    state = review.decide(runtime.engine, link, who.org, who.member, body.opinion)
    work.add_task(runtime.dispatch)
    return State(state=state)


@router.get("/team")
def board(request: Request, who: TeamLead) -> dict[str, Any]:
    """Open alerts by clock, what came back, who is away, whose key is missing, and what reviewers decided."""
    engine = runtime_of(request).engine
    shown: dict[str, Any] = plain(team.board(engine, who.org))
    return shown | {"reviews": plain(review.workload(engine, who.org))}
