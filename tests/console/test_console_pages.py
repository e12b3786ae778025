"""Every page for everyone: by keyboard and screen reader, on a telephone, in the dark, in Spanish, and with hostile data in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, expect
from sqlalchemy import select, update

from records import BookingRef, Charge, ClientRef, FacilityId, Personal
from records.ids import BookingNumber
from store import bookings, clients, reviews, staff
from store.tables import alert, link, quarantine, review
from tests.console.conftest import Arrive, House, Visitor
from tests.console.test_console_days import make_key

AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
PAGES = {
    "lee": ["/inbox", "/account"],
    "ortiz": ["/review", "/team", "/measures"],
    "county-privacy": [
        "/compliance",
        "/reports",
        "/reports/decisions_by_reason",
        "/log",
        "/rules",
        "/consents",
        "/consents/ending?days=90",
    ],
    "operator": ["/operations"],
    "admin": ["/accounts"],
}


def everything(visitor: Visitor) -> list[Callable[[], None]]:
    """Steps through every page, and into what opens only by a click."""
    steps: list[Callable[[], None]] = [lambda: visitor.go("/sign-in")]
    for login, paths in PAGES.items():
        steps += [lambda login=login, path=path: visitor.sign_in(login, path) for path in paths]  # type: ignore[misc]  # bound early
    opened = (_open_message, _review_one, _found, _named, _forms, _tried, _thread)
    return [*steps, *(lambda step=step: step(visitor) for step in opened)]


def _open_message(visitor: Visitor) -> None:
    visitor.sign_in("jones", "/inbox")
    make_key(visitor)
    visitor.page.locator(".open").first.click()
    visitor.page.get_by_role("button", name="Mine", exact=True).or_(
        visitor.page.get_by_role("button", name="Sí, es mío")
    ).click()
    expect(visitor.page.locator(".outcome")).to_be_visible()


def _review_one(visitor: Visitor) -> None:
    visitor.sign_in("ortiz", "/review")
    visitor.page.locator(".doubt .button").first.click()


def _found(visitor: Visitor) -> None:
    visitor.sign_in("county-privacy", "/compliance")
    visitor.page.locator("input[name=number]").first.fill("26-000105")
    visitor.page.locator("form[action='/compliance/booking'] button").click()


def _named(visitor: Visitor) -> None:
    visitor.sign_in("county-privacy", "/compliance")
    form = visitor.page.locator("form[action='/compliance/name']")
    for name, value in (("first", "Sara"), ("last", "Reyes"), ("born", "1978-12-30")):
        form.locator(f"input[name={name}]").fill(value)
    form.locator("button").click()
    expect(visitor.page.locator("td form button").first).to_be_visible(
        timeout=60_000
    )  # the page looks again until it is there


def _forms(visitor: Visitor) -> None:
    visitor.sign_in("county-privacy", "/consents")
    visitor.page.locator("input[name=number]").first.fill("MRN1005")
    visitor.page.locator("select[name=org]").select_option("north-clinic")
    visitor.page.locator("form[action='/consents'] button").click()
    expect(visitor.page.locator("#entry")).to_be_visible()


def _tried(visitor: Visitor) -> None:
    visitor.sign_in("county-privacy", "/rules")
    visitor.page.locator("textarea[name=draft]").fill("profile: federal-floor")
    visitor.page.locator("form[action='/rules/trial'] button").click()
    expect(visitor.page.locator("#trial")).to_be_visible()


def _thread(visitor: Visitor) -> None:
    _found(visitor)
    visitor.page.locator("a[href^='/threads/']").first.click()
    expect(visitor.page.locator(".line li").first).to_be_visible()


LAW = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
CONTRAST = {"type": "rule", "values": ["color-contrast"]}


@pytest.mark.parametrize(("scheme", "asked"), [("light", LAW), ("dark", CONTRAST)], ids=["light", "dark"])
def test_no_page_keeps_anyone_out(arrive: Arrive, scheme: str, asked: dict[str, object]) -> None:
    """axe-core, WCAG 2.2 AA and its best practices: nothing serious on any page. In the dark only colours differ."""
    visitor = arrive(color_scheme=scheme, reduced_motion="reduce")
    for step in everything(visitor):
        step()
        assert _serious(visitor.page, asked) == [], visitor.page.url


def _serious(page: Page, asked: dict[str, object]) -> list[str]:
    page.evaluate(AXE.read_text("utf-8"))
    found: Any = page.evaluate("only => axe.run(document, { runOnly: only, resultTypes: ['violations'] })", asked)
    return [
        f"{v['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for v in found["violations"]
        if v["impact"] in {"serious", "critical"}
        for node in v["nodes"]
    ]


def test_every_page_fits_a_telephone(arrive: Arrive, shot: Callable[[Page, str], None]) -> None:
    visitor = arrive(viewport={"width": 375, "height": 740}, is_mobile=True, has_touch=True)
    for step in everything(visitor):
        step()
        wide = visitor.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{visitor.page.url} is {wide} pixels too wide"
        if visitor.page.locator(".outcome:visible").count():
            shot(visitor.page, "phone-message")
    visitor.sign_in("lee", "/inbox")
    shot(visitor.page, "phone-inbox")


def test_targets_are_large_enough_for_a_thumb(arrive: Arrive) -> None:
    """WCAG 2.2, 2.5.8 asks for 24 pixels; what is pressed in the field has 40."""
    visitor = arrive(viewport={"width": 375, "height": 740}, is_mobile=True, has_touch=True)
    _open_message(visitor)
    for button in visitor.page.locator("main button:visible, .pills label:visible").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 40, button.inner_text()


def test_the_whole_day_goes_by_keyboard(arrive: Arrive) -> None:
    visitor = arrive()
    visitor.sign_in("jones", "/inbox")
    make_key(visitor)
    page = visitor.page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Booked again and again")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator(".open").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".headline")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Mine", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".thanks")).to_contain_text("Recorded: Mine")
    page.keyboard.press("Tab")
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.locator(".outcome input:checked")).to_have_count(1)


def test_the_dark_and_the_spanish_inbox(arrive: Arrive, shot: Callable[[Page, str], None]) -> None:
    visitor = arrive(color_scheme="dark", locale="es-US")
    visitor.sign_in("ivanov", "/inbox")
    visitor.page.get_by_role("button", name="Crear mi clave").click()
    with visitor.page.expect_navigation():
        visitor.page.locator("#anew button").click()
    visitor.page.locator(".open").first.click()
    expect(visitor.page.locator(".headline")).to_be_visible()
    shot(visitor.page, "dark-spanish")
    visitor.page.get_by_role("button", name="English").click()
    expect(visitor.page.get_by_role("heading", name="Inbox")).to_be_visible()


HOSTILE = """<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>'"`{{7*7}}{%x%}${7*7}"""


