"""Does a checkpoint get a witness's line where there is a witness, and does every answer lead to the right next step?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import httpx2
import pytest

from audit.checkpoint import Checkpoint, latest, open_checkpoint
from audit.cosigner import Cosigner
from audit.errors import ProofRefused, SinkContradicts, SinkRefused, SinkUnavailable
from audit.log import AuditLog
from audit.note import Note, Signer
from audit.publish import publish
from audit.verify import verify_database
from audit.witness import Witness, cosigned
from store.database import Database
from tests.audit.samples import AT, ORIGIN, verdicts

OWN = Signer.from_seed("witness.example/w1", b"\x05" * 32)


@dataclass
class Server:
    """A witness behind the protocol of C2SP tlog-witness: `old`, proof, note in; its signature line out."""

    witness: Witness
    last: str | None = None
    asked: list[int] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        assert request.url.path == "/w1/add-checkpoint"
        body = request.content.decode()
        head, _, note = body.partition("\n\n")
        old = int(head.split("\n")[0].removeprefix("old "))
        self.asked.append(old)
        known = Checkpoint.parse(Note.parse(self.last).text).size if self.last else 0
        if old != known:
            return httpx2.Response(409, text=f"{known}\n", headers={"Content-Type": "text/x.tlog.size"})
        try:
            signed = self.witness.cosign(note, AT, self.last, body if self.last else None)
        except ProofRefused:
            return httpx2.Response(422)
        self.last = note
        return httpx2.Response(200, text=signed[len(note) :])


@dataclass
class Shelf:
    """Keeps notes in memory."""

    name: str = "shelf"
    kept: list[str] = field(default_factory=list)

    def keep(self, note: str) -> None:
        self.kept.append(note)


def cosigner(answer: Callable[[httpx2.Request], httpx2.Response]) -> Cosigner:
    client = httpx2.Client(base_url="https://witness.example/w1/", transport=httpx2.MockTransport(answer))
    return Cosigner(Witness(OWN, ()).verifier, client)


@pytest.fixture
def server(signer: Signer) -> Server:
    return Server(Witness(OWN, (signer.verifier,)))


def grown(database: Database, log: AuditLog, signer: Signer, shelf: Shelf, witness: Cosigner) -> list[int]:
    with database.write() as conn:
        log.append(conn, verdicts(3), AT)
    return publish(database, log, signer, [shelf], AT, witness=witness)


def test_each_checkpoint_goes_out_with_the_witness_s_line(
    database: Database, log: AuditLog, signer: Signer, server: Server
) -> None:
    shelf, witness = Shelf(), cosigner(server)
    assert [grown(database, log, signer, shelf, witness) for _ in range(3)] == [[3], [7], [11]]
    assert server.asked == [0, 3, 7], "what was published last is where the witness was"
    assert all(cosigned(note, [witness.key]) for note in shelf.kept)
    assert all(open_checkpoint(note, [signer.verifier]) for note in shelf.kept)
    with database.read() as conn:
        assert latest(conn) == shelf.kept[-1]
        assert verify_database(conn, ORIGIN, [signer.verifier]).good


def test_a_witness_that_is_elsewhere_is_asked_from_there(
    database: Database, log: AuditLog, signer: Signer, server: Server
) -> None:
    shelf = Shelf()
    grown(database, log, signer, shelf, cosigner(server))
    grown(database, log, signer, shelf, cosigner(lambda _: httpx2.Response(503)))
    grown(database, log, signer, shelf, cosigner(server))
    assert server.asked == [0, 7, 3]
    assert [bool(cosigned(note, [cosigner(server).key])) for note in shelf.kept] == [True, False, True]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx2.Response(422), SinkContradicts),
        (httpx2.Response(409, text="99\n"), SinkContradicts),
        (httpx2.Response(409, text="busy"), SinkRefused),
        (httpx2.Response(403), SinkRefused),
        (httpx2.Response(200, text=""), SinkRefused),
        (httpx2.Response(200, text="no line"), SinkRefused),
    ],
)
def test_what_a_person_must_know_is_raised_and_nothing_is_marked_published(
    answer: httpx2.Response, error: type[Exception], database: Database, log: AuditLog, signer: Signer
) -> None:
    shelf = Shelf()
    with pytest.raises(error, match="witness"):
        grown(database, log, signer, shelf, cosigner(lambda _: answer))
    assert shelf.kept == []
    assert publish(database, log, signer, [shelf], AT) == [3]


def test_a_signature_of_somebody_else_is_no_cosignature(database: Database, log: AuditLog, signer: Signer) -> None:
    stranger = Server(Witness(Signer.from_seed("witness.example/w1", b"\x06" * 32), (signer.verifier,)))
    with pytest.raises(SinkRefused):
        grown(database, log, signer, Shelf(), cosigner(stranger))


def test_a_sink_that_fails_keeps_no_other_from_its_copy(database: Database, log: AuditLog, signer: Signer) -> None:
    @dataclass
    class Away:
        name: str = "away"

        def keep(self, note: str) -> None:
            raise SinkUnavailable("away")

    @dataclass
    class Forked:
        name: str = "forked"

        def keep(self, note: str) -> None:
            raise SinkContradicts("forked")

    shelf = Shelf()
    with database.write() as conn:
        log.append(conn, verdicts(3), AT)
    with pytest.raises(SinkContradicts):
        publish(database, log, signer, [Away(), shelf, Forked()], AT)
    assert len(shelf.kept) == 1
    assert publish(database, log, signer, [shelf], AT) == [3]
