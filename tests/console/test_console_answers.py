"""What goes out: headers, words, the API's description, and answers that never repeat what was sent."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from audit.leaves import Kind, leaf
from console.app import create_app
from console.headers import POLICY
from console.pages import environment
from console.rights import Role
from console.words import LANGUAGES, words
from tests.console.conftest import CHEAP, PASSWORD, House, with_password

TEMPLATES = sorted(p for p in Path(str(files("console") / "templates")).iterdir() if p.suffix == ".html")


def test_every_answer_carries_the_headers(house: House) -> None:
    visitor = house.client("lee")
    for path in (
        "/",
        "/sign-in",
        "/inbox",
        "/nowhere",
        "/api/v1/me",
        "/api/v1/nowhere",
        "/static/warmlink.css",
        "/healthz",
    ):
        headers = visitor.get(path).headers
        assert headers["content-security-policy"] == POLICY, path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["strict-transport-security"].startswith("max-age=31536000")
        assert headers["x-frame-options"] == "DENY"
        assert ("no-store" in headers["cache-control"]) is not path.startswith("/static/")


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    assert "unsafe" not in POLICY
    assert "http" not in POLICY
    assert "*" not in POLICY


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda p: p.name)
def test_no_template_has_inline_script_or_style(template: Path) -> None:
    text = template.read_text("utf-8")
    assert re.search(r"\son[a-z]+\s*=", text) is None
    assert re.search(r"\sstyle\s*=", text) is None
    assert re.search(r"<script(?![^>]*\ssrc=)", text) is None
    assert "<style" not in text
    assert "|safe" not in text.replace(" ", "")
    assert re.search(r"(src|href|action)=\"(https?:)?//", text) is None


def test_every_form_that_posts_carries_the_pages_token() -> None:
    open_forms = {"/sign-in", "/sign-in/code", "/demo/sign-in", "/language"}
    for template in TEMPLATES:
        for form in re.findall(r'<form[^>]*method="post".*?</form>', template.read_text("utf-8"), re.DOTALL):
            action = re.search(r'action="([^"]+)"', form)
            assert action is not None, template.name
            assert ('name="csrf"' in form) or action[1] in open_forms, f"{template.name} {action[1]}"


def test_both_languages_say_everything() -> None:
    english, spanish = (words(language).phrases for language in LANGUAGES)
    assert english.keys() == spanish.keys()
    for key, phrase in english.items():
        assert set(re.findall(r"\{(\w+)\}", phrase)) == set(re.findall(r"\{(\w+)\}", spanish[key])), key


def test_every_word_that_a_template_asks_for_is_there() -> None:
    known = words("en").phrases
    for template in TEMPLATES:
        for key in re.findall(r"\bt\([\"']([a-z_.0-9-]+)[\"'][,)]", template.read_text("utf-8")):
            assert key in known, f"{template.name}: {key}"
        environment().get_template(template.name)


@pytest.mark.parametrize(
    "body", [{"verdict": "SECRET-VALUE"}, {"verdict": "is_my_client", "SECRET-VALUE": 1}, ["SECRET-VALUE"]]
)
def test_an_answer_never_repeats_what_was_sent(house: House, body: Any) -> None:
    answer = house.client("lee").post(f"/api/v1/inbox/{'a' * 26}/answer", json=body)
    assert answer.status_code == 422
    assert "SECRET-VALUE" not in answer.text.replace("body.SECRET-VALUE", "").replace(": SECRET-VALUE", "")


def test_what_nobody_foresaw_says_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("Herrera, Deborah, 1980-01-01")

    monkeypatch.setattr("service.desks.inbox.threads", broken)
    answer = house.client("lee").get("/api/v1/inbox")
    assert answer.status_code == 500
    assert answer.headers["content-security-policy"] == POLICY
    printed = capsys.readouterr()
    assert "Herrera" not in answer.text + printed.out + printed.err + house.said.getvalue()
    assert "RuntimeError" in house.said.getvalue()


def test_a_large_body_is_refused(house: House) -> None:
    answer = house.client("lee").post("/api/v1/key", content=b'{"jwk": "' + b"x" * 100_000 + b'"}')
    assert answer.status_code == 413


@pytest.mark.parametrize("extra", [{"d": "c2VjcmV0"}, {"crv": "P-384"}, {"x": "AAAA"}])
def test_only_a_sound_public_key_is_enrolled(house: House, extra: dict[str, str]) -> None:
    from alerts.keys import PrivateKey

    jwk = dict(PrivateKey.generate().public.jwk) | extra
    answer = house.client("lee").post("/api/v1/key", json={"jwk": jwk})
    assert answer.status_code == 422
    assert "c2VjcmV0" not in answer.text


def test_a_borrowed_session_cannot_enrol_a_key(house: House) -> None:
    from alerts.keys import PrivateKey

    visitor = house.client("lee")
    for _ in range(2):
        house.clock.forward(minutes=6)
        visitor.get("/api/v1/me")
    answer = visitor.post("/api/v1/key", json={"jwk": dict(PrivateKey.generate().public.jwk)})
    assert answer.status_code == 422
    assert "sign in again" in answer.json()["detail"]


def test_a_key_of_somebody_else_opens_nothing(house: House) -> None:
    """A session of one and the key of another: neither gives the other's messages."""
    with house.engine.database.read() as conn:
        from store import staff

        other = staff.usable_keys(conn, "N02", house.clock())[0].kid  # type: ignore[arg-type]  # a staff id
    lee = house.client("lee")
    mine = next(t["messages"][0]["ref"] for t in lee.get("/api/v1/inbox").json())
    assert lee.post(f"/api/v1/inbox/{mine}/open", json={"kid": other}).status_code == 404


