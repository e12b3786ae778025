"""The review queue and the team board."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Form, Request
from starlette.responses import Response

from console.guard import Reviewer, TeamLead
from console.pages import go, page
from console.rights import Principal
from console.runtime import runtime_of
from console.waterfall import waterfall
from service.desks import compliance, review, team
from service.desks.review import Opinion

router = APIRouter()
MOST = 50
"""Rows of one page: what is most urgent comes first, and nobody decides fifty in a row."""


@router.get("/review")
def review_queue(request: Request, who: Reviewer) -> Response:
    engine = runtime_of(request).engine
    queue = review.queue(engine, who.org, who.name)
    stats = review.workload(engine, who.org)
    return page(
        request,
        "review.html",
        here="review",
        doubts=queue[:MOST],
        total=len(queue),
        stats=stats,
        names=compliance.staff_names(engine),
    )


@router.get("/review/{link}")
def review_one(request: Request, who: Reviewer, link: str) -> Response:
    return _one(request, who, link)


@router.post("/review/{link}/sides")
def review_sides(request: Request, who: Reviewer, link: str) -> Response:
    """The numbers of both sides: a POST, since to look is an act and goes into the log."""
    return _one(request, who, link, asked=True)


@router.post("/review/{link}")
def review_decide(
    request: Request, who: Reviewer, work: BackgroundTasks, link: str, opinion: Annotated[Opinion, Form()]
) -> Response:
    runtime = runtime_of(request)
    state = review.decide(runtime.engine, link, who.org, who.member, opinion)
    work.add_task(runtime.dispatch)
    answer = go("/review" if state != "open" else f"/review/{link}")
    answer.background = work
    return answer


@router.get("/team")
def team_board(request: Request, who: TeamLead) -> Response:
    engine = runtime_of(request).engine
    board = team.board(engine, who.org)
    return page(request, "team.html", here="team", board=board, names=compliance.staff_names(engine))


def _one(request: Request, who: Principal, link: str, *, asked: bool = False) -> Response:
    engine = runtime_of(request).engine
    doubt = review.one(engine, link, who.org, who.name)
    sides = review.sides(engine, link, who.org, who.member) if asked else None
    return page(
        request,
        "review_one.html",
        here="review",
        doubt=doubt,
        asked=asked,
        sides=sides,
        bars=waterfall(doubt),
        mine=doubt.opinions.get(who.name, ""),
        second=engine.settings.console.second_reviewer,
        names=compliance.staff_names(engine),
    )
