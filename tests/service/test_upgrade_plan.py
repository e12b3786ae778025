"""Does `upgrade --plan` say what becomes of the configuration, also of one that this program would refuse?"""

from __future__ import annotations

import json
from dataclasses import replace

from config.keys import as_text, keys
from service.setup import CONFIG_NAME
from store import in_force, migrate
from tests.service.installation import Installation
from tests.service.test_commands import warmlink


def a_former_version(site: Installation) -> None:
    """As if a program had worked here last that knew other settings."""
    former = keys()
    del former["telemetry.endpoint"]
    former["mail.spool"] = replace(former["mail.host"], name="mail.spool", does="where mail waited")
    former["backup.keep_days"] = replace(former["backup.keep_days"], default="3")
    site.clock.forward(days=1)
    with site.engine.database.write() as conn:
        in_force.keep_keys(conn, "0.0.9", as_text(former), site.clock())


def test_a_plan_lists_new_removed_changed_and_refused_settings(sqlite_site: Installation) -> None:
    site, config = sqlite_site, sqlite_site.home / CONFIG_NAME
    a_former_version(site)
    config.write_text(config.read_text("utf-8").replace("[mail]\n", '[mail]\nspool = "old"\n'), "utf-8")
    assert warmlink("config", "check", home=site.home).returncode != 0
    done = warmlink("upgrade", "--plan", home=site.home, WARMLINK_MAIL__SPOOL="old too")
    assert done.returncode == 0, done.stderr
    said = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert [line for line in said if line.startswith('new telemetry.endpoint = "": OTLP over HTTP')]
    assert "removed mail.spool: where mail waited" in said
    assert [line for line in said if line.startswith("default backup.keep_days: 3 becomes ")]
    assert "refused mail.spool: your file sets it and this program does not know it" in said
    listed = json.loads(warmlink("upgrade", "--plan", "--json", home=site.home).stdout)
    assert listed["settings"]["refused"] == ["mail.spool"]
    assert listed["stop_needed"] is False


def test_the_program_says_what_it_knows_when_it_works(sqlite_site: Installation) -> None:
    with sqlite_site.engine.database.read() as conn:
        assert in_force.last_keys(conn) == as_text(keys())
    assert "The settings are the same." in warmlink("upgrade", "--plan", home=sqlite_site.home).stdout


def test_a_database_from_before_settings_were_kept_is_planned_all_the_same(sqlite_site: Installation) -> None:
    sqlite_site.engine.close()
    migrate.downgrade(sqlite_site.engine.database, "0009b")
    done = warmlink("upgrade", "--plan", home=sqlite_site.home)
    assert done.returncode == 0, done.stderr
    assert "0018" in done.stdout
    assert "read, not compared" in " ".join(done.stdout.split())
