"""Does what the page about the API shows work, as it stands there?"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from starlette.testclient import TestClient

from console.app import create_app
from console.rights import Role
from service import feed_tokens
from service.feeds import configured
from tests.console.conftest import CHEAP, House, token_of
from tests.service.feeding import COLUMNS, mapping

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
POSTED = "id: posted\nmapping: posted.map.yaml\ntransport: {type: push}\nfirst_load: alert\n"


def _with_push(house: House) -> House:
    """The same house with one more feed, which its sender posts."""
    home = house.engine.settings.home
    (home / "posted.map.yaml").write_text(mapping("posted"), "utf-8")
    (home / "feeds" / "posted.yaml").write_text(POSTED, "utf-8")
    engine = replace(house.engine, settings=configured(house.engine.settings))
    return replace(house, engine=engine, app=create_app(engine, hasher=CHEAP))


def _client(site: House, base_url: str, headers: dict[str, str] | None = None) -> TestClient:
    """What asks the application itself where the page has a client that asks over the network."""
    assert base_url == site.origin
    made = site.client()
    made.headers.update(headers or {})
    return made


def test_the_examples_run_in_their_order(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site = _with_push(house)
    token = token_of(site, "county-privacy", Role.COMPLIANCE)
    named = {
        "ADDRESS": site.origin,
        "TOKEN": token,
        "FEED": "posted",
        "FEED_TOKEN": feed_tokens.issue(site.engine, "posted", timedelta(0)),
        "FILE": (",".join(COLUMNS) + "\n").encode(),
    }
    assert len(EXAMPLES) == 6
    monkeypatch.setattr(httpx2, "Client", lambda **how: _client(site, **how))
    exec("\n".join(EXAMPLES), named)
    said = capsys.readouterr().out
    assert "told" in said
    assert "422 Refused" in said
    assert "202 received" in said
