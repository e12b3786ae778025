"""The door: two proofs, locks, codes that are good once, sessions that end, and an identity provider that must prove itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from fastapi.testclient import TestClient
from joserfc import jwt
from joserfc.jwk import ECKey

from audit.leaves import Kind
from audit.log import entries
from config.settings import ConsoleSettings, OidcSettings
from console.app import create_app
from console.people import add_account
from console.proofs import STEP_SECONDS, code_at, code_step, csrf_token
from console.rights import Role
from console.signin import FREE_TRIES, PER_ADDRESS
from store import accounts
from tests.console.conftest import CHEAP, PASSWORD, House, with_password


def _enter(house: House, visitor: TestClient, login: str = "officer", password: str = PASSWORD) -> Any:
    return visitor.post("/sign-in", data={"login": login, "password": password})


def _secret(page: str) -> bytes:
    from base64 import b32decode

    shown = re.search(r'id="secret">([A-Z2-7 ]+)<', page)
    assert shown is not None
    return b32decode(shown[1].replace(" ", ""))


def _now_code(house: House, secret: bytes, steps: int = 0) -> str:
    return code_at(secret, int(house.clock().timestamp()) // STEP_SECONDS + steps)


@pytest.fixture
def officer(house: House) -> House:
    with_password(house, "officer", Role.COMPLIANCE)
    return house


def _set_up(house: House, visitor: TestClient) -> bytes:
    """Through the first sign-in, second factor and all."""
    assert _enter(house, visitor).headers["location"] == "/sign-in/code"
    secret = _secret(visitor.get("/sign-in/code").text)
    answer = visitor.post("/sign-in/code", data={"code": _now_code(house, secret)})
    assert answer.headers["location"] == "/compliance"
    return secret


def test_password_then_code_then_in(officer: House) -> None:
    visitor = officer.client()
    _set_up(officer, visitor)
    assert visitor.get("/compliance").status_code == 200
    cookie = officer.app.state.runtime.cookie
    assert cookie.startswith("__Host-")


def test_the_session_cookie_is_for_our_pages_only(officer: House) -> None:
    visitor = officer.client()
    _enter(officer, visitor)
    secret = _secret(visitor.get("/sign-in/code").text)
    answer = visitor.post("/sign-in/code", data={"code": _now_code(officer, secret)})
    (cookie,) = [c for c in answer.headers.get_list("set-cookie") if c.startswith("__Host-")]
    for attribute in ("HttpOnly", "Secure", "Path=/", "SameSite=lax"):
        assert attribute in cookie
    assert "Domain" not in cookie
    assert "Max-Age" not in cookie


def test_the_password_alone_opens_nothing(officer: House) -> None:
    visitor = officer.client()
    _enter(officer, visitor)
    assert visitor.get("/compliance").headers["location"] == "/sign-in"


def test_a_code_is_good_once(officer: House) -> None:
    secret = _set_up(officer, officer.client())
    again = officer.client()
    _enter(officer, again)
    assert again.post("/sign-in/code", data={"code": _now_code(officer, secret)}).status_code == 401
    officer.clock.forward(seconds=STEP_SECONDS)
    assert again.post("/sign-in/code", data={"code": _now_code(officer, secret)}).status_code == 303


def test_a_second_factor_that_is_set_is_not_shown_again(officer: House) -> None:
    _set_up(officer, officer.client())
    again = officer.client()
    _enter(officer, again)
    assert 'id="secret"' not in again.get("/sign-in/code").text


def test_codes_of_rfc_6238() -> None:
    secret = b"12345678901234567890"
    # RFC 6238, appendix B, SHA-1, the last six of eight digits
    for seconds, digits in ((59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (20000000000, "353130")):
        assert code_at(secret, seconds // STEP_SECONDS) == digits


def test_a_code_of_another_minute_is_refused(officer: House) -> None:
    secret = _set_up(officer, officer.client())
    now = officer.clock()
    for steps, taken in ((-3, False), (-1, True), (0, True), (1, True), (2, False)):
        assert (code_step(secret, _now_code(officer, secret, steps), now) is not None) is taken


@pytest.mark.parametrize("login", ["officer", "nobody-of-this-name"])
def test_wrong_passwords_and_unknown_logins_look_alike(officer: House, login: str) -> None:
    answer = _enter(officer, officer.client(), login, "not the password")
    assert answer.status_code == 401
    unknown = _enter(officer, officer.client(), "somebody-else", "not the password")
    assert answer.text == unknown.text


def test_after_some_tries_even_the_right_password_waits_and_the_wait_grows(officer: House) -> None:
    for _ in range(FREE_TRIES):
        _enter(officer, officer.client(), password="wrong wrong wrong")
    assert _enter(officer, officer.client()).status_code == 401
    officer.clock.forward(minutes=1, seconds=1)
    assert _enter(officer, officer.client(), password="wrong wrong wrong").status_code == 401
    officer.clock.forward(minutes=1, seconds=30)
    assert _enter(officer, officer.client()).status_code == 401
    officer.clock.forward(hours=1)
    assert _enter(officer, officer.client()).status_code == 303


def test_guessing_codes_locks_too(officer: House) -> None:
    _set_up(officer, officer.client())
    officer.clock.forward(minutes=1)
    visitor = officer.client()
    _enter(officer, visitor)
    for _ in range(FREE_TRIES):
        visitor.post("/sign-in/code", data={"code": "000000"})
    with officer.engine.database.read() as conn:
        account = accounts.by_login(conn, "officer")
    assert account is not None
    assert account.locked_until is not None
    assert account.locked_until > officer.clock()


def test_one_address_cannot_try_every_login(officer: House) -> None:
    visitor = officer.client()
    for n in range(PER_ADDRESS):
        _enter(officer, visitor, f"login{n}", "a common password")
    assert _enter(officer, officer.client()).status_code == 401
    officer.clock.forward(minutes=16)
    assert _enter(officer, officer.client()).status_code == 303


def test_every_attempt_is_in_the_log_and_no_secret_is(officer: House) -> None:
    visitor = officer.client()
    _enter(officer, visitor, password="a wrong password")
    _enter(officer, visitor, "intruder", "a wrong password")
    _set_up(officer, visitor)
    with officer.engine.database.read() as conn:
        logins = [e.leaf.facts for e in entries(conn) if e.leaf.kind is Kind.LOGIN]
    assert [(f.get("by"), f["result"], f.get("code")) for f in logins] == [
        ("officer", "failed", "wrong_password"),
        (None, "failed", "wrong_password"),
        ("officer", "ok", None),
    ]


def test_sessions_end_when_idle_when_old_and_when_asked(build: Callable[..., House]) -> None:
    house = build(idle_minutes=15, session_hours=2)
    visitor = house.client("privacy")
    for _ in range(4):
        house.clock.forward(minutes=14)
        assert visitor.get("/api/v1/me").status_code == 200
    house.clock.forward(minutes=15)
    assert visitor.get("/api/v1/me").status_code == 401
    busy = house.client("privacy")
    for _ in range(11):
        house.clock.forward(minutes=10)
        assert busy.get("/api/v1/me").status_code == 200
    house.clock.forward(minutes=10)
    assert busy.get("/api/v1/me").status_code == 401
    leaving = house.client("privacy")
    assert leaving.post("/sign-out").status_code == 303
    assert leaving.get("/api/v1/me").status_code == 401


def test_the_database_holds_no_token_that_opens_a_session(house: House) -> None:
    visitor = house.client("privacy")
    token = visitor.cookies[house.app.state.runtime.cookie]
    raw = house.engine.settings.home.joinpath("warmlink.db").read_bytes()
    assert token.encode() not in raw
    assert csrf_token(token).encode() not in raw


def test_changing_the_password_needs_the_old_one_and_ends_every_session(officer: House) -> None:
    first, second = officer.client("officer"), officer.client("officer")
    wrong = {"password": "not this one at all", "new": "a new and longer password"}
    assert first.post("/account/password", data=wrong).status_code == 401
    assert first.post("/account/password", data=wrong | {"password": PASSWORD}).headers["location"] == "/sign-in"
    assert [v.get("/api/v1/me").status_code for v in (first, second)] == [401, 401]
    assert _enter(officer, officer.client()).status_code == 401
    assert _enter(officer, officer.client(), password="a new and longer password").status_code == 303


@pytest.mark.parametrize("password", ["short", "officer-and-more-letters"])
def test_a_weak_password_is_refused(officer: House, password: str) -> None:
    visitor = officer.client("officer")
    answer = visitor.post("/account/password", data={"password": PASSWORD, "new": password})
    assert answer.status_code == 422


def test_the_demonstrations_one_click_accounts_exist_nowhere_else(house: House) -> None:
    visitor = house.client()
    assert visitor.post("/demo/sign-in", data={"login": "lee"}).status_code == 404
    assert "sample county" not in visitor.get("/sign-in").text


# The identity provider

ISSUER = "https://idp.example.org"


@dataclass(slots=True)
class IdentityProvider:
    """A provider that answers as told. `claims` replaces what its token says."""

    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "k1", "use": "sig"}))
    signs_with: ECKey | None = None
    claims: dict[str, Any] = field(default_factory=dict)
    nonce: str = ""
    now: float = 0
    seen: dict[str, str] = field(default_factory=dict)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        match request.url.path:
            case "/.well-known/openid-configuration":
                ends = {n: f"{ISSUER}/{n}" for n in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
                return httpx2.Response(200, json={"issuer": ISSUER, **ends})
            case "/jwks_uri":
                return httpx2.Response(200, json={"keys": [self.key.as_dict(private=False)]})
            case "/token_endpoint":
                self.seen = {k: v[0] for k, v in parse_qs(request.content.decode()).items()}
                return httpx2.Response(200, json={"id_token": self._token()})
            case _:
                return httpx2.Response(404)

    def _token(self) -> str:
        says = {"iss": ISSUER, "aud": "warmlink", "sub": "person-7", "nonce": self.nonce}
        says |= {"iat": int(self.now), "exp": int(self.now) + 300} | self.claims
        return jwt.encode({"alg": "ES256", "kid": "k1"}, says, self.signs_with or self.key)


@pytest.fixture
def provider() -> IdentityProvider:
    return IdentityProvider()


@pytest.fixture
def federated(house: House, provider: IdentityProvider) -> House:
    """The house with a provider, and an account that the provider vouches for."""
    oidc = OidcSettings(issuer=ISSUER, client_id="warmlink", client_secret="s", label="the county")
    settings = house.engine.settings.model_copy(update={"console": ConsoleSettings(origin=house.origin, oidc=oidc)})
    object.__setattr__(house.engine, "settings", settings)
    add_account(house.engine, "fed", [Role.COMPLIANCE], None, subject=f"{ISSUER}#person-7", by="test")
    house.app = create_app(house.engine, hasher=CHEAP, http=httpx2.Client(transport=httpx2.MockTransport(provider)))
    provider.now = house.clock().timestamp()
    return house


def _come_back(house: House, provider: IdentityProvider, visitor: TestClient, **changed: str) -> Any:
    sent = visitor.get("/sign-in/provider")
    query = {k: v[0] for k, v in parse_qs(urlsplit(sent.headers["location"]).query).items()}
    assert query["code_challenge_method"] == "S256"
    provider.nonce = query["nonce"]
    answer = visitor.get("/sign-in/provider/done", params={"state": query["state"], "code": "c"} | changed)
    provider.seen["challenge"] = query["code_challenge"]
    return answer


def test_whoever_the_provider_vouches_for_comes_in(federated: House, provider: IdentityProvider) -> None:
    visitor = federated.client()
    assert _come_back(federated, provider, visitor).headers["location"] == "/compliance"
    assert visitor.get("/compliance").status_code == 200
    from base64 import urlsafe_b64encode
    from hashlib import sha256

    proven = urlsafe_b64encode(sha256(provider.seen["code_verifier"].encode()).digest()).decode().rstrip("=")
    assert proven == provider.seen["challenge"]


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example.org"},
        {"aud": "another-client"},
        {"aud": ["warmlink", "another"], "azp": "another"},
        {"nonce": "of-another-sign-in"},
        {"exp": 1_000_000_000},
        {"sub": "somebody-without-an-account"},
    ],
    ids=["issuer", "audience", "authorised-party", "nonce", "expired", "no-account"],
)
def test_a_token_that_does_not_fit_opens_nothing(
    federated: House, provider: IdentityProvider, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    visitor = federated.client()
    assert _come_back(federated, provider, visitor).status_code == 401
    assert visitor.get("/compliance").headers["location"] == "/sign-in"


def test_a_token_of_another_key_opens_nothing(federated: House, provider: IdentityProvider) -> None:
    provider.signs_with = ECKey.generate_key("P-256", {"kid": "k1"})
    assert _come_back(federated, provider, federated.client()).status_code == 401


def test_an_answer_to_another_sign_in_opens_nothing(federated: House, provider: IdentityProvider) -> None:
    assert _come_back(federated, provider, federated.client(), state="forged").status_code == 401
    with_flow, without = federated.client(), federated.client()
    sent = with_flow.get("/sign-in/provider")
    state = parse_qs(urlsplit(sent.headers["location"]).query)["state"][0]
    assert without.get("/sign-in/provider/done", params={"state": state, "code": "c"}).status_code == 401


def test_a_sign_in_at_the_provider_is_good_once(federated: House, provider: IdentityProvider) -> None:
    visitor = federated.client()
    flow_cookie = None
    sent = visitor.get("/sign-in/provider")
    query = {k: v[0] for k, v in parse_qs(urlsplit(sent.headers["location"]).query).items()}
    provider.nonce = query["nonce"]
    flow_cookie = sent.cookies["warmlink-flow"]
    where = {"state": query["state"], "code": "c"}
    assert visitor.get("/sign-in/provider/done", params=where).status_code == 303
    thief = federated.client()
    thief.cookies.set("warmlink-flow", flow_cookie)
    assert thief.get("/sign-in/provider/done", params=where).status_code == 401
