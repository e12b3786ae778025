"""A county of real processes: certificates, keys, installations, and the namespaces that keep the parties apart."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from alerts.keys import PrivateKey, Signer
from config import load
from service import directory, registry
from service.cycle import Cycle
from service.engine import open_engine
from service.setup import CONFIG_NAME, install, write_secret
from store.keys import format_master

ROOT = Path(__file__).parents[2]
PROGRAM = '[[programs]]\nid = "OP-MH"\nname = "Outpatient"\norg = "{name}"\npart2 = false\ncovered_entity = true\n'
PROVIDER = """profile = "development"
[consent]
profile = "federal-floor"
[audit]
origin = "warmlink.example/{name}"
{program}
[[feeds]]
id = "roster"
kind = "roster"
org = "{name}"
path = "feeds/roster"
mapping = "common_roster"
"""
JAIL = """profile = "development"
[[feeds]]
id = "jail"
kind = "bookings"
path = "feeds/jail"
mapping = "common_bookings"
"""
TICK = 2.0
FIRST_USER = 61000
"""Users that no machine has: each party gets a number of its own from here on."""


@dataclass
class Authority:
    """Signs every party's certificate, for an hour."""

    folder: Path
    key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))

    def __post_init__(self) -> None:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "county")])
        self.certificate = self._built(name, self.key).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        (self.folder / "authority.pem").write_bytes(
            self.certificate.sign(self.key, SHA256()).public_bytes(Encoding.PEM)
        )
        self._issuer = name

    def _built(self, name: x509.Name, key: EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "county")])
        return (
            x509.CertificateBuilder(issuer, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
        )

    def certify(self, party: str, address: str, folder: Path) -> None:
        key = generate_private_key(SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, party)])
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
        made = self._built(name, key).add_extension(names, critical=False).sign(self.key, SHA256())
        (folder / "tls.pem").write_bytes(made.public_bytes(Encoding.PEM))
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_secret(folder / "tls.key", secret.decode())
        shutil.copy(self.folder / "authority.pem", folder / "authority.pem")


@dataclass
class Network:
    """Namespaces joined at the unit's, where this machine allows it; otherwise everybody is on the loopback."""

    apart: bool
    unit_address: str
    port: int
    _lead: str = field(default_factory=lambda: f"wl{os.getpid()}")

    def inside(self, party: str) -> list[str]:
        return ["ip", "netns", "exec", f"{self._lead}{party}"] if self.apart else []

    def user(self, party: str) -> int | None:
        """Each party's own user of the machine; None where everybody is the one who runs the tests."""
        return FIRST_USER + zlib.crc32(party.encode()) % 1000 if self.apart else None

    def build(self, edges: Sequence[str]) -> None:
        if not self.apart:
            return
        _ip("netns", "add", f"{self._lead}unit")
        _ip("-n", f"{self._lead}unit", "link", "add", "br0", "type", "bridge")
        for number, edge in enumerate(edges, start=2):
            space, veth = f"{self._lead}{edge}", f"v{os.getpid() % 100000}{number}"
            _ip("netns", "add", space)
            _ip("-n", f"{self._lead}unit", "link", "add", veth, "type", "veth", "peer", "name", "eth0", "netns", space)
            _ip("-n", f"{self._lead}unit", "link", "set", veth, "master", "br0", "up")
            _ip("-n", space, "addr", "add", f"10.91.7.{number}/24", "dev", "eth0")
            _ip("-n", space, "link", "set", "eth0", "up")
        _ip("-n", f"{self._lead}unit", "addr", "add", f"{self.unit_address}/24", "dev", "br0")
        _ip("-n", f"{self._lead}unit", "link", "set", "br0", "up")

    def remove(self, edges: Sequence[str]) -> None:
        for party in ("unit", *edges) if self.apart else ():
            subprocess.run(["ip", "netns", "del", f"{self._lead}{party}"], check=False, capture_output=True)


def as_user(user: int | None) -> list[str]:
    """Run what follows as this user, in no group and without any capability."""
    if user is None:
        return []
    return ["setpriv", "--reuid", str(user), "--regid", str(user), "--clear-groups", "--bounding-set", "-all"]


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def can_be_apart() -> bool:
    """Whether this process may make network namespaces and be other users."""
    if os.geteuid() != 0 or shutil.which("ip") is None or shutil.which("setpriv") is None:
        return False
    name = f"wltry{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], check=False, capture_output=True).returncode == 0
    if made:
        _ip("netns", "del", name)
    return made


