"""What this installation works by: settings, rules, model, epoch. That one of them changed is in the log before it is worked by."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import version

from audit.leaves import Kind, Leaf, leaf
from config.keys import as_text
from config.keys import keys as known_keys
from service.engine import Engine
from store import in_force

RULES, MODEL, CONFIG, EPOCH, VERSION = "rule_set", "model", "config", "epoch", "version"


def note(engine: Engine) -> None:
    """Say what is in force, if it is not what was said last. Safe to call at the start of every cycle."""
    now = of(engine)
    _note_keys(engine, now[VERSION])
    with engine.database.read() as conn:
        if now.items() <= in_force.known(conn).items():
            return
    with engine.database.write() as conn:
        before = in_force.known(conn)
        in_force.keep(conn, now, engine.clock())
        in_force.keep_model(conn, engine.model.hash, engine.model.to_json().encode(), engine.clock())
        engine.audit.append(conn, [*_changes(engine, before, now), _started(engine, now)], engine.clock())


def of(engine: Engine) -> dict[str, str]:
    """Hashes and names of what is in force. A secret is masked in what is hashed."""
    config = sha256(engine.settings.model_dump_json(exclude={"home"}).encode()).hexdigest()
    book = engine.rulebook
    return {
        RULES: book.hash,
        MODEL: engine.model.hash,
        CONFIG: config,
        EPOCH: engine.linkage_key.epoch,
        VERSION: version("warmlink"),
    }


def _note_keys(engine: Engine, program: str) -> None:
    """`upgrade --plan` of the next version compares its settings with these."""
    keys = as_text(known_keys())
    with engine.database.read() as conn:
        if in_force.keys_of(conn, program) == keys:
            return
    with engine.database.write() as conn:
        in_force.keep_keys(conn, program, keys, engine.clock())


def process_user() -> str:
    """Who the operating system says this is; not who the environment says. In a container a number may have no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid-{os.getuid()}"


def _changes(engine: Engine, before: Mapping[str, str], now: Mapping[str, str]) -> list[Leaf]:
    made = []
    if before.get(RULES) != now[RULES]:
        made.append(
            leaf(
                Kind.POLICY_CHANGE,
                rule_set=engine.rulebook.version,
                rule_set_hash=now[RULES],
                previous_hash=before.get(RULES),
                by=process_user(),
            )
        )
    if before.get(CONFIG) not in {None, now[CONFIG]}:
        made.append(leaf(Kind.CONFIG_CHANGE, config_hash=now[CONFIG], previous_hash=before[CONFIG], by=process_user()))
    return made


def _started(engine: Engine, now: Mapping[str, str]) -> Leaf:
    return leaf(
        Kind.STARTED,
        version=now[VERSION],
        config_hash=now[CONFIG],
        model=now[MODEL],
        rule_set=engine.rulebook.version,
        rule_set_hash=now[RULES],
        epoch=now[EPOCH],
    )
