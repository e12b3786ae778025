"""One's own account, and the administrator's list of accounts."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from config import Refuse
from console.desks.door import FLOW_COOKIE, with_flow
from console.guard import Administrator, NotFound, SignedIn
from console.pages import go, page
from console.passkeys import Passkeys
from console.people import add_account, changed_leaf, new_password
from console.proofs import new_token
from console.rights import Principal, Role
from console.runtime import Runtime, runtime_of
from store import accounts

router = APIRouter()
Text = Annotated[str, Form(max_length=200)]


@router.get("/account")
def account_page(request: Request, who: SignedIn) -> Response:
    return _own(request, who)


@router.post("/account/password")
def change_password(request: Request, who: SignedIn, password: Text, new: Text) -> Response:
    """Needs the old one; every other session ends."""
    runtime = runtime_of(request)
    if not runtime.sign_in.prove_again(who, password):
        return _own(request, who, refused=True)
    hashed = runtime.sign_in.passwords.hash(new, who.account.login)
    _change(runtime, who, who.account.id, password_hash=hashed)
    with runtime.engine.database.write() as conn:
        accounts.end_sessions(conn, who.account.id, runtime.engine.clock())
    return go("/sign-in")


@router.post("/account/everywhere")
def sign_out_everywhere(request: Request, who: SignedIn) -> Response:
    engine = runtime_of(request).engine
    with engine.database.write() as conn:
        accounts.end_sessions(conn, who.account.id, engine.clock())
    return go("/sign-in")


@router.post("/account/passkey/options")
def passkey_options(request: Request, who: SignedIn) -> Response:
    runtime = runtime_of(request)
    runtime.require_fresh(who)
    flow = new_token(runtime.engine.random)
    options = Passkeys(runtime.sign_in, runtime.origin).ask_new(who.account, flow)
    return with_flow(JSONResponse(options), runtime, flow, "/account")


@router.post("/account/passkey")
def add_passkey(request: Request, who: SignedIn, answer: dict[str, Any], label: str = "") -> Response:
    runtime = runtime_of(request)
    runtime.require_fresh(who)
    flow = request.cookies.get(FLOW_COOKIE, "")
    Passkeys(runtime.sign_in, runtime.origin).add(who.account, flow, answer, label)
    _note(runtime, who, "passkey")
    return JSONResponse({"to": "/account"})


@router.post("/account/passkey/remove")
def remove_passkey(request: Request, who: SignedIn, credential: Annotated[str, Form(max_length=512)]) -> Response:
    runtime = runtime_of(request)
    with runtime.engine.database.write() as conn:
        accounts.drop_passkey(conn, who.account.id, credential)
    _note(runtime, who, "passkey")
    return go("/account")


@router.get("/accounts")
def accounts_page(request: Request, who: Administrator) -> Response:
    return _list(request, who)


class NewAccount(BaseModel):
    """What the form for a new account sends."""

    csrf: str = ""
    login: str = Field(max_length=64)
    roles: list[Role]
    staff: str = Field("", max_length=64)
    org: str = Field("", max_length=64)


@router.post("/accounts")
def create(request: Request, who: Administrator, new: Annotated[NewAccount, Form()]) -> Response:
    """A new account with a password that is shown once, to be handed over in person and changed."""
    runtime = runtime_of(request)
    password = new_password(runtime.engine.random)
    hashed = runtime.sign_in.passwords.hash(password, new.login)
    add_account(runtime.engine, new.login, new.roles, hashed, staff=new.staff, org=new.org, by=who.name)
    return _list(request, who, made=(new.login, password))


@router.post("/account/tokens")
def make_token(
    request: Request, who: SignedIn, role: Annotated[Role, Form()], label: Text, days: Annotated[int, Form()]
) -> Response:
    """A token for a script, shown this once."""
    runtime = runtime_of(request)
    runtime.require_fresh(who)
    return _own(request, who, made=runtime.tokens.make(who, role, label, days))


@router.post("/account/tokens/revoke")
def revoke_token(request: Request, who: SignedIn, ref: Text) -> Response:
    runtime_of(request).tokens.revoke(who.name, who.account.id, ref)
    return go("/account")


@router.post("/accounts/{account_id}/{act}")
def act_on(request: Request, who: Administrator, account_id: str, act: str) -> Response:
    change_account(runtime_of(request), who, account_id, act)
    return go("/accounts")


def change_account(runtime: Runtime, who: Principal, account_id: str, act: str) -> None:
    """disable, enable, unlock, reset the second factor, or revoke its tokens. Nobody does any of it to themselves."""
    acts: dict[str, dict[str, object]] = {
        "disable": {"disabled_at": runtime.engine.clock()},
        "enable": {"disabled_at": None},
        "unlock": {"failures": 0, "locked_until": None},
        "reset": {"sealed_totp": None, "totp_step": 0},
        "revoke": {},
    }
    values = acts.get(act)
    with runtime.engine.database.read() as conn:
        known = accounts.get(conn, account_id)
    if values is None or known is None:
        raise NotFound("there is no such account")
    if known.id == who.account.id:
        raise Refuse("nobody changes their own account here; ask another administrator")
    if values:
        _change(runtime, who, account_id, **values)
    if act in {"disable", "reset"}:
        with runtime.engine.database.write() as conn:
            accounts.end_sessions(conn, account_id, runtime.engine.clock())
    if act in {"disable", "revoke"}:
        runtime.tokens.revoke(who.name, account_id)


def _own(request: Request, who: Principal, *, refused: bool = False, made: str = "") -> Response:
    runtime = runtime_of(request)
    with runtime.engine.database.read() as conn:
        keys = accounts.passkeys_of(conn, who.account.id)
    status = 401 if refused else 200
    tokens = runtime.tokens.of(who.account.id)
    return page(
        request, "account.html", status=status, here="account", passkeys=keys, refused=refused, made=made, tokens=tokens
    )


def _list(request: Request, who: Principal, *, made: tuple[str, str] | None = None) -> Response:
    with runtime_of(request).engine.database.read() as conn:
        everyone = accounts.everyone(conn)
    return page(request, "accounts.html", here="accounts", accounts=everyone, roles=tuple(Role), made=made, me=who)


def _change(runtime: Runtime, who: Principal, account_id: str, **values: object) -> None:
    """Change the account and say so in the log, in one transaction."""
    with runtime.engine.database.write() as conn:
        accounts.change(conn, account_id, **values)
        stated = changed_leaf(who.name, account_id, *sorted(values))
        runtime.engine.audit.append(conn, [stated], runtime.engine.clock())


def _note(runtime: Runtime, who: Principal, what: str) -> None:
    with runtime.engine.database.write() as conn:
        runtime.engine.audit.append(conn, [changed_leaf(who.name, who.account.id, what)], runtime.engine.clock())