def test_the_api_is_described(house: House) -> None:
    described = house.client().get("/api/v1/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    assert "/api/v1/inbox/{alert}/open" in described["paths"]
    assert all(path.startswith("/api/v1/") for path in described["paths"])
    assert described["components"]["schemas"]["Answer"]["additionalProperties"] is False


def test_health_readiness_and_metrics(house: House) -> None:
    stranger = house.client()
    assert stranger.get("/healthz").json() == {"status": "up"}
    assert stranger.get("/readyz").json() == {"status": "ready"}
    assert stranger.get("/metrics").status_code == 303
    text = house.client("operator").get("/metrics").text
    names = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if not line.startswith("#")}
    assert {"warmlink_healthy", "warmlink_feed_ok", "warmlink_audit_entries", "warmlink_alerts"} <= names
    for line in text.splitlines():
        assert re.fullmatch(r"# (HELP|TYPE) \w+ .+|\w+(\{\w+=\"[\w.-]+\"\})? \d+", line), line


def test_metrics_by_the_collectors_token(build: Any) -> None:
    house = build(metrics_token="a-long-token")
    stranger = house.client()
    assert stranger.get("/metrics", headers={"authorization": "Bearer a-long-token"}).status_code == 200
    assert stranger.get("/metrics", headers={"authorization": "Bearer another"}).status_code == 303


def test_two_reviewers_where_two_are_asked_for(build: Any) -> None:
    house = build(second_reviewer=True)
    from console.people import add_account
    from console.rights import Role

    add_account(house.engine, "second", [Role.SUPERVISOR], None, staff="CM076", by="test")
    first, second = house.client("ortiz"), house.client("second")
    link = first.get("/api/v1/reviews").json()[0]["link"]
    assert first.post(f"/api/v1/reviews/{link}", json={"opinion": "refuse"}).json() == {"state": "open"}
    assert first.post(f"/api/v1/reviews/{link}", json={"opinion": "refuse"}).json() == {"state": "open"}
    assert second.post(f"/api/v1/reviews/{link}", json={"opinion": "refuse"}).json() == {"state": "refused"}
    assert first.post(f"/api/v1/reviews/{link}", json={"opinion": "confirm"}).status_code == 409


