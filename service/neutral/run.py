"""The three programs: a unit, a jail's edge, a provider's edge. Builds the cores from their settings and runs them by the clock."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from alerts.keys import PrivateKey, Signer
from config import ConfigError, Refuse, Retry, TellPerson, load
from config.durable import write_whole
from consent import load_rulebook
from matcher import LinkageKey, default_model
from service.dispatch import Dispatcher
from service.engine import Clock, open_engine
from service.neutral.alarms import Alarm, AlarmKind, Sound
from service.neutral.caseload import EngineCaseload
from service.neutral.files import LOOK_SECONDS, FileClient, FileServer
from service.neutral.frames import Sequence
from service.neutral.jail import JailEdge
from service.neutral.jail_feeds import JailFeeds
from service.neutral.provider import ProviderEdge
from service.neutral.session import Shared, parameters
from service.neutral.settings import (
    JailSettings,
    Party,
    ProviderSettings,
    UnitSettings,
    linkage_root,
    public_key,
    trusted,
)
from service.neutral.unit import Unit
from service.neutral.wire import Answer, UnitClient, UnitServer


def alarm_file(path: Path) -> Sound:
    """One JSON object a line; a line is on the disk before the alarm counts as raised."""

    def sound(alarm: Alarm) -> None:
        line = {
            "at": alarm.at.isoformat(),
            "kind": alarm.kind.value,
            "party": alarm.party,
            "parameter": alarm.parameter,
        }
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    return sound


def run_unit(settings: UnitSettings, clock: Clock, stop: Event) -> None:
    """Listen until `stop`."""
    model = default_model()
    state = settings.at(settings.state)
    unit = Unit(
        name=settings.name,
        signer=Signer.load(settings.at(settings.signing_key)),
        jails=trusted(settings, settings.jails),
        providers=trusted(settings, settings.providers),
        model=model,
        parameters=parameters(model, settings.epoch),
        rulebook=load_rulebook(settings.consent_profile, {}),
        jurisdiction=settings.jurisdiction,
        random=os.urandom,
        sound=alarm_file(settings.at(settings.alarms)),
        sequence=Sequence(_read_state(state), settings.pace.fresh),
        pace=settings.pace,
    )
    unit.start(clock())

    def answer(way: str, frame: bytes) -> bytes:
        reply = unit.jail_tick(frame, clock()) if way == "jail" else unit.provider_tick(frame, clock())
        write_whole(state, json.dumps(dict(unit.sequence.last)).encode())
        return reply

    if settings.exchange is None:
        _listen(settings, unit, answer, clock, stop)
    else:
        _exchange(settings, unit, answer, clock, stop)


def _listen(settings: UnitSettings, unit: Unit, answer: Answer, clock: Clock, stop: Event) -> None:
    server = UnitServer(
        (settings.host, settings.port), settings.tls_files(), answer, lambda: _hold(settings.hold_seconds)
    )
    server.timeout = min(1.0, settings.tick_seconds)
    try:
        while not stop.is_set():
            server.handle_request()
            with server.lock:
                unit.watch(clock())
    finally:
        server.server_close()


def _exchange(settings: UnitSettings, unit: Unit, answer: Answer, clock: Clock, stop: Event) -> None:
    """Work on what is brought, until `stop`."""
    exchange = settings.exchange
    if exchange is None:
        raise ConfigError("exchange: no folder is named")
    parties = {p.id: public_key(settings.at(_files_to(p))) for p in (*settings.jails, *settings.providers)}
    key = PrivateKey.load(settings.at(exchange.key))
    server = FileServer(settings.at(exchange.folder), key, parties, answer)
    while not stop.wait(LOOK_SECONDS):
        server.work(lambda: unit.sound(Alarm(clock(), AlarmKind.FRAME_REFUSED, settings.name, "file")))
        unit.watch(clock())


def _files_to(party: Party) -> Path:
    if party.files_to is None:
        raise ConfigError(f"{party.id}: files_to is needed where files are exchanged")
    return party.files_to


def _client(settings: JailSettings | ProviderSettings, way: str, stop: Event) -> UnitClient | FileClient:
    exchange = settings.exchange
    if exchange is None:
        if not settings.unit_url:
            raise ConfigError("unit_url is needed where no files are exchanged")
        return UnitClient.open(settings.unit_url, way, settings.tls_files())
    key, unit = PrivateKey.load(settings.at(exchange.key)), public_key(settings.at(_files_to(settings.unit)))
    return FileClient(settings.at(exchange.folder), way, settings.name, key, unit, os.urandom, stop)


def _hold(seconds: float) -> Callable[[], None]:
    """From now until `seconds` later."""
    until = time.monotonic() + seconds
    return lambda: time.sleep(max(0.0, until - time.monotonic()))


def run_jail(settings: JailSettings, clock: Clock, environment: Mapping[str, str], stop: Event) -> None:
    """Read the jail's feeds and send what is new, one tick after another, until `stop`."""
    sound = alarm_file(settings.at(settings.alarms))
    edge = JailEdge(
        name=settings.name,
        unit=settings.unit.id,
        unit_key=trusted(settings, (settings.unit,))[settings.unit.id],
        shared=_shared(settings),
        signer=Signer.load(settings.at(settings.signing_key)),
        providers={p.id: public_key(settings.at(p.seal_to)) for p in settings.providers},
        random=os.urandom,
        sound=sound,
        pace=settings.pace,
    )
    feeds = JailFeeds(settings, environment)
    client = _client(settings, "jail", stop)

    def tick() -> None:
        feeds.fill(edge, clock, sound)
        edge.heard(client.post(edge.tick(clock())))

    _every(settings.tick_seconds, tick, _not_sent(settings.name, clock, sound), stop)
    client.close()


