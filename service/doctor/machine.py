"""What can be told of the machine and its files without the database: clock, disk, permissions, time zone."""

from __future__ import annotations

import ctypes
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from zoneinfo import ZoneInfo

from config import Profile, Settings
from service.doctor.finding import Finding, fault, warning, well
from service.feeds import place
from store.database import Database

_TIME_ERROR = 5
"""adjtimex(2): the clock is not synchronised."""
_TIMEX_BYTES = 512  # more than struct timex has on any Linux
SKEW = 2.0
"""Seconds that this machine and the database may be apart: leases and deadlines are counted in tens of them."""
SCARCE, TOO_LITTLE = 0.15, 0.05
"""Shares of a disk that are free."""


def synchronised() -> bool | None:
    """Whether the kernel says that the clock is kept by a time service; None where it does not say."""
    if sys.platform != "linux":
        return None
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return None if state < 0 else state != _TIME_ERROR


def clock(now: datetime, synchronised: bool | None, database_now: datetime | None) -> Iterator[Finding]:
    """`database_now` is the database's own clock, read at `now`."""
    if synchronised is False:
        yield warning("clock", "the clock is not kept by a time service", "start chrony or systemd-timesyncd")
    if database_now is not None and abs((now - database_now).total_seconds()) > SKEW:
        apart = abs((now - database_now).total_seconds())
        yield fault(
            "clock", f"this machine and the database are {apart:.0f} s apart", "put both under one time service"
        )
    elif synchronised is not False:
        yield well("clock", f"{now.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")


def zone(settings: Settings, now: datetime) -> Iterator[Finding]:
    used = {settings.zone, *(facility.zone for facility in settings.facilities)}
    tables = _zone_tables()
    if tables is not None and int(tables.split(".")[0]) < now.year - 1:
        yield warning(
            "time zone", f"the zone tables are of {tables}", "install a newer tzdata: daylight saving changes"
        )
    elif settings.zone == "UTC" and settings.profile is Profile.PRODUCTION:
        yield warning("time zone", "people read instants in UTC", "set `zone` to where they are")
    else:
        local = now.astimezone(ZoneInfo(settings.zone))
        yield well("time zone", f"{', '.join(sorted(used))}; it is {local:%H:%M %Z} here")


def _zone_tables() -> str | None:
    try:
        return version("tzdata")
    except PackageNotFoundError:
        return None


def disk(settings: Settings) -> Iterator[Finding]:
    """Every file system that something of ours is written to."""
    places = {"installation": settings.home, "checkpoints": settings.at(settings.audit.checkpoints)}
    places |= {"backups": settings.at(settings.backup.folder), "journal": settings.at(settings.backup.journal)}
    seen: set[int] = set()
    for name, folder in places.items():
        there = next(each for each in (folder, *folder.parents) if each.exists())
        if there.stat().st_dev in seen:
            continue
        seen.add(there.stat().st_dev)
        yield _free(name, there)


def _free(name: str, folder: Path) -> Finding:
    usage = shutil.disk_usage(folder)
    share, words = usage.free / usage.total, f"{name}: {usage.free / 1e9:.1f} GB of {usage.total / 1e9:.0f} GB are free"
    if share < TOO_LITTLE:
        return fault("disk", words, "free some, or move it: a full disk stops everything")
    return warning("disk", words, "free some, or move it") if share < SCARCE else well("disk", words)


def permissions(settings: Settings) -> Iterator[Finding]:
    """Who else may read what only we should, and what we cannot write ourselves."""
    bad = [*_open_to_others(settings), *_not_ours(settings)]
    yield from bad
    if not bad:
        yield well("permissions", "keys and database are their owner's alone, folders can be used")


def _open_to_others(settings: Settings) -> Iterator[Finding]:
    for path in _secret_files(settings):
        if path.is_file() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield fault("permissions", f"{path.name} is open to others", f"chmod 600 {path}")
    for path in (settings.home, settings.at(settings.backup.folder), settings.at(settings.backup.journal)):
        if path.is_dir() and path.stat().st_mode & stat.S_IWOTH:
            yield fault("permissions", f"anybody may write to {path}", f"chmod o-w {path}")


def _secret_files(settings: Settings) -> Iterator[Path]:
    yield settings.at(settings.keys.master)
    yield settings.at(settings.audit.signing_key)
    yield settings.at(settings.alerts.signing_key)
    url = settings.database_url()
    if url.startswith("sqlite:///"):
        yield from (Path(url.removeprefix("sqlite:///") + ending) for ending in ("", "-wal"))
    if settings.secrets_dir:
        yield from sorted(settings.at(settings.secrets_dir).glob("WARMLINK_*"))


def _not_ours(settings: Settings) -> Iterator[Finding]:
    for feed in settings.feeds:
        folder = place(settings, feed)
        if not folder.is_dir():
            yield fault("permissions", f"feed {feed.id}: there is no folder {folder}", f"mkdir -p {folder}")
        elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            yield fault("permissions", f"feed {feed.id}: {folder} cannot be used", "make it the service's own")


def database_clock(database: Database) -> datetime | None:
    """What the database server takes for the present. SQLite has no clock but ours."""
    if database.dialect == "sqlite":
        return None
    with database.read() as conn:
        said: datetime = conn.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    return said
