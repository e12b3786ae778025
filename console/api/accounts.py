"""Accounts for scripts of the administrator."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from console.api.description import FAULTS, PREFIX, Body, Done, Ref
from console.desks.account import change_account
from console.guard import Administrator
from console.people import add_account, new_password
from console.rights import Role
from console.runtime import runtime_of
from store import accounts

router = APIRouter(prefix=PREFIX, responses=FAULTS)


class Person(BaseModel):
    """Someone who may sign in. Neither passwords nor second factors are in it."""

    id: str
    login: str
    staff: str | None
    organisation: str | None
    roles: list[str]
    locked_until: datetime | None
    disabled_at: datetime | None


class Newcomer(Body):
    login: str = Field(min_length=2, max_length=64)
    roles: list[Role] = Field(min_length=1)
    staff: str = Field("", max_length=64)
    organisation: str = Field("", max_length=64)


class FirstPassword(BaseModel):
    """Shown this once."""

    login: str
    password: str


@router.get("/accounts")
def everyone(request: Request, who: Administrator) -> list[Person]:
    del who
    with runtime_of(request).engine.database.read() as conn:
        found = accounts.everyone(conn)
    return [
        Person(
            id=a.id,
            login=a.login,
            staff=a.staff,
            organisation=a.org,
            roles=list(a.roles),
            locked_until=a.locked_until,
            disabled_at=a.disabled_at,
        )
        for a in found
    ]


@router.post("/accounts", status_code=201)
def make(request: Request, who: Administrator, body: Newcomer) -> FirstPassword:
    runtime = runtime_of(request)
    password = new_password(runtime.engine.random)
    hashed = runtime.sign_in.passwords.hash(password, body.login)
    made = add_account(
        runtime.engine, body.login, body.roles, hashed, staff=body.staff, org=body.organisation, by=who.name
    )
    return FirstPassword(login=made.login, password=password)


@router.post("/accounts/{account}/{act}")
def act_on(
    request: Request, who: Administrator, account: Ref, act: Literal["disable", "enable", "unlock", "reset", "revoke"]
) -> Done:
    """Nobody does any of it to themselves."""
    change_account(runtime_of(request), who, account, act)
    return Done()
