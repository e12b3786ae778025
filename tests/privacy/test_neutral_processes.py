"""Real processes, real TLS, their own network namespaces: does the job get done, and what would a spy at the unit see?"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from alerts.keys import PrivateKey
from config import load
from records import AlertRef
from service import reading
from service.engine import open_engine
from service.setup import CONFIG_NAME
from store.keys import format_master
from tests.privacy.disk import all_files, files_with
from tests.privacy.parties import Network, Parties, can_be_apart, memory, process_of, wait_for

LINKAGE = sha256(b"the linkage key of this test").digest()
FIRST, LAST, BORN, PHONE = "Zebulina", "Quackenbosch", "1983-02-27", "5555550147"
NEEDLES = {
    word: tuple(form.encode() for form in {word, word.upper(), word.lower()})
    for word in (FIRST, LAST, BORN, BORN.replace("-", ""), PHONE)
}
HEAD = "client_id,first_name,middle_name,last_name,suffix,dob,sex,ssn_last4,phone,street,city,state,zip,aliases,program,clinician_id\n"


def _roster(own: str) -> str:
    rows = [f"{own}1,{FIRST},,{LAST},,{BORN},F,4471,{PHONE},12 Elm St,Anytown,NY,00501,,OP-MH,lee"]
    rows += [
        f"{own}{i},Olaf{chr(97 + i)},,Brandt{chr(97 + i)},,19{60 + i}-03-0{1 + i % 9},M,,,,,,,,OP-MH,lee"
        for i in range(2, 12)
    ]
    return HEAD + "\n".join(rows) + "\n"


def _bookings() -> str:
    now = datetime.now(UTC)
    head = "booking_id,person_id,first_name,middle_name,last_name,suffix,dob,sex,ssn_last4,phone,street,city,state,zip,aliases,booked_at,facility,charges,release_at\n"
    at = (now - timedelta(minutes=20)).isoformat(timespec="seconds")
    return (
        head + f"BK77,P9,{FIRST.upper()},,{LAST.upper()},,{BORN},F,4471,{PHONE},,,,,,{at},COUNTY JAIL,,\n"
        f"BK78,P8,IGNATZ,,WETHERINGTON,,1971-01-05,M,,,,,,,,{at},COUNTY JAIL,,\n"
    )


@pytest.fixture(scope="module")
def ground() -> Iterator[Path]:
    """A folder through which every user may pass: pytest's own are for one user only."""
    with TemporaryDirectory(prefix="county-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture(scope="module")
def after(ground: Path) -> Iterator[tuple[Parties, Path]]:
    """The county after a client of both providers was booked, still running, with everything that passed the unit."""
    apart = can_be_apart()
    network = Network(apart, "10.91.7.1" if apart else "127.0.0.1", 18443)
    edges = ("jail", "north", "south")
    parties = Parties(ground, network, LINKAGE, {"north": _roster("N"), "south": _roster("S")})
    parties.prepare()
    network.build(edges)
    try:
        if not apart:
            pytest.skip("capturing packets, namespaces and other users need root")
        with parties.capture() as packets:
            for party in ("unit", "north", "south", "jail"):
                parties.start(party)
            parties.drop("jail", "today.csv", _bookings())
            wait_for(lambda: all(_alerts(parties, name) for name in ("north", "south")))
            yield parties, packets
    finally:
        parties.stop()
        network.remove(edges)


def _alerts(parties: Parties, name: str) -> list[AlertRef]:
    engine = open_engine(load(parties.home(name) / CONFIG_NAME, {}))
    try:
        return [line.alert for line in reading.inbox_lines(engine) if line.state == "delivered"]
    finally:
        engine.close()


def test_each_provider_clinician_reads_her_alert(after: tuple[Parties, Path]) -> None:
    parties, _ = after
    for name in ("north", "south"):
        engine = open_engine(load(parties.home(name) / CONFIG_NAME, {}))
        (alert,) = _alerts(parties, name)
        content = reading.open_alert(engine, alert, PrivateKey.load(parties.home(name) / "lee.jwk"))
        engine.close()
        said = " ".join(row.value for row in content.rows) + content.headline
        assert "BK77" in said
        assert LAST in said  # as her own system writes the name
    assert [a for p in ("unit", "jail", "north", "south") for a in parties.alarms(p) if a["kind"] != "not_sent"] == []


def test_no_party_can_read_anothers_store_or_memory(after: tuple[Parties, Path]) -> None:
    parties, _ = after
    stores = {
        "unit": ["sign.jwk", "unit.state"],
        "jail": ["linkage.key", "edge.toml"],
        "north": ["warmlink.db", "linkage.key", "keys/master.key", "keys/shelf.db", "lee.jwk"],
        "south": ["warmlink.db", "keys/master.key"],
    }
    files = {p: [parties.home(p) / name for name in names] for p, names in stores.items()}
    for party, process in parties.processes.items():
        status = Path(f"/proc/{process_of(process)}/status").read_text()
        assert f"Uid:\t{parties.network.user(party)}\t" in status
        assert "CapEff:\t0000000000000000" in status
    for reader in parties.processes:
        assert all(parties.may_read(reader, file) for file in files[reader])
        others = [file for owner in files if owner != reader for file in files[owner]]
        images = [Path(f"/proc/{process_of(p)}/environ") for p in parties.processes.values()]  # not even its own
        assert [file for file in (*others, *images) if parties.may_read(reader, file)] == []


def test_no_party_can_leave_a_core_dump(after: tuple[Parties, Path]) -> None:
    parties, _ = after
    for process in parties.processes.values():
        limits = Path(f"/proc/{process_of(process)}/limits").read_text()
        (core,) = [line.split() for line in limits.splitlines() if line.startswith("Max core file size")]
        assert core[4:6] == ["0", "0"]


def test_the_wire_shows_no_name_and_no_key(after: tuple[Parties, Path]) -> None:
    _, packets = after
    seen = packets.read_bytes()
    assert seen.count(b"\x17\x03\x03") > 20  # TLS records: the capture has caught the traffic
    assert len(seen) > 1 << 20
    for forms in NEEDLES.values():
        assert not [form for form in forms if form in seen]
    assert LINKAGE not in seen


def test_the_unit_memory_holds_no_name_and_no_key(after: tuple[Parties, Path]) -> None:
    parties, _ = after
    image = list(memory(process_of(parties.processes["unit"])))
    assert sum(map(len, image)) > 1 << 24
    for word, forms in NEEDLES.items():
        assert not any(form in region for region in image for form in forms), word
    for key in (LINKAGE, b64encode(LINKAGE), format_master(LINKAGE).strip().encode()):
        assert not any(key in region for region in image)


def test_the_search_of_memory_finds_what_is_there(after: tuple[Parties, Path]) -> None:
    """The same search over a provider's edge, which must hold the linkage key and names."""
    parties, _ = after
    image = list(memory(process_of(parties.processes["north"])))
    assert any(LINKAGE in region for region in image)
    assert any(LAST.encode() in region for region in image)


def test_the_unit_files_hold_no_name_and_no_session(after: tuple[Parties, Path]) -> None:
    parties, _ = after
    files = [f for f in parties.home("unit").rglob("*") if f.is_file()]
    assert {f.name for f in files} >= {"unit.toml", "unit.state"}
    for file in files:
        held = file.read_bytes()
        assert not [form for forms in NEEDLES.values() for form in forms if form in held]
        assert LINKAGE not in held
    assert {f.name for f in files} <= {
        "unit.toml", "unit.state", "output.log", "alarms.jsonl", "sign.jwk", "tls.pem", "tls.key", "authority.pem",
        "unit.pub.jwk", "jail.pub.jwk", "north.pub.jwk", "south.pub.jwk",
    }  # fmt: skip


@pytest.mark.parametrize("party", ["jail", "north", "south"])
def test_the_disks_of_jail_and_providers_hold_no_name(after: tuple[Parties, Path], party: str) -> None:
    """Rosters and bookings came as plain files: nothing of them is left in the clear, in any file of the party."""
    parties, _ = after
    files = all_files(parties.home(party))
    assert len(files) > 8
    assert {word: files_with(word.encode(), files) for word in NEEDLES} == {word: [] for word in NEEDLES}
    upper = LAST.upper().encode()
    assert files_with(upper, files) == []


def test_the_jail_keeps_no_trace_of_a_match(after: tuple[Parties, Path]) -> None:
    parties, _ = after
    text = (parties.home("jail") / "output.log").read_text()
    assert text == ""
    assert {a["kind"] for a in parties.alarms("jail")} <= {"not_sent"}
