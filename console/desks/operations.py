"""The operator's page."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, BackgroundTasks, Form, Request
from starlette.responses import Response

from console.api.description import Ref
from console.guard import NEEDS, Operator
from console.pages import page
from console.rights import Right
from console.runtime import runtime_of
from service.desks import mend
from service.desks.compliance import staff_names
from service.desks.operations import operations

router = APIRouter()


@router.get("/operations", dependencies=[NEEDS[Right.OPERATE]])
def operations_page(request: Request) -> Response:
    return _page(request)


@router.post("/operations/rows/{row}/{act}")
def mend_row(request: Request, who: Operator, row: Ref, act: Literal["retry", "discard"]) -> Response:
    """Read a row's delivery again, or give the row up."""
    engine = runtime_of(request).engine
    if act == "discard":
        mend.discard_row(engine, row, who.name)
        return _page(request, done="discarded")
    read = mend.retry_row(engine, row, who.name)
    return _page(request, done="still" if read.still_refused else "read")


@router.post("/operations/outbox")
def send_again(
    request: Request, who: Operator, work: BackgroundTasks, channel: Annotated[str, Form(max_length=48)],
    code: Annotated[str, Form(max_length=48)] = "",
) -> Response:  # fmt: skip
    """Queue again what gave up on one channel for one reason."""
    del who
    runtime = runtime_of(request)
    mend.retry_dead(runtime.engine, channel, code)
    work.add_task(runtime.dispatch)
    answer = _page(request, done="queued")
    answer.background = work
    return answer


def _page(request: Request, *, done: str = "") -> Response:
    engine = runtime_of(request).engine
    shown = operations(engine)
    return page(request, "operations.html", here="operations", ops=shown, done=done, names=staff_names(engine))
