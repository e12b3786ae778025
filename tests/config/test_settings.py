"""Can a person get the configuration right, and can it never be silently wrong?"""

from __future__ import annotations

from pathlib import Path

import pytest

from config import ConfigError, load, shown

GOOD = """
profile = "production"
organisation = "Example"
[mail]
host = "mail.example"
[[feeds]]
id = "jail"
kind = "bookings"
path = "in"
mapping = "common_bookings"
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "warmlink.toml"
    path.write_text(text)
    return path


def test_three_sources_in_their_order(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "WARMLINK_MAIL__PASSWORD").write_text("from file\n")
    (secrets / "WARMLINK_MAIL__USER").write_text("from file\n")
    path = written(tmp_path, f'secrets_dir = "secrets"\n{GOOD}user = "x"\n'.replace("user", "pattern"))
    settings = load(path, {"WARMLINK_MAIL__USER": "from environment", "PATH": "/bin"})
    assert settings.mail.user == "from environment"
    assert settings.mail.password.get_secret_value() == "from file"
    assert settings.mail.host == "mail.example"
    assert settings.feeds[0].pattern == "x"


def test_relative_paths_are_seen_from_the_file(tmp_path: Path) -> None:
    settings = load(written(tmp_path, GOOD), {})
    assert settings.at(settings.keys.master) == tmp_path / "keys/master.key"
    assert settings.database_url() == f"sqlite:///{tmp_path}/warmlink.db"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("[mial]\nhost = 'x'\n", "unknown setting mial (did you mean mail?)"),
        ("mappping = 'x'\n", "unknown setting feeds.1.mappping (did you mean mapping?)"),
        ("[alerts]\nexpires_day = 3\n", "did you mean expires_days?"),
        ("every_minutes = 0\n", "feeds.1.every_minutes"),
        ("[audit]\norigin = 1\n", "audit.origin"),
        ("max_shrink = 'much'\n", "feeds.1.max_shrink"),
        ("[[programs]]\nid = 'a'\nname = 'A'\norg = 'o'\n", "programs.1.part2"),
        ("[[feeds]]\nid = 'jail'\nkind = 'bookings'\npath = 'p'\nmapping = 'm'\n", "defined twice"),
        ("[[feeds]]\nid = 'r'\nkind = 'roster'\npath = 'p'\nmapping = 'm'\n", "needs `org`"),
        ("[[facilities]]\nid = 'a'\nname = 'A'\nzone = 'Mars/Base'\n", "IANA"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, change: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, GOOD + change), {})
    assert says in str(caught.value)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, GOOD + "mappping = 'x'\npatern = 'y'\n"), {})
    assert "mappping" in str(caught.value)
    assert "patern" in str(caught.value)


def test_a_mistyped_variable_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean WARMLINK_MAIL__PASSWORD"):
        load(written(tmp_path, GOOD), {"WARMLINK_MAIL__PASWORD": "x"})


@pytest.mark.parametrize(
    "environment",
    [{"WARMLINK_MAIL__STARTTLS": "false"}, {"WARMLINK_KEYS__PROVIDER": "environment"}],
)
def test_production_refuses_what_is_only_for_development(tmp_path: Path, environment: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="development profile only"):
        load(written(tmp_path, GOOD), environment)
    load(written(tmp_path, GOOD.replace("production", "development")), environment)


def test_secrets_are_masked(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    settings = load(
        path, {"WARMLINK_MAIL__PASSWORD": "hunter2", "WARMLINK_DATABASE__URL": "postgresql://u:hunter2@h/d"}
    )
    assert "hunter2" not in str(shown(settings)) + repr(settings)


def test_a_missing_or_broken_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="warmlink init"):
        load(tmp_path / "none.toml", {})
    with pytest.raises(ConfigError, match="cannot be read"):
        load(written(tmp_path, "= broken"), {})
