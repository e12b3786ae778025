"""A day at each desk, in a real browser, from arriving to done."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Request, Response, expect
from sqlalchemy import select, text

from audit.leaves import Kind
from audit.log import entries
from console.proofs import STEP_SECONDS, code_at
from console.rights import Role
from service.desks import inbox
from store import clients
from store.tables import acknowledgement, alert, inbox_item, outcome
from tests.console.conftest import PASSWORD, Arrive, House, Visitor, with_password

Shot = Callable[[Page, str], None]


def names_of_clients(house: House) -> set[str]:
    """Every client's name and number, as no page but a reader's own may show them."""
    with house.engine.database.read() as conn:
        found = [c.entry for c in clients.every(conn, house.engine.vault)]
    return {e.display_name.reveal() for e in found} | {str(e.client_id) for e in found}


def make_key(visitor: Visitor) -> None:
    """Make the key and have what waits sealed to it."""
    page = visitor.page
    page.get_by_role("button", name="Make my key").click()
    expect(page.locator("#key")).to_be_hidden()
    again = page.locator("#anew button")
    if again.is_visible():
        with page.expect_navigation():
            again.click()
    expect(page.locator(".open").first).to_be_enabled()


def listen(page: Page) -> list[str]:
    """Everything that crosses between this page and the server."""
    heard: list[str] = []

    def out(request: Request) -> None:
        heard.append(f"{request.url} {request.post_data or ''}")

    def back(response: Response) -> None:
        if response.request.resource_type in {"document", "fetch"} and response.status == 200:
            heard.append(response.text())

    page.on("request", out)
    page.on("response", back)
    return heard


def test_the_case_managers_day(arrive: Arrive, served: House, shot: Shot) -> None:
    with_password(served, "chen", Role.CASE_MANAGER, staff="CM000")
    visitor = arrive()
    page, heard = visitor.page, listen(visitor.page)
    visitor.go("/sign-in")
    shot(page, "sign-in")
    page.get_by_label("Login").fill("chen")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    secret = _typed(page.locator("#secret").inner_text())
    page.get_by_label("Six digits").fill(code_at(secret, int(served.clock().timestamp()) // STEP_SECONDS))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
    shot(page, "make-key")
    make_key(visitor)
    shot(page, "inbox")
    page.locator(".message .open").first.click()
    expect(page.locator(".headline")).to_contain_text("was booked into jail")
    client = page.locator(".reading dd").first.inner_text()
    page.get_by_role("button", name="Mine", exact=True).click()
    expect(page.locator(".thanks")).to_contain_text("Recorded: Mine")
    page.get_by_label("Jail clinic told").check()
    page.get_by_label("Released with a plan").check()
    page.get_by_text("On another day, or an appointment to come").click()
    page.get_by_label("First seen after release").fill("2026-10-07T09:30")
    page.get_by_label("Appointment", exact=True).fill("2026-10-14T09:30")
    shot(page, "message")
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.locator(".saved")).to_have_text("Recorded.")
    with served.engine.database.read() as conn:
        said = [row.verdict for row in conn.execute(select(acknowledgement)) if row.by == "CM000"]
        done = sorted((row.kind, *row.codes) for row in conn.execute(select(outcome)))
    assert said == ["is_my_client"]
    assert done == [("appointment", "made"), ("contact", "jail_clinic_contact"), ("disposition", "released_with_plan"), ("first_contact",)]  # fmt: skip
    _nothing_leaked(served, page, heard, client)
    assert visitor.complaints == []


def _typed(groups: str) -> bytes:
    from base64 import b32decode

    return b32decode(groups.replace(" ", ""))


def _nothing_leaked(served: House, page: Page, heard: list[str], client: str) -> None:
    """Neither the private key nor a clear word of a message crossed the wire, stands in an address, a title or a store."""
    crossed = "\n".join(heard)
    assert '"d"' not in crossed
    name = client.split(" (no.", maxsplit=1)[0]
    assert name
    assert name not in crossed
    assert not {n for n in names_of_clients(served) if len(n) > 5 and n in crossed}
    assert page.title() == "Warmlink"
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert page.evaluate("caches.keys()") == []


def test_the_key_cannot_be_read_out_of_the_browser(arrive: Arrive) -> None:
    visitor = arrive()
    visitor.sign_in("jones", "/inbox")
    make_key(visitor)
    found: Any = visitor.page.evaluate(
        """async () => {
          const db = await new Promise((done) => { const r = indexedDB.open("warmlink"); r.onsuccess = () => done(r.result); });
          const all = await new Promise((done) => { const r = db.transaction("keys").objectStore("keys").getAll(); r.onsuccess = () => done(r.result); });
          const tries = await Promise.all(["jwk", "pkcs8"].map((f) => crypto.subtle.exportKey(f, all[0].key).then(() => "read", (e) => e.name)));
          return { count: all.length, extractable: all[0].key.extractable, type: all[0].key.type, tries };
        }"""
    )
    assert found == {
        "count": 1,
        "extractable": False,
        "type": "private",
        "tries": ["InvalidAccessError", "InvalidAccessError"],
    }


def test_a_recovery_code_brings_the_key_to_another_browser(arrive: Arrive, shot: Shot) -> None:
    first = arrive()
    first.sign_in("jones", "/inbox")
    first.page.get_by_label("Show a recovery code to print").check()
    first.page.get_by_role("button", name="Make my key").click()
    expect(first.page.locator("#recovery")).to_have_text(re.compile("[A-Z2-7]"))
    code = first.page.locator("#recovery").inner_text()
    assert re.fullmatch(r"([A-Z2-7]{4} ){13}[A-Z2-7]{4}", code)
    first.page.get_by_role("button", name="I have it on paper").click()
    with first.page.expect_navigation():
        first.page.locator("#anew button").click()
    second = arrive()
    second.sign_in("jones", "/inbox")
    second.page.get_by_text("I have a key already").click()
    second.page.get_by_label("Recovery code", exact=True).fill(code[:-1] + ("A" if code[-1] != "A" else "B"))
    second.page.get_by_role("button", name="Use the code").click()
    expect(second.page.locator("#key-said")).to_have_text("This is not one of your recovery codes.")
    second.page.get_by_label("Recovery code", exact=True).fill(code.lower())
    second.page.get_by_role("button", name="Use the code").click()
    second.page.locator(".open:enabled").first.click()
    expect(second.page.locator(".headline")).to_be_visible()


def test_a_key_file_from_the_terminal_opens_messages_too(arrive: Arrive, served: House) -> None:
    visitor = arrive()
    visitor.sign_in("jones", "/inbox")
    visitor.page.get_by_text("I have a key already").click()
    visitor.page.get_by_label("Key file").set_input_files(served.engine.settings.home / "clinicians" / "N02.jwk")
    visitor.page.get_by_role("button", name="Use the file").click()
    expect(visitor.page.locator("#key")).to_be_hidden()
    visitor.page.locator(".open:enabled").first.click()
    expect(visitor.page.locator(".headline")).to_be_visible()


def test_not_my_client_ends_the_thread_and_is_taken_back(arrive: Arrive, served: House) -> None:
    visitor = arrive()
    visitor.sign_in("jones", "/inbox")
    make_key(visitor)
    message = visitor.page.locator(".message").first
    ref = message.get_attribute("data-alert")
    message.locator(".open").click()
    message.get_by_role("button", name="Not my client").click()
    expect(message.locator(".thanks")).to_contain_text("Not my client")
    expect(message.locator(".outcome")).to_be_hidden()
    with served.engine.database.read() as conn:
        row = conn.execute(select(alert).where(alert.c.ref == ref)).one()
        kinds = [e.leaf.kind for e in entries(conn) if e.leaf.facts.get("link") == row.link]
    assert row.state == "closed"
    assert kinds[-1] is Kind.REVIEW


def test_a_message_whose_consent_ended_does_not_open(arrive: Arrive, served: House) -> None:
    visitor = arrive()
    visitor.sign_in("jones", "/inbox")
    make_key(visitor)
    served.clock.forward(days=400)
    visitor.sign_in("jones", "/inbox")
    visitor.page.locator(".open:enabled").first.click()
    expect(visitor.page.locator(".said:visible").first).to_contain_text(
        "There is no message here that this key may open"
    )
    expect(visitor.page.locator(".headline")).to_have_count(0)


def test_a_message_of_another_signer_is_not_shown(arrive: Arrive, served: House) -> None:
    """Somebody who holds the server, but not the signing key, puts a message of their own into the inbox."""
    from datetime import timedelta

    from alerts.content import AlertContent, AlertKind, Language
    from alerts.keys import PublicKey, Signer
    from alerts.seal import seal
    from records import AlertRef, StaffId
    from store import staff

    visitor = arrive()
    visitor.sign_in("jones", "/inbox")
    make_key(visitor)
    ref = AlertRef(visitor.page.locator(".message").first.get_attribute("data-alert") or "")
    now = served.clock()
    with served.engine.database.write() as conn:
        key = staff.usable_keys(conn, StaffId("N02"), now)[0]
        forged = seal(
            AlertContent(AlertKind.ARREST, Language.ENGLISH, "Forged", (), (), ()),
            PublicKey(key.kid, key.public_jwk),
            backup=served.engine.backup,
            signer=Signer.generate(),
            alert=ref,
            now=now,
            expires=now + timedelta(days=1),
        )
        conn.execute(inbox_item.update().where(inbox_item.c.alert == ref).values(jwe=forged.jwe))
    visitor.page.locator(".open").first.click()
    expect(visitor.page.locator(".said").first).to_contain_text("signed by a key that this browser does not trust")
    expect(visitor.page.get_by_text("Forged")).to_have_count(0)


def test_the_reviewers_day(arrive: Arrive, served: House, shot: Shot) -> None:
    visitor = arrive()
    page = visitor.page
    visitor.sign_in("ortiz", "/review")
    shot(page, "review-queue")
    names = names_of_clients(served)
    assert not {n for n in names if n in page.content()}
    queue = page.locator(".doubt .button")
    total = queue.count()
    _to_one_with_sides(page, total)
    shot(page, "review")
    page.get_by_role("button", name="Same person").click()
    expect(page.get_by_role("heading", name="Doubtful matches")).to_be_visible()
    expect(queue).to_have_count(total - 1)
    for _ in range(50):  # it is sent after the page has its answer
        with served.engine.database.read() as conn:
            made = conn.execute(select(alert).where(alert.c.match_class == "adjudicated")).all()
        if {row.state for row in made} == {"delivered"}:
            break
        page.wait_for_timeout(200)
    assert {row.state for row in made} == {"delivered"}
    page.goto(served.origin + "/team")
    shot(page, "team")
    expect(page.get_by_role("heading", name="Open alerts")).to_be_visible()
    assert not {n for n in names if n in page.content()}
    assert visitor.complaints == []


def _to_one_with_sides(page: Page, total: int) -> None:
    """The first match in the queue of which the rules let the reviewer see both numbers."""
    for n in range(total):
        page.locator(".doubt .button").nth(n).click()
        page.get_by_role("button", name="Show the numbers").click()
        if page.locator(".sides").count():
            return
        expect(page.get_by_text("The rules do not let you see more")).to_be_visible()
        page.get_by_role("link", name="Back to the queue").click()
    raise AssertionError("no match in the queue shows its sides")


def test_the_compliance_officers_day(arrive: Arrive, served: House, shot: Shot) -> None:
    visitor = arrive()
    page = visitor.page
    visitor.sign_in("county-privacy", "/compliance")
    for number, answer in (("26-000106", "Not told"), ("no such number", "Never received"), ("26-000105", "Told")):
        page.get_by_label("Jail's booking number").fill(number)
        page.locator("form[action='/compliance/booking'] button").click()
        expect(page.get_by_role("heading", name=answer, exact=True)).to_be_visible()
    shot(page, "search-booking")
    page.get_by_label("Client number").fill("MRN1005")
    page.get_by_label("Organisation").select_option("north-clinic")
    page.locator("form[action='/compliance/client'] button").click()
    expect(page.get_by_role("heading", name="Who was told")).to_be_visible()
    shot(page, "search-client")
    assert "MRN1005" not in page.url
    page.get_by_role("link", name="Reports").click()
    shot(page, "reports")
    page.get_by_role("link", name="Decisions by reason").click()
    expect(page.get_by_text("HIPAA_CONSENT").first).to_be_visible()
    page.locator("select[name=form]").select_option("csv")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    exported = download.value.path().read_text("utf-8")
    assert "# Exported by county-privacy" in exported
    page.get_by_role("link", name="Audit log").click()
    page.get_by_role("button", name="Check the log now").click()
    expect(page.get_by_role("heading", name="The log is whole.")).to_be_visible()
    shot(page, "log-whole")
    page.get_by_role("link", name="Rules").click()
    expect(page.get_by_text("federal-floor").or_(page.get_by_text("county ")).first).to_be_visible()
    page.get_by_role("link", name="Measures").click()
    shot(page, "measures")
    with served.engine.database.read() as conn:
        kinds = [e.leaf.kind for e in entries(conn) if e.leaf.facts.get("by") == "county-privacy"]
    assert kinds.count(Kind.VIEW) >= 5
    assert kinds.count(Kind.EXPORT) == 1
    assert visitor.complaints == []


def test_the_officer_puts_a_form_on_file_and_tries_a_draft(arrive: Arrive, shot: Shot, tmp_path: Path) -> None:
    scan = tmp_path / "scan.pdf"
    scan.write_bytes(b"a scanned form")
    visitor = arrive()
    page = visitor.page
    visitor.sign_in("privacy", "/consents")
    page.get_by_label("Client number").fill("CL0000000")
    page.get_by_role("button", name="Find").click()
    page.get_by_label("Form number").fill("PAPER-7")
    page.get_by_label("Signed", exact=True).fill("2026-10-01")
    page.get_by_label("Until", exact=True).fill("2027-10-01")
    page.get_by_label("The alert", exact=True).check()
    page.get_by_label("Whoever treats the client").check()
    page.get_by_label("Treatment, payment, operations", exact=True).check()
    for box in page.locator(".elements input").all()[:11]:
        box.check()
    page.get_by_label("Scan of the form").set_input_files(scan)
    expect(page.locator("#scan-said")).to_contain_text(sha256(b"a scanned form").hexdigest())
    page.get_by_role("button", name="Put on file", exact=True).click()
    expect(page.get_by_text("PAPER-7").first).to_be_visible()
    assert "CL0000000" not in page.url
    shot(page, "consents")
    page.get_by_role("link", name="Rules").click()
    page.get_by_label("Draft", exact=True).fill("profile: federal-floor")
    page.get_by_role("button", name="Compare and try out").click()
    expect(page.get_by_text("decisions would have come out otherwise")).to_be_visible()
    page.locator("#trial").scroll_into_view_if_needed()
    shot(page, "rules-trial")
    assert visitor.complaints == []


def test_a_changed_log_is_called_so_in_red(arrive: Arrive, served: House, shot: Shot) -> None:
    from store.tables import audit_leaf

    with served.engine.database.write() as conn:
        conn.execute(text("DROP TRIGGER audit_leaf_no_update"))  # whoever owns the database can
        row = conn.execute(select(audit_leaf).where(audit_leaf.c.position == 100)).one()
        changed = bytes(row.entry).replace(b'"v":1', b'"v":2')
        conn.execute(audit_leaf.update().where(audit_leaf.c.position == 100).values(entry=changed))
    visitor = arrive()
    visitor.sign_in("county-privacy", "/log")
    visitor.page.get_by_role("button", name="Check the log now").click()
    expect(visitor.page.get_by_role("heading", name="The log is not whole.")).to_be_visible()
    expect(visitor.page.get_by_text("entry 100", exact=False)).to_be_visible()
    shot(visitor.page, "log-broken")


def test_the_operators_day_shows_nobody(arrive: Arrive, served: House, shot: Shot) -> None:
    visitor = arrive()
    page = visitor.page
    visitor.sign_in("operator", "/operations")
    expect(page.get_by_text("north-jail").first).to_be_visible()
    shot(page, "operations")
    seen = page.content() + json.dumps(page.request.get(served.origin + "/api/v1/operations").json())
    metrics = page.request.get(served.origin + "/metrics")
    assert "warmlink_feed_ok" in metrics.text()
    seen += metrics.text()
    assert not {n for n in names_of_clients(served) if n in seen}
    assert visitor.complaints == []


def test_the_administrators_day(arrive: Arrive, served: House, shot: Shot) -> None:
    visitor = arrive()
    page = visitor.page
    visitor.sign_in("admin", "/accounts")
    page.get_by_label("Login").fill("newcomer")
    page.get_by_label("Staff id").fill("CM001")
    page.locator("fieldset").get_by_label("Case manager").check()
    shot(page, "accounts")
    page.get_by_role("button", name="Make the account").click()
    password = page.locator(".secret").inner_text()
    newcomer = arrive()
    newcomer.go("/sign-in")
    newcomer.page.get_by_label("Login").fill("newcomer")
    newcomer.page.get_by_label("Password").fill(password)
    newcomer.page.get_by_role("button", name="Continue").click()
    expect(newcomer.page.get_by_role("heading", name="Set up your authenticator")).to_be_visible()
    shot(newcomer.page, "second-factor")


def test_a_passkey_is_added_and_signs_in(arrive: Arrive, served: House) -> None:
    visitor = arrive()
    devtools = visitor.context.new_cdp_session(visitor.page)
    devtools.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    devtools.send(
        "WebAuthn.addVirtualAuthenticator",
        {"options": options | {"isUserVerified": True, "automaticPresenceSimulation": True}},
    )
    visitor.sign_in("privacy", "/account")
    visitor.page.get_by_role("button", name="Add a passkey").click()
    expect(visitor.page.get_by_role("button", name="Remove")).to_be_visible()
    visitor.page.get_by_role("button", name="Sign out", exact=True).click()
    visitor.page.get_by_role("button", name="Sign in with a passkey").click()
    expect(visitor.page.get_by_role("heading", name="Search")).to_be_visible()
    with served.engine.database.read() as conn:
        last = [e.leaf.facts for e in entries(conn) if e.leaf.kind is Kind.LOGIN][-1]
    assert (last["method"], last["result"], last["by"]) == ("passkey", "ok", "privacy")


def test_a_session_that_ended_leads_to_the_door(arrive: Arrive, served: House) -> None:
    visitor = arrive()
    visitor.sign_in("jones", "/inbox")
    make_key(visitor)
    served.clock.forward(minutes=16)
    visitor.page.locator(".open").first.click()
    expect(visitor.page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
    visitor.page.go_back()
    expect(visitor.page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()


def test_what_was_opened_is_gone_after_leaving_the_page(arrive: Arrive) -> None:
    visitor = arrive()
    visitor.sign_in("jones", "/inbox")
    make_key(visitor)
    visitor.page.locator(".open").first.click()
    expect(visitor.page.locator(".headline")).to_be_visible()
    visitor.page.get_by_role("link", name="jones").click()
    visitor.page.go_back()
    expect(visitor.page.locator(".open").first).to_be_enabled()
    expect(visitor.page.locator(".headline")).to_have_count(0)


def test_a_second_reader_of_the_same_browser_opens_nothing_of_the_firsts(arrive: Arrive, served: House) -> None:
    visitor = arrive()
    visitor.sign_in("jones", "/inbox")
    make_key(visitor)
    visitor.context.clear_cookies()
    visitor.sign_in("farouk", "/inbox")
    expect(visitor.page.get_by_role("heading", name="Make this browser yours")).to_be_visible()
    assert inbox.threads(served.engine, "CM000")[0]  # type: ignore[arg-type]  # a staff id


def test_wrong_organisation_in_the_browser(arrive: Arrive, served: House) -> None:
    visitor = arrive()
    visitor.sign_in("eriksen", "/review")
    mine = {a.get_attribute("href") for a in visitor.page.locator(".doubt .button").all()}
    visitor.sign_in("ortiz", "/review")
    theirs = {a.get_attribute("href") for a in visitor.page.locator(".doubt .button").all()}
    assert mine
    assert not mine & theirs
    visitor.go(str(next(iter(mine))))
    expect(visitor.page.get_by_role("heading", name="There is nothing here")).to_be_visible()
