"""Who may go where: every route, every role, every object, and every request that did not come from our own page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from sqlalchemy import select

from audit.leaves import Kind
from audit.log import entries
from config import ConfigError
from console.app import ROUTERS
from console.guard import guarded_routes
from console.rights import GRANTS, SEES_NOBODY, Right, Role, may_be_combined
from store.tables import alert, client, link
from tests.console.conftest import LOGINS, House, with_password

REF = "a" * 26


def _routes() -> Iterator[tuple[str, str, Right | None]]:
    for route, gate in guarded_routes(ROUTERS):
        for method in sorted((route.methods or set()) - {"HEAD"}):
            yield method, route.path, gate.right


ROUTES = sorted(_routes(), key=str)
GUARDED = [(method, path, right) for method, path, right in ROUTES if right is not None]


def _address(path: str) -> str:
    return re.sub(r"\{\w+\}", REF, path)


def test_a_route_without_a_gate_is_refused_when_the_application_is_built() -> None:
    bare = APIRouter()
    bare.add_api_route("/bare", lambda: None)
    with pytest.raises(ConfigError, match="stands behind 0 gates"):
        list(guarded_routes([bare]))
    nested = APIRouter()
    nested.include_router(bare)
    with pytest.raises(ConfigError, match="cannot be checked"):
        list(guarded_routes([nested]))


def test_open_routes_are_only_the_door_and_what_says_that_the_machine_is_up() -> None:
    open_routes = {path for _, path, right in ROUTES if right is None}
    assert open_routes == {
        "/", "/sign-in", "/sign-in/code", "/sign-in/passkey", "/sign-in/passkey/options", "/sign-in/provider",
        "/sign-in/provider/done", "/language", "/demo/sign-in", "/healthz", "/readyz", "/metrics", "/api/v1/openapi.json",
        "/api/v1/feeds/{feed}/deliveries",  # which has its own door: a token of the feed
    }  # fmt: skip


@pytest.mark.parametrize("role", list(Role), ids=lambda r: r.value)
def test_each_role_reaches_its_own_routes_and_no_other(house: House, role: Role) -> None:
    visitor = house.client(LOGINS[role])
    rights = GRANTS[role] | {Right.SIGNED_IN}
    for method, path, right in GUARDED:
        if path in {"/sign-out", "/account/everywhere"}:
            continue  # they end the session that this test walks with
        answer = visitor.request(method, _address(path))
        assert (answer.status_code == 403) is (right not in rights), f"{role.value} {method} {path}"
        assert answer.status_code not in {401, 500}, f"{method} {path}"


def test_nobody_gets_anywhere_without_a_session(house: House) -> None:
    stranger = house.client()
    for method, path, _ in GUARDED:
        answer = stranger.request(method, _address(path))
        if path.startswith("/api/"):
            assert answer.status_code == 401, path
        else:
            assert (answer.status_code, answer.headers.get("location")) == (303, "/sign-in"), path


@pytest.mark.parametrize("forge", ["no token", "another session's token", "another site"])
def test_what_changes_something_must_come_from_our_own_page(house: House, forge: str) -> None:
    login = {right: LOGINS[role] for role in Role for right in GRANTS[role]} | {Right.SIGNED_IN: "operator"}
    other = house.client("admin").headers["x-csrf-token"]
    for method, path, right in GUARDED:
        if method == "GET" or right is None:
            continue
        visitor = house.client(login[right])
        if forge == "no token":
            del visitor.headers["x-csrf-token"]
        elif forge == "another session's token":
            visitor.headers["x-csrf-token"] = other
        else:
            visitor.headers["origin"] = "https://elsewhere.example"
        answer = visitor.request(method, _address(path))
        assert answer.status_code == 403, f"{method} {path}"


def test_the_door_takes_no_form_from_another_site(house: House) -> None:
    stranger = house.client()
    form = {"login": "lee", "password": "anything at all"}
    assert stranger.post("/sign-in", data=form, headers={"origin": "https://elsewhere.example"}).status_code == 403
    assert stranger.post("/sign-in", data=form, headers={"sec-fetch-site": "cross-site"}).status_code == 403


def _alert_of(house: House, org: str) -> str:
    with house.engine.database.read() as conn:
        query = (
            select(alert.c.ref)
            .join(link, link.c.ref == alert.c.link)
            .join(client, client.c.ref == link.c.client)
            .where(client.c.org == org)
        )
        return str(conn.execute(query.limit(1)).scalar_one())


def _review_of(house: House, org: str) -> str:
    with house.engine.database.read() as conn:
        query = select(link.c.ref).join(client, client.c.ref == link.c.client)
        return str(conn.execute(query.where(client.c.org == org, link.c.verdict == "REVIEW").limit(1)).scalar_one())


OBJECTS: list[tuple[str, str, str, dict[str, object]]] = [
    ("jones", "POST", "/api/v1/inbox/{alert}/open", {"json": {"kid": "k" * 43}}),
    ("jones", "POST", "/api/v1/inbox/{alert}/answer", {"json": {"verdict": "is_my_client"}}),
    ("jones", "POST", "/api/v1/inbox/{alert}/outcome", {"json": {"contact": "phone"}}),
    ("eriksen", "GET", "/api/v1/reviews/{review}", {}),
    ("eriksen", "POST", "/api/v1/reviews/{review}", {"json": {"opinion": "confirm"}}),
    ("eriksen", "POST", "/api/v1/reviews/{review}/sides", {}),
    ("north-privacy", "GET", "/api/v1/threads/{alert}", {}),
    ("eriksen", "GET", "/review/{review}", {}),
    ("eriksen", "POST", "/review/{review}", {"data": {"opinion": "confirm"}}),
    ("eriksen", "POST", "/review/{review}/sides", {}),
]


@pytest.mark.parametrize(("login", "method", "path", "body"), OBJECTS, ids=[f"{o[1]} {o[2]}" for o in OBJECTS])
def test_what_is_another_organisations_looks_like_what_does_not_exist(
    house: House, login: str, method: str, path: str, body: dict[str, object]
) -> None:
    with_password(house, "north-privacy", Role.COMPLIANCE, org="north-clinic")
    theirs = {"alert": _alert_of(house, "harlan-bh"), "review": _review_of(house, "harlan-bh")}
    visitor = house.client(login)
    with house.engine.database.read() as conn:
        before = house.engine.audit.head(conn).size
    real = visitor.request(method, path.format(**theirs), **body)  # type: ignore[arg-type]  # as httpx takes them
    none = visitor.request(method, path.format(alert=REF, review=REF), **body)  # type: ignore[arg-type]  # as httpx takes them
    assert real.status_code == none.status_code == 404
    assert real.text == none.text
    with house.engine.database.read() as conn:
        kinds = [entry.leaf.kind for entry in entries(conn) if entry.position >= before]
        states = {row.ref: row.state for row in conn.execute(select(alert))}
    assert kinds.count(Kind.REFUSED_ATTEMPT) == 2
    assert states[theirs["alert"]] != "acknowledged"


def test_every_route_with_an_object_is_in_the_object_matrix() -> None:
    tested = {(method, re.sub(r"\{\w+\}", "{}", path)) for _, method, path, _ in OBJECTS}
    not_of_a_client = {
        "/accounts/{}/{}", "/api/v1/accounts/{}/{}", "/reports/{}", "/reports/{}/export", "/api/v1/reports/{}",
        "/api/v1/measures/{}", "/api/v1/quarantine/{}/retry", "/api/v1/quarantine/{}/discard",
    }  # fmt: skip
    with_object = {(m, re.sub(r"\{\w+\}", "{}", p)) for m, p, _ in GUARDED if "{" in p}
    assert {(m, p) for m, p in with_object if p not in not_of_a_client} == tested


def test_an_officer_of_one_organisation_learns_nothing_of_anothers_clients(house: House) -> None:
    ours, all_of_it = house.client("privacy"), house.client("county-privacy")
    number = {"number": "26-000105"}  # a booking that is a client of the north clinic only
    assert all_of_it.post("/api/v1/explanations", json=number).json()["answer"] == "told"
    found = ours.post("/api/v1/explanations", json=number).json()
    assert (found["answer"], found["links"]) == ("not told", [])
    assert found["because"] == "it was compared with every roster and matched no client"
    page = ours.post("/compliance/client", data={"number": "MRN1005", "org": "north-clinic"})
    assert "No client of this number" in page.text


def test_reports_are_cut_to_the_officers_organisation(house: House) -> None:
    ours, whole = house.client("privacy"), house.client("county-privacy")
    for name in ("access", "retractions"):
        people = {row.get("by", row.get("recipient")) for row in ours.get(f"/api/v1/reports/{name}").json()}
        assert not people & {"N01", "N02", "N09", "jones", "eriksen"}
    assert len(ours.get("/api/v1/reports/access").json()) < len(whole.get("/api/v1/reports/access").json())


@pytest.mark.parametrize("roles", [{Role.OPERATOR, Role.CASE_MANAGER}, {Role.ADMINISTRATOR, Role.COMPLIANCE}])
def test_whoever_runs_the_machine_does_not_look_at_clients(house: House, roles: set[Role]) -> None:
    assert not may_be_combined(frozenset(roles))
    answer = house.client("admin").post(
        "/accounts", data={"login": "both", "roles": [r.value for r in roles], "staff": "CM001"}
    )
    assert answer.status_code == 422
    for role in SEES_NOBODY:
        assert not GRANTS[role] & {Right.INBOX, Right.REVIEW, Right.TEAM, Right.COMPLIANCE}


def test_an_administrator_does_not_unlock_themselves(house: House) -> None:
    visitor = house.client("admin")
    mine = house.engine.locator.ref("account", "admin")
    assert visitor.post(f"/accounts/{mine}/enable").status_code == 422
    other = house.engine.locator.ref("account", "lee")
    session = house.client("lee")
    assert session.get("/api/v1/me").status_code == 200
    assert visitor.post(f"/accounts/{other}/disable").status_code == 303
    assert session.get("/api/v1/me").status_code == 401


def test_every_look_at_a_person_is_in_the_log_before_it_is_given(house: House) -> None:
    officer, reviewer = house.client("county-privacy"), house.client("ortiz")
    review = _review_of(house, "harlan-bh")
    with house.engine.database.read() as conn:
        start = house.engine.audit.head(conn).size
    officer.post("/compliance/client", data={"number": "MRN1005", "org": "north-clinic"})
    officer.post("/compliance/booking", data={"number": "26-000105"})
    reviewer.get(f"/review/{review}")
    with house.engine.database.read() as conn:
        looks = [e.leaf.facts for e in entries(conn) if e.position >= start and e.leaf.kind is Kind.VIEW]
    assert [look["screen"] for look in looks] == ["compliance", "explain", "review"]
    assert looks[0]["client"] == house.engine.locator.ref("client", "north-clinic", "MRN1005")
    assert looks[2]["link"] == review


def test_every_page_of_every_desk_answers(house: House, request: pytest.FixtureRequest) -> None:
    check: Callable[[str, str], None] = lambda login, path: _fine(house, login, path)  # noqa: E731 - one line per desk below
    for login, paths in {
        "lee": ["/inbox", "/account"],
        "ortiz": ["/inbox", "/review", "/team", "/measures"],
        "privacy": [
            "/compliance",
            "/reports",
            "/reports/access",
            "/reports/break_glass",
            "/log",
            "/rules",
            "/measures",
        ],
        "county-privacy": ["/compliance", "/reports/proof_of_check", "/reports/decisions_by_reason", "/reports/pulls"],
        "operator": ["/operations"],
        "admin": ["/accounts"],
    }.items():
        for path in paths:
            check(login, path)


def _fine(house: House, login: str, path: str) -> None:
    for language in ("en", "es"):
        visitor = house.client(login)
        visitor.cookies.set("language", language)
        answer = visitor.get(path)
        assert answer.status_code == 200, f"{path} {answer.text[:300]}"
        assert f'lang="{language}"' in answer.text


def test_route_functions_are_routes() -> None:
    assert all(isinstance(route, APIRoute) for route, _ in guarded_routes(ROUTERS))
