"""Tokens for scripts: shown once, of one role and one organisation, with an end, and in the log."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from audit.leaves import Kind
from audit.log import entries
from console.rights import Role
from console.signin import PER_ADDRESS
from console.tokens import PREFIX
from store.tables import api_token
from tests.console.conftest import House, script, token_of


def logins(house: House) -> list[dict[str, object]]:
    with house.engine.database.read() as conn:
        return [dict(e.leaf.facts) for e in entries(conn) if e.leaf.kind is Kind.LOGIN]


def test_a_token_is_made_on_the_account_page_shown_once_and_kept_as_a_hash(house: House) -> None:
    visitor = house.client("privacy")
    made = visitor.post("/account/tokens", data={"label": "monthly", "role": "compliance", "days": "90"})
    secret = re.findall(rf"{PREFIX}[A-Za-z0-9_-]{{43}}", made.text)
    assert len(secret) == 1
    assert secret[0] not in visitor.get("/account").text
    with house.engine.database.read() as conn:
        row = conn.execute(select(api_token)).one()
    assert secret[0] not in str(row)
    assert script(house, secret[0]).get("/api/v1/me").json() == {
        "name": "privacy",
        "organisation": "harlan-bh",
        "rights": ["compliance", "measures", "signed_in"],
    }
    assert logins(house)[-1] == {"method": "token", "result": "ok", "by": "privacy"}


def test_a_script_needs_no_page_token_and_keeps_to_its_one_role(house: House) -> None:
    caller = script(house, token_of(house, "ortiz", Role.SUPERVISOR))
    assert caller.get("/api/v1/team").status_code == 200
    assert caller.post("/api/v1/explanations", json={"number": "26-000105"}).status_code == 403
    assert caller.get("/api/v1/operations").status_code == 403


def test_a_token_keeps_to_its_organisation(house: House) -> None:
    number = {"number": "26-000105"}  # of the north clinic only
    ours = script(house, token_of(house, "privacy", Role.COMPLIANCE))
    whole = script(house, token_of(house, "county-privacy", Role.COMPLIANCE))
    assert whole.post("/api/v1/explanations", json=number).json()["answer"] == "told"
    assert ours.post("/api/v1/explanations", json=number).json()["answer"] == "not told"


def test_no_token_for_a_role_that_is_not_ones_own(house: House) -> None:
    visitor = house.client("lee")
    wish = {"label": "x", "role": "administrator", "days": "30"}
    assert visitor.post("/account/tokens", data=wish).status_code == 422
    assert visitor.post("/account/tokens", data=wish | {"role": "case_manager", "days": "3000"}).status_code == 422


@pytest.mark.parametrize("end", ["time", "owner", "administrator", "account", "role"])
def test_a_token_ends(house: House, end: str) -> None:
    secret = token_of(house, "privacy", Role.COMPLIANCE, days=30)
    caller = script(house, secret)
    assert caller.get("/api/v1/log/verification").status_code == 200
    expected = 401
    mine = house.engine.locator.ref("account", "privacy")
    if end == "time":
        house.clock.forward(days=31)
    elif end == "owner":
        with house.engine.database.read() as conn:
            ref = conn.execute(select(api_token.c.ref)).scalar_one()
        house.client("privacy").post("/account/tokens/revoke", data={"ref": ref})
    elif end == "administrator":
        assert house.client("admin").post(f"/accounts/{mine}/revoke").status_code == 303
    elif end == "account":
        assert house.client("admin").post(f"/accounts/{mine}/disable").status_code == 303
    else:
        from store import accounts

        with house.engine.database.write() as conn:
            accounts.change(conn, mine, roles=["operator"])
        expected = 403
    assert caller.get("/api/v1/log/verification").status_code == expected
    if expected == 401:
        assert logins(house)[-1] == {"method": "token", "result": "failed", "by": "privacy", "code": "wrong_token"}


def test_a_token_opens_no_page_and_makes_neither_keys_nor_tokens(house: House) -> None:
    from alerts.keys import PrivateKey

    caller = script(house, token_of(house, "jones", Role.CASE_MANAGER))
    assert caller.get("/inbox").headers["location"] == "/sign-in"
    assert caller.post("/account/tokens", data={"label": "x", "role": "case_manager", "days": "30"}).status_code == 303
    refused = caller.post("/api/v1/key", json={"jwk": dict(PrivateKey.generate().public.jwk)})
    assert refused.status_code == 422
    assert "sign in again" in refused.json()["detail"]


def test_nobody_revokes_anothers_token(house: House) -> None:
    secret = token_of(house, "privacy", Role.COMPLIANCE)
    with house.engine.database.read() as conn:
        ref = conn.execute(select(api_token.c.ref)).scalar_one()
    house.client("county-privacy").post("/account/tokens/revoke", data={"ref": ref})
    assert script(house, secret).get("/api/v1/me").status_code == 200


def test_wrong_tokens_do_not_flood_the_log(house: House) -> None:
    caller = script(house, f"{PREFIX}{'x' * 43}")
    before = len(logins(house))
    for _ in range(PER_ADDRESS + 20):
        assert caller.get("/api/v1/me").status_code == 401
    assert len(logins(house)) - before == PER_ADDRESS


def test_a_session_cookie_beside_a_wrong_token_does_not_help(house: House) -> None:
    visitor: TestClient = house.client("lee")
    assert visitor.get("/api/v1/me", headers={"authorization": "Bearer wl_wrong"}).status_code == 401
