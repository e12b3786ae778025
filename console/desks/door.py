"""The door: password and code, passkey, identity provider; and the way out."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import JSONResponse, Response

from config import Refuse, Retry
from console.guard import OPEN, NotFound, SignedIn, address_of
from console.pages import LANGUAGE_COOKIE, go, home_of, page
from console.passkeys import Passkeys
from console.proofs import new_token, otpauth, readable, token_hash
from console.runtime import Runtime, runtime_of
from console.signin import FLOW_LIFE, SignInRefused
from console.words import LANGUAGES
from store import accounts

router = APIRouter()
FLOW_COOKIE = "warmlink-flow"
Text = Annotated[str, Form(max_length=200)]


@router.get("/sign-in", dependencies=[OPEN])
def sign_in_page(request: Request) -> Response:
    return _door(request)


@router.post("/sign-in", dependencies=[OPEN])
def sign_in(request: Request, login: Text, password: Text) -> Response:
    runtime = runtime_of(request)
    try:
        pending = runtime.sign_in.password(login, password, address_of(request))
    except SignInRefused:
        return _door(request, refused=True)
    return with_flow(go("/sign-in/code"), runtime, pending.flow)


@router.get("/sign-in/code", dependencies=[OPEN])
def code_page(request: Request) -> Response:
    return _code(request)


@router.post("/sign-in/code", dependencies=[OPEN])
def code(request: Request, code: Text) -> Response:
    runtime = runtime_of(request)
    try:
        token = runtime.sign_in.code(request.cookies.get(FLOW_COOKIE, ""), code)
    except SignInRefused:
        return _code(request, refused=True)
    return _welcome(runtime, token)


@router.post("/sign-in/passkey/options", dependencies=[OPEN])
def passkey_options(request: Request) -> Response:
    runtime = runtime_of(request)
    flow = new_token(runtime.engine.random)
    return with_flow(JSONResponse(Passkeys(runtime.sign_in, runtime.origin).ask(flow)), runtime, flow)


@router.post("/sign-in/passkey", dependencies=[OPEN])
def passkey(request: Request, answer: dict[str, Any]) -> Response:
    runtime = runtime_of(request)
    token = Passkeys(runtime.sign_in, runtime.origin).use(request.cookies.get(FLOW_COOKIE, ""), answer)
    who = runtime.sign_in.principal(token)
    return _with_session(JSONResponse({"to": home_of(who) if who else "/"}), runtime, token)


@router.get("/sign-in/provider", dependencies=[OPEN])
def provider(request: Request) -> Response:
    """Off to the identity provider."""
    runtime = runtime_of(request)
    if runtime.provider is None:
        raise NotFound("no identity provider is configured")
    engine = runtime.engine
    start, flow = runtime.provider.start(engine.random), new_token(engine.random)
    until = engine.clock() + FLOW_LIFE
    with engine.database.write() as conn:
        accounts.begin_flow(conn, engine.vault, token_hash(flow), "oidc", start.kept, until=until)
    return with_flow(go(start.address), runtime, flow)


@router.get("/sign-in/provider/done", dependencies=[OPEN])
def provider_done(request: Request, state: str = "", code: str = "") -> Response:
    """Back from it. Whoever it vouches for needs an account here: being known there gives nothing by itself."""
    runtime, engine = runtime_of(request), runtime_of(request).engine
    if runtime.provider is None:
        raise NotFound("no identity provider is configured")
    with engine.database.write() as conn:
        flow = token_hash(request.cookies.get(FLOW_COOKIE, ""))
        found = accounts.take_flow(conn, engine.vault, flow, "oidc", engine.clock())
    try:
        if found is None:
            raise SignInRefused("this sign-in is over")
        subject = runtime.provider.finish(found[1], state, code, engine.clock)
    except (Refuse, Retry):
        return _refused_by_provider(request, runtime, "not_vouched_for")
    with engine.database.write() as conn:
        account = accounts.by_subject(conn, subject)
        token = runtime.sign_in.begin(conn, account, "oidc") if account and account.disabled_at is None else None
    return _welcome(runtime, token) if token else _refused_by_provider(request, runtime, "no_account")


@router.post("/sign-out")
def sign_out(request: Request, who: SignedIn) -> Response:
    runtime = runtime_of(request)
    runtime.sign_in.end(who.token)
    answer = go("/sign-in")
    answer.delete_cookie(runtime.cookie, path="/", secure=runtime.secure, httponly=True, samesite="lax")
    answer.headers["clear-site-data"] = '"cache"'
    return answer


@router.post("/language", dependencies=[OPEN])
def language(request: Request, language: Text) -> Response:
    """The reader's language, in a cookie that says nothing else."""
    answer = go("/")
    if language in LANGUAGES:
        secure = runtime_of(request).secure
        answer.set_cookie(LANGUAGE_COOKIE, language, max_age=31_536_000, secure=secure, httponly=True, samesite="lax")
    return answer


