"""Do the webhook and the FHIR channel post what they should, signed, to a real server, and heed its answers?"""

from __future__ import annotations

import json
import socket
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from alerts.channels import FhirCommunication, HttpSender, Parcel, Webhook
from alerts.channels.http import answer_fault
from alerts.errors import ChannelDown, ChannelFault, ChannelRefused, ChannelUnsafe
from alerts.signatures import signature_base, signature_params
from records import AlertRef
from tests.alerts.conftest import Keys, Tls
from tests.alerts.receivers import Endpoint, serving, verify


@pytest.fixture
def endpoint(tls: Tls) -> Iterator[Endpoint]:
    with serving(tls) as state:
        yield state


@pytest.fixture
def sender(keys: Keys, tls: Tls) -> HttpSender:
    return HttpSender(keys.signer, tls.client, timeout=5)


def test_the_signature_base_is_the_rfcs() -> None:
    """RFC 9421, appendix B.2.6: key, components and signature."""
    components = {
        "date": "Tue, 20 Apr 2021 02:07:55 GMT",
        "@method": "POST",
        "@path": "/foo",
        "@authority": "example.com",
        "content-type": "application/json",
        "content-length": "18",
    }
    created = datetime.fromtimestamp(1618884473, UTC)
    params = signature_params(tuple(components), created=created, kid="test-key-ed25519", alg=None)
    seed = urlsafe_b64decode("n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU=")
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(signature_base(components, params))
    expected = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
    assert signature == b64decode(expected)


def test_the_webhook_gets_the_sealed_alert_signed(
    endpoint: Endpoint, sender: HttpSender, parcel: Parcel, keys: Keys
) -> None:
    assert Webhook(sender).send(replace(parcel, address=endpoint.url)).code == "http_202"
    (received,) = endpoint.received
    assert received.body.decode() == parcel.jose().jwe
    assert received.headers["content-type"] == "application/jose"
    assert received.headers["idempotency-key"] == parcel.outbox
    verify(received, endpoint.url, keys.signer)


def test_a_second_try_carries_the_same_key(endpoint: Endpoint, sender: HttpSender, parcel: Parcel) -> None:
    channel, addressed = Webhook(sender), replace(parcel, address=endpoint.url)
    endpoint.status = 503
    with pytest.raises(ChannelDown):
        channel.send(addressed)
    endpoint.status = 200
    channel.send(replace(addressed, at=parcel.at + timedelta(minutes=1)))
    assert len({received.headers["idempotency-key"] for received in endpoint.received}) == 1


def test_fhir_gets_a_communication_without_a_subject(
    endpoint: Endpoint, sender: HttpSender, parcel: Parcel, keys: Keys
) -> None:
    FhirCommunication(sender).send(replace(parcel, address=endpoint.url))
    (received,) = endpoint.received
    verify(received, endpoint.url, keys.signer)
    assert received.headers["content-type"] == "application/fhir+json"
    assert received.headers["if-none-exist"] == f"identifier=urn:warmlink:outbox|{parcel.outbox}"
    resource = json.loads(received.body)
    assert resource["resourceType"] == "Communication"
    assert resource["status"] == "completed"
    assert resource.keys() == {"resourceType", "identifier", "status", "sent", "recipient", "payload"}
    (payload,) = resource["payload"]
    assert b64decode(payload["contentAttachment"]["data"]).decode() == parcel.jose().jwe


def test_two_alerts_of_two_clients_cannot_be_told_apart(endpoint: Endpoint, sender: HttpSender, parcel: Parcel) -> None:
    other = replace(parcel, outbox="p" * 26, alert=AlertRef("b" * 26))
    for channel in (Webhook(sender), FhirCommunication(sender)):
        for each in (parcel, other):
            channel.send(replace(each, address=endpoint.url))
        one, two = endpoint.received[-2:]
        assert one.path == two.path
        assert len(one.body) == len(two.body)
        for name in ("idempotency-key", "signature", "signature-input", "content-digest", "if-none-exist"):
            assert len(one.headers.pop(name, "")) == len(two.headers.pop(name, ""))
        assert one.headers == two.headers


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (301, ChannelRefused),
        (400, ChannelRefused),
        (403, ChannelRefused),
        (410, ChannelRefused),
        (408, ChannelDown),
        (429, ChannelDown),
        (500, ChannelDown),
        (503, ChannelDown),
    ],
)
def test_answers_become_instructions(
    endpoint: Endpoint, sender: HttpSender, parcel: Parcel, status: int, fault: type[ChannelFault]
) -> None:
    endpoint.status, endpoint.headers = status, {"location": "https://127.0.0.1:1/elsewhere"}
    with pytest.raises(fault) as caught:
        Webhook(sender).send(replace(parcel, address=endpoint.url))
    assert caught.value.code == f"http_{status}"
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize(
    ("wish", "minutes"),
    [
        ("120", 2),
        ("Tue, 10 Mar 2026 14:10:00 GMT", 60),
        ("Tue, 10 Mar 2020 14:10:00 GMT", 0),
        ("99999999999999999999", None),
        ("864000", 360),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_a_wish_within_reason(now: datetime, wish: str, minutes: int | None) -> None:
    fault = answer_fault(503, wish, now)
    assert isinstance(fault, ChannelDown)
    assert fault.not_before == (None if minutes is None else now + timedelta(minutes=minutes))


def test_a_strange_certificate_stops_it(endpoint: Endpoint, sender: HttpSender, parcel: Parcel, tls: Tls) -> None:
    with pytest.raises(ChannelUnsafe) as caught:
        Webhook(replace(sender, tls=tls.stranger)).send(replace(parcel, address=endpoint.url))
    assert caught.value.code == "tls"
    assert not endpoint.received


def test_production_posts_to_https_only(sender: HttpSender, parcel: Parcel) -> None:
    with pytest.raises(ChannelUnsafe) as caught:
        Webhook(sender).send(replace(parcel, address="http://127.0.0.1:9/alerts"))
    assert caught.value.code == "no_tls"


@pytest.mark.parametrize("address", ["", "not a url", "ftp://x/y", "https://", "https://[::bad"])
def test_what_is_no_url_is_not_posted_to(sender: HttpSender, parcel: Parcel, address: str) -> None:
    with pytest.raises(ChannelRefused) as caught:
        Webhook(sender).send(replace(parcel, address=address))
    assert caught.value.code == "bad_address"


def test_nobody_at_home_or_silent(sender: HttpSender, parcel: Parcel) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ChannelDown) as caught:
            Webhook(replace(sender, timeout=0.2)).send(replace(parcel, address=f"https://127.0.0.1:{port}/"))
        assert caught.value.code == "timeout"
    with pytest.raises(ChannelDown) as caught:
        Webhook(sender).send(replace(parcel, address=f"https://127.0.0.1:{port}/"))
    assert caught.value.code == "unreachable"


def test_a_token_is_sent_and_not_printed(endpoint: Endpoint, sender: HttpSender, parcel: Parcel) -> None:
    with_token = replace(sender, extra={"authorization": "Bearer s3cret"})
    assert "s3cret" not in repr(with_token)
    Webhook(with_token).send(replace(parcel, address=endpoint.url))
    assert endpoint.received[0].headers["authorization"] == "Bearer s3cret"