def run_provider(settings: ProviderSettings, clock: Clock, environment: Mapping[str, str], stop: Event) -> None:
    """Answer the unit, take what it releases, and send the clinicians' alerts, until `stop`."""
    sound = alarm_file(settings.at(settings.alarms))
    engine = open_engine(load(settings.at(settings.installation), environment), clock=clock, environment=environment)
    caseload, shared = EngineCaseload(engine), _shared(settings)
    edge = ProviderEdge(
        name=settings.name,
        unit=settings.unit.id,
        unit_key=trusted(settings, (settings.unit,))[settings.unit.id],
        shared=shared,
        signer=Signer.load(settings.at(settings.signing_key)),
        key=PrivateKey.load(settings.at(settings.seal_key)),
        jails=trusted(settings, settings.jails),
        caseload=caseload,
        index=caseload.index(shared),
        random=os.urandom,
        sound=sound,
        pace=settings.pace,
    )
    client = _client(settings, "provider", stop)
    roster = _Periodic(settings.roster_seconds, lambda: edge.roster_changed(caseload.index(shared)))

    def tick() -> None:
        reply = client.post(edge.tick(clock()))
        edge.heard(reply, clock())
        Dispatcher(engine).run()
        roster.maybe()

    _every(settings.tick_seconds, tick, _not_sent(settings.name, clock, sound), stop)
    client.close()
    engine.close()


def _shared(settings: JailSettings | ProviderSettings) -> Shared:
    return Shared(LinkageKey(settings.epoch, "shared", linkage_root(settings)), default_model())


def _every(seconds: float, tick: Callable[[], None], failed: Callable[[str], None], stop: Event) -> None:
    """At every full tick of the clock, whatever the last one did. A fault is an alarm, and the next tick comes all the same."""
    while not stop.wait(seconds - time.time() % seconds):
        try:
            tick()
        except (Retry, Refuse, TellPerson) as fault:
            failed(getattr(fault, "parameter", "") or type(fault).__name__)


def _not_sent(name: str, clock: Clock, sound: Sound) -> Callable[[str], None]:
    return lambda why: sound(Alarm(clock(), AlarmKind.NOT_SENT, name, why))


@dataclass(slots=True)
class _Periodic:
    """Something that is done again once enough time has passed."""

    seconds: float
    work: Callable[[], None]
    last: float = 0.0

    def __post_init__(self) -> None:
        self.last = time.monotonic()

    def maybe(self) -> None:
        if time.monotonic() - self.last >= self.seconds:
            self.work()
            self.last = time.monotonic()


def _read_state(path: Path) -> dict[str, int]:
    try:
        return {str(name): int(number) for name, number in json.loads(path.read_text("utf-8")).items()}
    except FileNotFoundError:
        return {}
