"""Does a real authority's stamp say when a checkpoint existed, and does anything else pass for one?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from audit.checkpoint import sign
from audit.errors import SignatureRefused, SinkRefused, SinkUnavailable
from audit.log import TreeHead
from audit.note import Signer
from audit.timestamp import TimestampAuthority, stamped_at
from tests.audit.tsa import Authority, make_authority, openssl, running

NOTE = sign(TreeHead(5, bytes(32)), Signer.from_seed("log.example/one", b"\x01" * 32)).encode()
OTHER = sign(TreeHead(6, bytes(32)), Signer.from_seed("log.example/one", b"\x01" * 32)).encode()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with running(tmp_path_factory.mktemp("tsa")) as found:
        yield found


def test_a_stamp_says_when_the_checkpoint_existed_to_us_and_to_openssl(authority: Authority, tmp_path: Path) -> None:
    stamp = authority.ask().stamp(NOTE)
    assert abs(stamped_at(NOTE, stamp, authority.roots) - datetime.now(UTC)) < timedelta(minutes=5)
    (tmp_path / "kept.checkpoint").write_bytes(NOTE)
    (tmp_path / "kept.tsr").write_bytes(stamp)
    openssl(
        tmp_path,
        "ts",
        "-verify",
        "-data",
        "kept.checkpoint",
        "-in",
        "kept.tsr",
        "-CAfile",
        str(authority.folder / "ca.pem"),
    )


def test_a_stamp_of_another_checkpoint_or_another_authority_is_none(authority: Authority, tmp_path: Path) -> None:
    stamp = authority.ask().stamp(NOTE)
    make_authority(tmp_path)
    for note, given, roots in (
        (OTHER, stamp, authority.roots),
        (NOTE, stamp, (tmp_path / "ca.pem").read_bytes()),
        (NOTE, b"no stamp", authority.roots),
        (NOTE, stamp[:-9] + bytes(9), authority.roots),
    ):
        with pytest.raises(SignatureRefused):
            stamped_at(note, given, roots)


def test_an_answer_to_another_question_is_not_taken(authority: Authority) -> None:
    """Whoever stands between may give back an older, true stamp: its nonce is not ours."""
    old = authority.ask().stamp(NOTE)
    client = httpx2.Client(
        base_url="https://tsa.example/", transport=httpx2.MockTransport(lambda _: httpx2.Response(200, content=old))
    )
    with pytest.raises(SignatureRefused):
        TimestampAuthority("https://tsa.example/tsr", client, authority.roots).stamp(NOTE)


def test_an_authority_that_is_busy_away_or_elsewhere(authority: Authority) -> None:
    with pytest.raises(SinkUnavailable):
        authority.ask("busy").stamp(NOTE)
    with pytest.raises(SinkUnavailable):
        TimestampAuthority("http://127.0.0.1:9/", httpx2.Client(), authority.roots).stamp(NOTE)
    elsewhere = httpx2.Client(
        base_url="https://tsa.example/", transport=httpx2.MockTransport(lambda _: httpx2.Response(404))
    )
    with pytest.raises(SinkRefused):
        TimestampAuthority("https://tsa.example/tsr", elsewhere, authority.roots).stamp(NOTE)
