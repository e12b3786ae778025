"""The operator's page."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from console.guard import NEEDS
from console.pages import page
from console.rights import Right
from console.runtime import runtime_of
from service.desks.compliance import staff_names
from service.desks.operations import operations

router = APIRouter()


@router.get("/operations", dependencies=[NEEDS[Right.OPERATE]])
def operations_page(request: Request) -> Response:
    engine = runtime_of(request).engine
    return page(request, "operations.html", here="operations", ops=operations(engine), names=staff_names(engine))
