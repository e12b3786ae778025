"""Is every setting explained, and does the comparison of two versions name what an operator has to do?"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from importlib.resources import files

from config.keys import Key, as_text, changes, from_text, keys, without_refused

SAMPLE = tomllib.loads((files("config") / "samples" / "warmlink.toml").read_text("utf-8"))


def test_every_setting_says_what_it_does() -> None:
    assert [key.name for key in keys().values() if not key.does] == []


def test_keys_of_lists_and_of_sections_within_sections_are_there() -> None:
    known = keys()
    assert {"mail.port", "feeds[].id", "facilities[].clinic.key", "keys.vault.mount"} <= known.keys()
    assert known["mail.port"].default == "587"
    assert known["feeds[].id"].default == "", "a value is needed"
    assert "home" not in known


def test_what_was_kept_reads_as_it_was() -> None:
    assert from_text(as_text(keys())) == keys()


def test_nothing_changes_between_a_version_and_itself() -> None:
    found = changes(SAMPLE, keys())
    assert (found.new, found.removed, found.defaults, found.refused) == ((), (), (), ())


def test_new_removed_and_changed_keys_are_told_apart() -> None:
    former = keys()
    new = former.pop("backup.keep_days")
    gone = Key("mail.proxy", '""', "where mail went through")
    former[gone.name] = gone
    former["alerts.lease_seconds"] = replace(former["alerts.lease_seconds"], default="1")
    former["zone"] = replace(former["zone"], default='"Mars/Olympus"')
    document = {"zone": "UTC", "mail": {"proxy": "old", "hots": "x"}, "feeds": [{"id": "a", "colour": "red"}]}
    found = changes(document, former)
    assert found.new == (new,)
    assert found.removed == (gone,)
    assert found.defaults == ((keys()["alerts.lease_seconds"], "1"),), "the file sets its zone itself"
    assert found.refused == ("feeds[].colour", "mail.hots", "mail.proxy")


def test_without_a_former_version_the_file_alone_is_read() -> None:
    found = changes({"mial": {"host": "x"}}, None)
    assert (found.compared, found.new, found.refused) == (False, (), ("mial",))


def test_what_is_refused_is_left_out_and_nothing_else() -> None:
    document = {"zone": "UTC", "mial": {}, "mail": {"host": "h", "hots": "x"}, "feeds": [{"id": "a", "colour": "red"}]}
    assert without_refused(document) == {"zone": "UTC", "mail": {"host": "h"}, "feeds": [{"id": "a"}]}
    assert without_refused(SAMPLE) == SAMPLE
