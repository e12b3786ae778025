"""Operations and measures for scripts."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, BackgroundTasks, Request
from pydantic import Field

from console.api.description import FAULTS, PREFIX, Body, Count, Done, Ref
from console.guard import Measurer, Operator
from console.runtime import runtime_of
from service.cli.common import plain
from service.desks import mend
from service.desks.measures import measures
from service.desks.operations import operations

router = APIRouter(prefix=PREFIX, responses=FAULTS)


class GaveUp(Body):
    """What gave up on one channel, for one reason."""

    channel: str = Field(min_length=1, max_length=48)
    code: str = Field("", max_length=48)


@router.get("/measures")
def measured(request: Request, who: Measurer) -> dict[str, Any]:
    found: dict[str, Any] = plain(measures(runtime_of(request).engine, who.org))
    return found


@router.get("/operations")
def operated(request: Request, who: Operator) -> dict[str, Any]:
    del who
    found: dict[str, Any] = plain(operations(runtime_of(request).engine))
    return found


@router.post("/quarantine/{row}/retry")
def retry_row(request: Request, who: Operator, row: Ref) -> dict[str, Any]:
    """Read the row's delivery again, after mapping or programmes were mended."""
    del who
    done: dict[str, Any] = plain(mend.retry_row(runtime_of(request).engine, row))
    return done


@router.post("/quarantine/{row}/discard")
def discard_row(request: Request, who: Operator, row: Ref) -> Done:
    mend.discard_row(runtime_of(request).engine, row, who.name)
    return Done()


@router.post("/outbox/retry")
def retry_outbox(request: Request, who: Operator, work: BackgroundTasks, body: GaveUp) -> Count:
    """Queue again what gave up."""
    del who
    runtime = runtime_of(request)
    count = mend.retry_dead(runtime.engine, body.channel, body.code)
    work.add_task(runtime.dispatch)
    return Count(count=count)
