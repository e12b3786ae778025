"""Every page is asked for by everybody: is anybody named where a name would stay behind? Addresses, headers, metrics, log, disk."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tests.console.conftest import LOGINS, House
from tests.service import needles
from tests.service.needles import Needles
from tests.service.test_leaks import CODES, people

ADDRESS = re.compile(r'(?:href|src|action)="([^"]*)"')


def _needles(county: Path) -> Needles:
    """Everybody of the county, but for words that staff and our own vocabularies have too."""
    everybody = needles.of(people())
    ours = (county / "staff.csv").read_bytes() if (county / "staff.csv").exists() else b""
    return everybody.without(everybody.in_bytes(" ".join(CODES).encode() + ours))


def test_no_page_leaves_a_name_behind(build: Callable[..., House], county: Path) -> None:
    house = build(metrics_token="a-long-token-for-a-scraper")
    sought = _needles(county)
    left, shown = [], []
    for login in sorted(set(LOGINS.values())):
        client = house.client(login)
        waiting = [
            "/",
            "/inbox",
            "/caseload",
            "/review",
            "/compliance",
            "/operations",
            "/measures",
            "/consents",
            "/log",
            "/reports",
            "/team",
            "/rules",
            "/accounts",
        ]
        seen: set[str] = set()
        while waiting:
            path = waiting.pop()
            if path in seen or len(seen) > 120:
                continue
            seen.add(path)
            answer = client.get(path)
            left += [path, *(f"{name}: {value}" for name, value in answer.headers.items())]
            if "html" in answer.headers.get("content-type", ""):
                shown.append(answer.text)
                links = [a.replace("&amp;", "&") for a in ADDRESS.findall(answer.text)]
                left += links
                waiting += [a for a in links if a.startswith("/") and not a.startswith(("/static", "/sign-out"))]
    left.append(house.client(LOGINS[next(iter(LOGINS))]).get("/metrics").text)
    left.append(house.said.getvalue())
    assert sought.in_bytes("\n".join(shown).encode()), (
        "pages show people to those who may see them, or this proves little"
    )
    assert sought.in_bytes("\n".join(left).encode()) == set()