def test_an_emergency_access_is_reviewed_by_somebody_else(house: House) -> None:
    ref = house.engine.locator.ref
    client = ref("client", "north-clinic", "MRN1005")
    stated = [
        leaf(Kind.BREAK_GLASS, declaration=ref("declaration", by), by=by, client=client)
        for by in ("N02", "county-privacy")
    ]
    with house.engine.database.write() as conn:
        theirs, own = house.engine.audit.append(conn, stated, house.clock())
    officer, other_org = house.client("county-privacy"), house.client("privacy")
    where = "/reports/break_glass/sign"
    assert officer.post(where, data={"position": own, "outcome": "justified"}).status_code == 422
    assert other_org.post(where, data={"position": theirs, "outcome": "justified"}).status_code == 422
    assert officer.post(where, data={"position": theirs - 1, "outcome": "justified"}).status_code == 422
    assert 'value="not_justified"' in officer.get("/reports/break_glass").text
    assert officer.post(where, data={"position": theirs, "outcome": "not_justified"}).status_code == 303
    rows = {row["position"]: row for row in officer.get("/api/v1/reports/break_glass").json()["rows"]}
    assert (rows[theirs]["outcome"], rows[theirs]["reviewed_by"]) == ("not_justified", "county-privacy")
    assert rows[own]["outcome"] == ""


def test_whoever_asks_too_fast_waits_and_others_do_not(build: Any) -> None:
    house = build(requests_per_minute=30)
    one, other = house.client("lee"), house.client("ortiz")
    answers = [one.get("/api/v1/me") for _ in range(31)]
    assert [a.status_code for a in answers] == [200] * 30 + [429]
    assert answers[-1].headers["retry-after"] == "2"
    assert answers[-1].headers["content-security-policy"] == POLICY
    assert one.get("/inbox").status_code == 429
    assert one.get("/static/warmlink.css").status_code == one.get("/healthz").status_code == 200
    assert other.get("/api/v1/me").status_code == 200
    house.clock.forward(seconds=2)
    assert one.get("/api/v1/me").status_code == 200
    assert one.get("/api/v1/me").status_code == 429


@pytest.mark.parametrize(
    ("trusted", "proxy", "second"),
    [((), "10.0.0.5", 429), (("10.0.0.0/8",), "10.0.0.5", 200), (("10.0.0.0/8",), "192.0.2.7", 429)],
    ids=["nobody is believed", "a proxy of ours", "somebody who says so"],
)
def test_only_a_configured_proxy_says_whom_it_speaks_for(build: Any, trusted: Any, proxy: str, second: int) -> None:
    house = build(requests_per_minute=1, trusted_proxies=trusted)
    asked = TestClient(house.app, base_url=house.origin, client=(proxy, 50_000))
    with asked:
        assert asked.get("/sign-in", headers={"x-forwarded-for": "203.0.113.1"}).status_code == 200
        assert asked.get("/sign-in", headers={"x-forwarded-for": "203.0.113.1"}).status_code == 429
        assert asked.get("/sign-in", headers={"x-forwarded-for": "203.0.113.2"}).status_code == second


def test_an_account_that_one_worker_locked_is_locked_for_all(house: House) -> None:
    with_password(house, "chen", Role.CASE_MANAGER, staff="CM000")
    other = create_app(house.engine, hasher=CHEAP)
    for _ in range(5):
        wrong = house.client().post(
            "/sign-in", data={"login": "chen", "password": "no"}, headers={"origin": house.origin}
        )
        assert wrong.status_code == 401
    right = {"login": "chen", "password": PASSWORD}
    with TestClient(other, base_url=house.origin, follow_redirects=False) as elsewhere:
        assert elsewhere.post("/sign-in", data=right, headers={"origin": house.origin}).status_code == 401
        house.clock.forward(minutes=2)
        assert elsewhere.post("/sign-in", data=right, headers={"origin": house.origin}).status_code == 303
