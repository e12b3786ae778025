"""What commands share: the installation they work on, the clock they were given, and how they print."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from config import ConfigError, Profile, Settings, load
from service.engine import Clock, Engine, open_engine, system_clock
from service.in_force import process_user
from service.setup import CONFIG_NAME

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Configuration file.", show_default="$WARMLINK_CONFIG or ./warmlink.toml"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]
NowOption = Annotated[
    str | None, typer.Option("--now", metavar="INSTANT", help="Take this as the present (development only).")
]
ByOption = Annotated[
    str | None,
    typer.Option("--by", metavar="WHO", help="Who does this, for the log.", show_default="the system's user"),
]

out = Console(highlight=False)


def settings_of(config: Path | None) -> Settings:
    return load(config_path(config, os.environ), os.environ)


def config_path(config: Path | None, environment: Mapping[str, str]) -> Path:
    """The file named, else the one in the environment, else the one in this folder."""
    return config or Path(environment.get("WARMLINK_CONFIG", CONFIG_NAME))


os_user = process_user


@contextmanager
def engine_of(config: Path | None, now: str | None = None) -> Iterator[Engine]:
    settings = settings_of(config)
    engine = open_engine(settings, clock=clock_of(now, settings.profile), environment=os.environ)
    try:
        yield engine
    finally:
        engine.close()


def clock_of(now: str | None, profile: Profile) -> Clock:
    """The real clock, or a stopped one in development. In production a false present would be a false record."""
    if now is None:
        return system_clock
    if profile is Profile.PRODUCTION:
        raise ConfigError("--now is for the development profile; this installation is in production")
    instant = parse_instant(now)
    return lambda: instant


def parse_instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as fault:
        raise ConfigError("an instant looks like 2026-10-06T08:00:00-04:00") from fault
    if instant.tzinfo is None:
        raise ConfigError("an instant needs its offset, such as 2026-10-06T08:00:00-04:00 or ...Z")
    return instant.astimezone(UTC)


def print_json(value: object) -> None:
    typer.echo(json.dumps(plain(value), indent=2, sort_keys=True))


def plain(value: Any) -> Any:
    """Dataclasses, enums and instants as JSON has them."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}  # asdict spoils a Counter
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset | range):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else str(value) if isinstance(value, Path) else value


def table(*columns: str, title: str = "") -> Table:
    made = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column.removeprefix("#"), justify="right" if column.startswith("#") else "left")
    return made


def when(instant: datetime | None, zone: Any = UTC) -> str:
    return "never" if instant is None else instant.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")