@dataclass
class Parties:
    """The folders of all parties, and their processes."""

    folder: Path
    network: Network
    linkage: bytes
    rosters: Mapping[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def home(self, party: str) -> Path:
        return self.folder / party

    def prepare(self) -> None:
        """Keys and certificates of everybody; each party gets its own and the public halves it needs."""
        authority = Authority(self.folder)
        signers = {party: Signer.generate() for party in ("unit", "jail", *self.rosters)}
        seals = {name: PrivateKey.generate() for name in self.rosters}
        for party, signer in signers.items():
            home = self.home(party)
            home.mkdir(mode=0o700)
            if party in self.rosters:
                self._provider(party, home)
            authority.certify(party, self.network.unit_address, home)
            signer.save(home / "sign.jwk")
            for other, key in signers.items():
                (home / f"{other}.pub.jwk").write_text(json.dumps(key.trusted.jwk()))
            if party != "unit":
                write_secret(home / "linkage.key", format_master(self.linkage))
        for name, seal in seals.items():
            seal.save(self.home(name) / "seal.jwk")
            (self.home("jail") / f"{name}.seal.jwk").write_text(json.dumps(dict(seal.public.jwk)))
        self._configure()
        for party in signers:
            self._give(party)

    def _give(self, party: str) -> None:
        """The party's folder and all that is in it belong to its own user, and are for nobody else."""
        user, home = self.network.user(party), self.home(party)
        if user is not None:
            for path in (home, *home.rglob("*")):
                os.chown(path, user, user)

    def drop(self, party: str, name: str, text: str) -> None:
        """A file in a party's feed folder, as its own user would put it there."""
        part = self.home(party) / "feeds" / f".{name}"
        part.write_text(text)
        if (user := self.network.user(party)) is not None:
            os.chown(part, user, user)
        part.rename(self.home(party) / "feeds" / party / name)

    def may_read(self, reader: str, path: Path) -> bool:
        """Whether a party's user can read a file."""
        command = [*as_user(self.network.user(reader)), "cat", str(path)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def _provider(self, name: str, home: Path) -> None:
        """A provider's installation with its roster, one clinician and her key."""
        text = PROVIDER.format(name=name, program=PROGRAM.format(name=name))
        install(home, text, random=os.urandom, now=datetime.now(UTC), environment={})
        (home / "feeds" / "roster" / "roster.csv").write_text(self.rosters[name], "utf-8")
        (home / "staff.csv").write_text(
            f"staff_id,org_id,name,role,email,programs,supervises,active,verified,language\nlee,{name},Lee,clinician,,OP-MH,,yes,yes,en\n"
        )
        engine = open_engine(load(home / CONFIG_NAME, {}))
        report = Cycle(engine).run()
        assert not report.faults, report.faults
        members = directory.read(home / "staff.csv")
        registry.import_staff(engine, members)
        registry.enrol(engine, members[0].staff, registry.generate_key(home / "lee.jwk"))
        engine.close()

    def _configure(self) -> None:
        net = self.network
        common = (
            'name = "{0}"\nsigning_key = "sign.jwk"\nepoch = "e1"\n' + f"tick_seconds = {TICK}\n" + "{1}"
            '[tls]\ncertificate = "tls.pem"\nkey = "tls.key"\nauthority = "authority.pem"\n'
        )
        edge = f'linkage_key = "linkage.key"\nunit_url = "https://{net.unit_address}:{net.port}"\n'
        party = '[[{0}]]\nid = "{1}"\nkey = "{1}.pub.jwk"\n'
        unit = (
            f'host = "{net.unit_address}"\nport = {net.port}\nhold_seconds = 0.3\nconsent_profile = "federal-floor"\n'
        )
        told = "".join(party.format("providers", name) for name in self.rosters) + party.format("jails", "jail")
        (self.home("unit") / "unit.toml").write_text(common.format("unit", unit) + told)
        knows = '[unit]\nid = "unit"\nkey = "unit.pub.jwk"\n'
        seals = "".join(f'[[providers]]\nid = "{n}"\nseal_to = "{n}.seal.jwk"\n' for n in self.rosters)
        (self.home("jail") / "edge.toml").write_text(common.format("jail", edge) + knows + seals)
        (self.home("jail") / CONFIG_NAME).write_text(JAIL)
        (self.home("jail") / "feeds" / "jail").mkdir(parents=True)
        for name in self.rosters:
            seal = 'seal_key = "seal.jwk"\n'
            text = common.format(name, edge + seal) + knows + party.format("jails", "jail")
            (self.home(name) / "edge.toml").write_text(text)

    def start(self, party: str) -> None:
        how = {"unit": ["unit", "unit.toml"], "jail": ["edge", "jail", "edge.toml"]}
        command = how.get(party, ["edge", "provider", "edge.toml"])
        self.processes[party] = self._run(
            party,
            ["-c", "from service.cli import main; main()", *command],
            self.home(party),
            self.network.user(party),
        )

    def _run(
        self, party: str, arguments: Sequence[str], home: Path, user: int | None = None
    ) -> subprocess.Popen[bytes]:
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        command = [*self.network.inside(party), *as_user(user), sys.executable, *arguments]
        with (home / "output.log").open("wb") as log:
            return subprocess.Popen(command, cwd=home, env=environment, stdout=log, stderr=log)

    @contextmanager
    def capture(self) -> Iterator[Path]:
        """Every packet at the unit's namespace."""
        folder = self.folder / "wire"
        folder.mkdir()
        target = folder / "packets"
        sniffer = self._run("unit", [str(Path(__file__).with_name("sniff.py")), str(target)], folder)
        wait_for(lambda: target.exists() and target.stat().st_size > 0)
        yield target
        sniffer.kill()
        sniffer.wait()

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(30)

    def alarms(self, party: str) -> list[dict[str, str]]:
        path = self.home(party) / "alarms.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_for(condition: object, seconds: float = 150.0) -> None:
    """Until the condition holds. Raises TimeoutError."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():  # type: ignore[operator]
            return
        time.sleep(0.25)
    raise TimeoutError("what was waited for did not happen")


def memory(pid: int) -> Iterator[bytes]:
    """The writable memory of a process, region by region."""
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as image:
        for line in maps:
            span, mode = line.split()[:2]
            if not mode.startswith("rw"):
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            try:
                image.seek(start)
                yield image.read(end - start)
            except (OSError, ValueError, OverflowError):  # a region that went away meanwhile, or the kernel's own
                continue


def process_of(started: subprocess.Popen[bytes]) -> int:
    """`ip netns exec` and `setpriv` replace themselves by the program: the process is the one that was started."""
    return started.pid
