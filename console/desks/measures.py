"""The measures: one closed period, as a page and as files."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from console.guard import Measurer, NotFound
from console.pages import language_of, page
from console.rights import Principal
from console.runtime import runtime_of
from service.desks import measures
from service.measures.exports import lines
from service.measures.periods import Month
from service.measures.plots import drawings, figure, months
from service.measures.sheet import Sheet, period_name

router = APIRouter()
MEDIA = {
    "csv": "text/csv",
    "json": "application/json",
    "html": "text/html",
    "pdf": "application/pdf",
}
Asked = Annotated[str | None, Query(max_length=64)]


@router.get("/measures")
def measures_page(request: Request, who: Measurer, period: Asked = None, scope: Asked = None) -> Response:
    """The newest month, if none is asked for."""
    choice = measures.choices(runtime_of(request).engine, who.org)
    closed = [p for p in choice.periods if _is_month(p)]
    if not closed:
        return page(request, "measures.html", here="measures", sheet=None, next_at=choice.next_at)
    sheet = sheet_of(request, who, period or closed[0], scope)
    names = [(p, period_name(p, sheet.language)) for p in choice.periods]
    return page(
        request, "measures.html", here="measures", sheet=sheet, periods=names, scopes=choice.scopes, next_at=choice.next_at,
        drawings=drawings(sheet), months=months(sheet), lines=lines, figure=figure,
    )  # fmt: skip


class Taking(BaseModel):
    """What the export form sends."""

    csrf: str = ""
    form: str = Field(max_length=8)
    period: str = Field(max_length=7)
    scope: str = Field(max_length=64)


@router.post("/measures/export")
def export(request: Request, who: Measurer, wish: Annotated[Taking, Form()]) -> Response:
    """The same sheet as a file, named by its period."""
    if wish.form not in MEDIA:
        raise NotFound("there is no such form")
    sheet = sheet_of(request, who, wish.period, wish.scope)
    content = measures.export(runtime_of(request).engine, sheet, wish.form, who.name)
    kept = {"content-disposition": f'attachment; filename="measures-{sheet.period}.{wish.form}"'}
    return Response(content, media_type=MEDIA[wish.form], headers=kept)


def sheet_of(request: Request, who: Principal, period: str, scope: str | None, language: str | None = None) -> Sheet:
    """Raises NotFound for what is not closed, or not for this reader."""
    engine = runtime_of(request).engine
    try:
        return measures.sheet(engine, who.org, period, scope, language or language_of(request))
    except measures.NotClosed as fault:
        raise NotFound(str(fault)) from fault


def _is_month(period: str) -> bool:
    return len(period) == len(str(Month(2026, 10))) and "Q" not in period