@router.get("/", dependencies=[OPEN])
def root(request: Request) -> Response:
    runtime = runtime_of(request)
    who = runtime.sign_in.principal(runtime.token_of(request))
    return go(home_of(who) if who else "/sign-in")


@router.post("/demo/sign-in", dependencies=[OPEN])
def demo_sign_in(request: Request, login: Text) -> Response:
    """One click into an account of the sample county. Does not exist anywhere else."""
    runtime = runtime_of(request)
    if not runtime.demo:
        raise NotFound("there is no such page")
    with runtime.engine.database.write() as conn:
        account = accounts.by_login(conn, login)
        token = runtime.sign_in.begin(conn, account, "demo") if account else None
    if token is None:
        raise NotFound("there is no such account")
    return _welcome(runtime, token)


def _door(request: Request, *, refused: bool = False) -> Response:
    runtime = runtime_of(request)
    with runtime.engine.database.read() as conn:
        seeded = accounts.everyone(conn) if runtime.demo else ()
    provider = runtime.provider.settings.label if runtime.provider else ""
    status = 401 if refused else 200
    return page(request, "door.html", status=status, refused=refused, seeded=seeded, provider=provider)


def _code(request: Request, *, refused: bool = False) -> Response:
    runtime = runtime_of(request)
    try:
        pending = runtime.sign_in.pending(request.cookies.get(FLOW_COOKIE, ""))
    except SignInRefused:
        return go("/sign-in")
    secret = pending.secret
    shown = {"secret": readable(secret), "otpauth": otpauth(secret, pending.login)} if secret else None
    return page(request, "code.html", status=401 if refused else 200, refused=refused, setup=shown)


def _refused_by_provider(request: Request, runtime: Runtime, code: str) -> Response:
    with runtime.engine.database.write() as conn:
        runtime.sign_in.note_failure(conn, None, "oidc", code)
    return _door(request, refused=True)


def _welcome(runtime: Runtime, token: str) -> Response:
    who = runtime.sign_in.principal(token)
    return _with_session(go(home_of(who) if who else "/"), runtime, token)


def _with_session(answer: Response, runtime: Runtime, token: str) -> Response:
    """A session cookie without end date: the browser drops it when it closes, and the server long before."""
    answer.set_cookie(runtime.cookie, token, path="/", secure=runtime.secure, httponly=True, samesite="lax")
    answer.delete_cookie(FLOW_COOKIE, path="/sign-in", secure=runtime.secure, httponly=True, samesite="lax")
    return answer


def with_flow(answer: Response, runtime: Runtime, flow: str, path: str = "/sign-in") -> Response:
    """Names the ceremony that has begun, for its next step."""
    age = int(FLOW_LIFE.total_seconds())
    answer.set_cookie(FLOW_COOKIE, flow, max_age=age, path=path, secure=runtime.secure, httponly=True, samesite="lax")
    return answer
