"""`warmlink console --demo`: the sample county, with an account for each desk and a clock that goes on from its last day."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from config import ConfigError, Profile, load
from config.settings import ConsoleSettings
from console.people import add_account
from console.rights import Role
from service.demonstration import MORNINGS, run_demo
from service.engine import Clock, Engine, open_engine, system_clock
from service.setup import CONFIG_NAME
from store import accounts

BEGINS = MORNINGS[-1] + timedelta(hours=4, minutes=5)
"""Ten past ten on the last morning: alerts lie there since six."""

SEEDED: tuple[tuple[str, Role, str, str], ...] = (
    ("lee", Role.CASE_MANAGER, "CM033", ""),
    ("farouk", Role.CASE_MANAGER, "CM000", ""),
    ("ivanov", Role.CASE_MANAGER, "CM025", ""),
    ("jones", Role.CASE_MANAGER, "N02", ""),
    ("ortiz", Role.SUPERVISOR, "SUP01", ""),
    ("eriksen", Role.SUPERVISOR, "N09", ""),
    ("privacy", Role.COMPLIANCE, "", "harlan-bh"),
    ("county-privacy", Role.COMPLIANCE, "", ""),
    ("operator", Role.OPERATOR, "", ""),
    ("admin", Role.ADMINISTRATOR, "", ""),
)
"""(login, role, staff id, organisation). None has a password: one click signs in, here and nowhere else."""


def demo_clock(real: Clock = system_clock) -> Clock:
    """Goes as the real one does, from the last morning of the sample county on."""
    begun = real()
    return lambda: BEGINS + (real() - begun)


def open_demo(home: Path, origin: str, told: Callable[[str], None], clock: Clock | None = None) -> Engine:
    """The sample county in `home`, made there if it is not, with its accounts. Refuses any other installation."""
    config = home / CONFIG_NAME
    if not config.exists():
        run_demo(home, told)
    settings = load(config, {})
    if settings.profile is not Profile.DEVELOPMENT or "sample" not in settings.audit.origin:
        raise ConfigError("--demo is for the sample county only; this is an installation with people in it")
    settings = settings.model_copy(update={"console": ConsoleSettings(origin=origin)})
    engine = open_engine(settings, clock=clock or demo_clock(), random=os.urandom)
    seed(engine)
    return engine


def seed(engine: Engine) -> None:
    """An account for each desk; those that are there already stay as they are."""
    with engine.database.read() as conn:
        have = {account.login for account in accounts.everyone(conn)}
    for login, role, member, org in SEEDED:
        if login not in have:
            add_account(engine, login, [role], None, staff=member, org=org, by="sample")
