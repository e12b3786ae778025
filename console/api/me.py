"""Who asks, and the description of everything else."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from console.api.description import FAULTS, PREFIX, describe
from console.guard import OPEN, SignedIn

router = APIRouter(prefix=PREFIX, responses=FAULTS)


class Me(BaseModel):
    name: str
    organisation: str | None
    rights: list[str]


@router.get("/me")
def me(who: SignedIn) -> Me:
    return Me(name=who.name, organisation=who.org, rights=sorted(r.value for r in who.rights))


@router.get("/openapi.json", dependencies=[OPEN], include_in_schema=False)
def openapi(request: Request) -> dict[str, Any]:
    description: dict[str, Any] = describe(request.app)
    return description
