"""Operations and measures for scripts."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, BackgroundTasks, Path, Query, Request
from pydantic import Field

from console.api.description import FAULTS, PREFIX, Body, Count, Done, Ref
from console.desks.measures import sheet_of
from console.guard import Measurer, Operator
from console.runtime import runtime_of
from service.cli.common import plain
from service.desks import measures, mend
from service.desks.operations import operations
from service.measures.exports import plain as sheet_as_json
from service.measures.periods import LABEL

router = APIRouter(prefix=PREFIX, responses=FAULTS)
Period = Annotated[str, Path(pattern=f"^{LABEL}$")]
Scope = Annotated[str | None, Query(max_length=64)]


class GaveUp(Body):
    """What gave up on one channel, for one reason."""

    channel: str = Field(min_length=1, max_length=48)
    code: str = Field("", max_length=48)


@router.get("/measures")
def closed_periods(request: Request, who: Measurer) -> dict[str, Any]:
    """What can be asked for, and when the next month closes."""
    found: dict[str, Any] = plain(measures.choices(runtime_of(request).engine, who.org))
    return found


@router.get("/measures/{period}")
def measured(
    request: Request, who: Measurer, period: Period, scope: Scope = None, language: Literal["en", "es"] = "en"
) -> dict[str, Any]:
    """A closed month, quarter or year; `null` is a count that is kept back."""
    return sheet_as_json(sheet_of(request, who, period, scope, language))


@router.get("/operations")
def operated(request: Request, who: Operator) -> dict[str, Any]:
    del who
    page = operations(runtime_of(request).engine)
    found: dict[str, Any] = plain(replace(page, backup=None))
    found["backup"] = page.backup.model_dump(mode="json") if page.backup else None
    return found


@router.post("/quarantine/{row}/retry")
def retry_row(request: Request, who: Operator, row: Ref) -> dict[str, Any]:
    """Read the row's delivery again, after mapping or programmes were mended."""
    done: dict[str, Any] = plain(mend.retry_row(runtime_of(request).engine, row, who.name))
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
