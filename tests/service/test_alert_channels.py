"""Does an alert get through a whole installation by every way out, to real servers, and look like any other on the way?"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from email import message_from_bytes
from email.message import Message
from email.policy import default
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from alerts.content import AlertContent
from alerts.demo_sink import MaildirSink
from alerts.render import render_text
from alerts.seal import open_sealed
from audit.leaves import Kind
from config import HttpSettings, Profile
from config.settings import DropSettings, MailSettings, SmimeSettings
from records import Address
from service import reading, registry
from service.dispatch import Dispatcher
from store import tables
from tests.alerts.conftest import Tls, tls
from tests.alerts.receivers import Endpoint, Received, serving, verify
from tests.alerts.test_alert_smime import Holder, issue, openssl
from tests.service.installation import (
    AVELINE,
    BARNABY,
    STAFF,
    START,
    Installation,
    Person,
    alert_ref,
    facts_of,
)
from tests.service.test_canary import canary

__all__ = ["tls"]

EVERY_WAY = {"inbox", "mail", "smime", "webhook", "fhir", "folder"}
HEADERS_OF_OUR_OWN = {"signature", "signature-input", "content-digest", "idempotency-key", "if-none-exist", "date"}
"""Headers that hold an opaque name, a time, a digest or a signature, and so differ from any alert to any other."""


@dataclass(frozen=True, slots=True)
class House:
    """An installation in production, with a clinician whom alerts reach by every channel there is."""

    site: Installation
    mail: MaildirSink
    post: Endpoint
    lee: Holder
    house: Holder

    def books(self, person: Person, number: str) -> None:
        self.site.bookings(person.booked(number), name=f"{number}.csv")
        self.site.cycle()

    def opened(self, sealed: str) -> AlertContent:
        site = self.site
        trusted = site.engine.signer.trusted
        return open_sealed(sealed, site.private["A1"], trusted, now=site.clock())[1]

    def mails(self) -> tuple[list[Message], list[bytes]]:
        """Notices, and what openssl finds inside the encrypted ones. `openssl cms` checks the signature too."""
        raw = self.mail.messages()
        sealed = [one for one in raw if b"pkcs7-mime" in one]
        return [message_from_bytes(one) for one in raw if one not in sealed], [self._decrypted(one) for one in sealed]

    def _decrypted(self, raw: bytes) -> bytes:
        signed = openssl("cms", "-decrypt", "-recip", self.lee.cert_file, "-inkey", self.lee.key_file, given=raw)
        trust = ("-CAfile", self.house.cert_file, "-attime", str(int(START.timestamp())), "-purpose", "any")
        return openssl("cms", "-verify", *trust, given=signed)

    def dropped(self) -> list[Path]:
        return sorted((self.site.home / "drop" / "lee").glob("*.jwe"))

    def posted(self, kind: str) -> list[Received]:
        return [one for one in self.post.received if kind in one.headers["content-type"]]


@pytest.fixture
def house(site: Installation, tls: Tls, tmp_path: Path) -> Iterator[House]:
    with ExitStack() as running:
        mail = running.enter_context(MaildirSink(tmp_path / "mail", tls=tls.server))
        post = running.enter_context(serving(tls))
        (site.home / "drop" / "lee").mkdir(parents=True)
        (site.home / "certificates").mkdir()
        lee = issue(site.home / "certificates", "A1", rsa.generate_private_key(65537, 2048))
        own = issue(site.home / "keys", "smime", rsa.generate_private_key(65537, 2048))
        http = HttpSettings(enabled=True, authority=tls.authority)
        changed = {
            "profile": Profile.PRODUCTION,
            "mail": MailSettings(
                host="127.0.0.1", port=mail.port, authority=tls.authority, sender="warmlink@river.example.org"
            ),
            "webhook": http,
            "fhir": http,
            "drop": DropSettings(root=Path("drop")),
            "smime": SmimeSettings(certificate=Path("keys/smime.pem"), key=Path("keys/smime.key")),
        }
        site.engine = replace(site.engine, settings=site.engine.settings.model_copy(update=changed))
        ways = (
            Address("webhook", post.url),
            Address("fhir", f"{post.url}/Communication"),
            Address("smime"),
            Address("folder", "lee"),
        )
        registry.import_staff(site.engine, tuple(replace(m, channels=ways) if m.staff == "A1" else m for m in STAFF))
        yield House(site, mail, post, lee, own)


def test_an_alert_goes_by_every_way_and_is_one_disclosure(house: House) -> None:
    house.books(AVELINE, "J1")
    site = house.site
    expected = reading.open_alert(site.engine, alert_ref(site.alert_of("J1", AVELINE)), site.private["A1"])
    notices, letters = house.mails()
    (webhook,), (resource,), (file,) = house.posted("jose"), house.posted("fhir"), house.dropped()
    verify(webhook, house.post.url, site.engine.signer)
    verify(resource, f"{house.post.url}/Communication", site.engine.signer)
    attached = b64decode(json.loads(resource.body)["payload"][0]["contentAttachment"]["data"]).decode()
    assert len(notices) == len(letters) == 1
    for sealed in (webhook.body.decode(), attached, file.read_text("ascii")):
        assert house.opened(sealed).headline == expected.headline
    letter = message_from_bytes(letters[0], policy=default).get_body(("plain",))
    assert letter is not None
    assert expected.headline in letter.get_content()
    entries = site.rows(tables.outbox)
    assert {(e["channel"], e["state"]) for e in entries} == {(way, "delivered") for way in EVERY_WAY}
    assert len(site.leaves(Kind.DISCLOSURE)) == 1
    assert {facts_of(leaf)["channel"] for leaf in site.leaves(Kind.DELIVERY)} == EVERY_WAY


def test_two_alerts_of_two_clients_look_alike_on_every_way(house: House) -> None:
    """One of them in a Part 2 programme, whose message owes two notices more, on another day of the month."""
    seen = []
    for number, person in (("J1", AVELINE), ("J222222222", replace(BARNABY, clinician="A1"))):
        before = len(house.mail.messages()), len(house.post.received), house.dropped()
        house.books(person, number)
        house.site.clock.forward(minutes=7)
        mails = [message_from_bytes(raw) for raw in house.mail.messages()[before[0] :]]
        posts = house.post.received[before[1] :]
        files = [path for path in house.dropped() if path not in before[2]]
        seen.append((
            sorted(_outside(mail) for mail in mails),
            sorted(_headers(post) for post in posts),
            [(len(path.name), path.suffix, path.stat().st_size) for path in files],
        ))  # fmt: skip
    assert seen[0] == seen[1]
    texts = {render_text(house.opened(path.read_text("ascii"))) for path in house.dropped()}
    assert len(texts) == 2
    assert len({len(text) for text in texts}) == 2  # so padding did something


def _outside(mail: Message) -> str:
    """All that a mail server sees, without its time and its opaque name; sealed parts by their length."""
    shown = {k.lower(): v for k, v in mail.items() if k.lower() not in {"date", "message-id"}}
    named = len(str(mail["Message-ID"]))
    body = mail.get_payload()
    kept = body if "pkcs7" not in mail.get_content_type() else str(len(str(body)))
    return json.dumps([shown, named, kept], sort_keys=True)


def _headers(post: Received) -> str:
    shown = {k: v for k, v in post.headers.items() if k not in HEADERS_OF_OUR_OWN}
    lengths = {k: len(v) for k, v in post.headers.items() if k in HEADERS_OF_OUR_OWN}
    return json.dumps([post.path, shown, lengths, len(post.body)], sort_keys=True)


def test_nothing_on_any_way_names_anybody(house: House) -> None:
    """Neither headers and bodies of mails and posts, nor names and contents of files, nor what stays on the disk."""
    house.books(AVELINE, "BK00000777")
    traffic = [
        *house.mail.messages(),
        *(p.path.encode() + p.body + repr(p.headers).encode() for p in house.post.received),
    ]
    traffic += [path.name.encode() + path.read_bytes() for path in house.dropped()]
    assert len(traffic) == 5
    for word in (b"Outpatient", b"arrest", b"booked", b"COUNTY"):  # too long for a chance hit
        assert [word for raw in traffic if word in raw] == []
    assert [found for raw in traffic for found in canary().in_bytes(raw)] == []
    opened = reading.open_alert(
        house.site.engine, alert_ref(house.site.alert_of("BK00000777", AVELINE)), house.site.private["A1"]
    )
    assert canary().in_bytes(repr([line.value for line in opened.rows]).encode())  # the search is not blind
    assert canary().in_folder(house.site.home) == set()


def test_a_server_without_protection_gets_nothing(house: House) -> None:
    """Mail without STARTTLS and an address that is not https: nothing leaves, the inbox has the alert, and it is tried again."""
    site = house.site
    plain = replace(STAFF[0], channels=(Address("webhook", house.post.url.replace("https", "http")),))
    with MaildirSink(site.home / "plain") as bare:
        mail = site.engine.settings.mail.model_copy(update={"port": bare.port})
        site.engine = replace(site.engine, settings=site.engine.settings.model_copy(update={"mail": mail}))
        registry.import_staff(site.engine, (plain, *STAFF[1:]))
        house.books(AVELINE, "J1")
        assert bare.messages() == ()
    assert house.post.received == []
    states = {e["channel"]: (e["state"], e["last_code"]) for e in site.rows(tables.outbox)}
    assert states == {
        "inbox": ("delivered", "stored"),
        "mail": ("queued", "no_starttls"),
        "webhook": ("queued", "no_tls"),
    }


def test_an_endpoint_that_is_closed_for_good_is_a_dead_letter_and_the_alert_still_stands(house: House) -> None:
    """410 from both endpoints; the rest went. A second round knocks no more."""
    house.post.status = 410
    house.books(AVELINE, "J1")
    states = {e["channel"]: e["state"] for e in house.site.rows(tables.outbox)}
    assert {way for way, state in states.items() if state == "dead"} == {"webhook", "fhir"}
    assert house.site.alert_of("J1", AVELINE)["state"] == "delivered"
    knocks = len(house.post.received)
    house.site.clock.forward(hours=1)
    Dispatcher(house.site.engine).run()
    assert len(house.post.received) == knocks == 2