def _poison(house: House) -> str:
    """Hostile text in every field that a feed, a roster, a directory or a form can bring; gives the alert that shows it."""
    now = house.clock()
    with house.engine.database.write() as conn:
        first = conn.execute(select(alert).where(alert.c.recipient == "N02").order_by(alert.c.ref)).first()
        assert first is not None
        found = [conn.execute(select(link).where(link.c.ref == first.link)).one()]
        found += conn.execute(select(link).join(review, review.c.link == link.c.ref)).all()
        for row in found:
            _poison_link(house, conn, row, now)
            if row.ref != first.link:
                reviews.opine(conn, row.ref, HOSTILE[:64], "unsure", now)
        for member in staff.everyone(conn).values():
            staff.put(conn, replace(member, name=HOSTILE, email=HOSTILE, role=HOSTILE), now)
        conn.execute(update(quarantine).values(field=HOSTILE[:64], reason=HOSTILE, feed=HOSTILE[:64]))
    return str(first.ref)


def _poison_link(house: House, conn: Any, row: Any, now: Any) -> None:
    vault = house.engine.vault
    client, booking = (
        clients.get(conn, vault, ClientRef(row.client)),
        bookings.get(conn, vault, BookingRef(row.booking)),
    )
    assert client is not None
    assert booking is not None
    entry = replace(client.entry, display_name=Personal(HOSTILE), team=HOSTILE)
    event = replace(
        booking.event,
        booking_number=BookingNumber(HOSTILE),
        facility=FacilityId(HOSTILE),
        charges=(Charge(HOSTILE, HOSTILE),),
        agency=HOSTILE,
        holds=(HOSTILE,),
        court_type=HOSTILE,
        release_reason=HOSTILE,
    )
    clients.put(conn, vault, replace(client, entry=entry), now)
    bookings.put(conn, vault, replace(booking, event=event), now)


def test_hostile_text_in_every_field_is_shown_as_text(arrive: Arrive, served: House) -> None:
    ref = _poison(served)
    visitor = arrive()
    dialogs: list[str] = []
    visitor.page.on("dialog", lambda d: dialogs.append(d.message))
    visitor.sign_in("jones", "/inbox")
    make_key(visitor)
    visitor.page.locator(f"[data-alert='{ref}'] .open").click()
    expect(visitor.page.locator(".headline")).to_contain_text(HOSTILE)
    expect(visitor.page.locator(".reading dl")).to_contain_text('<img src=x onerror="window.pwned=1">')
    for login, path in (("ortiz", "/review"), ("ortiz", "/team"), ("operator", "/operations"), ("admin", "/accounts")):
        visitor.sign_in(login, path)
    visitor.sign_in("operator", "/operations")
    expect(visitor.page.locator("body")).to_contain_text("<script>window.pwned=1</script>")
    for n in range(2):
        visitor.sign_in("ortiz", "/review")
        visitor.page.locator(".doubt .button").nth(n).click()
        visitor.page.get_by_role("button", name="Show the numbers").click()
    visitor.sign_in("county-privacy", "/compliance")
    for form, text in (("booking", HOSTILE[:64]), ("client", HOSTILE[:64])):
        visitor.page.locator(f"form[action='/compliance/{form}'] input[name=number]").fill(text)
        visitor.page.locator(f"form[action='/compliance/{form}'] button").click()
    visitor.go("/reports/access")
    assert visitor.page.evaluate("window.pwned") is None
    assert dialogs == []
    assert [c for c in visitor.complaints if "Content Security" in c or "TrustedHTML" in c] == []


def test_injected_markup_would_not_run_either(arrive: Arrive) -> None:
    """Were a page ever to write text as markup, the browser itself refuses to run it."""
    visitor = arrive()
    visitor.go("/sign-in")
    assert (
        visitor.page.evaluate(
            """() => { try { document.body.innerHTML = "<b>x</b>"; return "written"; } catch (e) { return e.name; } }"""
        )
        == "TypeError"
    )
    assert (
        visitor.page.evaluate(
            """() => { try { document.body.setAttribute("onclick", "window.pwned=1"); return "set"; } catch (e) { return e.name; } }"""
        )
        == "TypeError"
    )
    with pytest.raises(PlaywrightError, match="TrustedScript"):
        visitor.page.add_script_tag(content="window.pwned=1")
    assert visitor.page.evaluate("window.pwned") is None
