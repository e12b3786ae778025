"""Rendering: one environment, everything escaped, nothing kept by the browser."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse, RedirectResponse, Response

from console.proofs import csrf_token
from console.rights import Principal, Right
from console.runtime import runtime_of
from console.words import LANGUAGES, Words, words

LANGUAGE_COOKIE = "language"

NAVIGATION = (
    ("inbox", "/inbox", Right.INBOX),
    ("review", "/review", Right.REVIEW),
    ("team", "/team", Right.TEAM),
    ("compliance", "/compliance", Right.COMPLIANCE),
    ("consents", "/consents", Right.COMPLIANCE),
    ("reports", "/reports", Right.COMPLIANCE),
    ("log", "/log", Right.COMPLIANCE),
    ("rules", "/rules", Right.COMPLIANCE),
    ("measures", "/measures", Right.MEASURES),
    ("operations", "/operations", Right.OPERATE),
    ("accounts", "/accounts", Right.ADMINISTER),
)
"""(name, address, right), in the order of the bar."""


@cache
def environment() -> Environment:
    return Environment(
        loader=PackageLoader("console"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def language_of(request: Request) -> str:
    """As chosen, else as the account has it, else as the browser asks."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return str(chosen)
    who = getattr(request.state, "principal", None)
    if who is not None:
        return str(who.account.language)
    asked = request.headers.get("accept-language", "")[:2].lower()
    return asked if asked in LANGUAGES else "en"


def words_of(request: Request) -> Words:
    return words(language_of(request))


def page(request: Request, template: str, *, status: int = 200, **content: Any) -> Response:
    """A page in the reader's language. `here` marks its place in the bar."""
    runtime, said = runtime_of(request), words_of(request)
    who: Principal | None = getattr(request.state, "principal", None)
    now = runtime.engine.clock()
    html = (
        environment()
        .get_template(template)
        .render(
            {
                "t": said,
                "who": who,
                "now": now,
                "demo": runtime.demo,
                "csrf": csrf_token(who.token) if who else "",
                "path": request.url.path,
                "navigation": [(name, href) for name, href, right in NAVIGATION if who and who.may(right)],
                "stamp": lambda at: said.stamp(at, runtime.zone),
                "ago": lambda at: said.ago(at, now),
                "organisation": runtime.engine.settings.organisation,
                "here": "",
                **content,
            }
        )
    )
    return HTMLResponse(html, status_code=status)


def home_of(who: Principal) -> str:
    """Where this account's day begins."""
    return next((href for _, href, right in NAVIGATION if who.may(right)), "/account")


def go(address: str) -> RedirectResponse:
    """To another page of ours, with GET."""
    return RedirectResponse(address, status_code=303)
