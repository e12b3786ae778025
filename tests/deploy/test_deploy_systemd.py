"""Do systemd's own checks accept the units, and how much of the machine is left to them?"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "deploy" / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
TIMERS = sorted(UNITS.glob("*.timer"))


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a machine with our units, the system's targets and the programs that the units start."""
    root = tmp_path_factory.mktemp("machine")
    targets, units = root / "usr/lib/systemd/system", root / "etc/systemd/system"
    for folder in (targets, units, root / "opt/warmlink/bin", root / "usr/bin"):
        folder.mkdir(parents=True)
    for target in Path("/lib/systemd/system").glob("*.target"):
        shutil.copyfile(target, targets / target.name)
    for unit in (*SERVICES, *TIMERS):
        shutil.copyfile(unit, units / unit.name)
    for program in ("opt/warmlink/bin/warmlink", "usr/bin/logger"):
        shutil.copy("/bin/true", root / program)
    return root


def verified(root: Path, unit: str) -> str:
    asked = ["systemd-analyze", "verify", "--man=no", f"--root={root}", unit]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout + done.stderr if done.returncode or done.stderr else ""


@pytest.mark.parametrize("unit", [*SERVICES, *TIMERS], ids=lambda path: path.name)
def test_systemd_accepts_the_unit(machine: Path, unit: Path) -> None:
    assert verified(machine, unit.name) == ""


def test_a_unit_with_a_mistyped_setting_is_not_accepted(machine: Path) -> None:
    wrong = machine / "etc/systemd/system/wrong.service"
    wrong.write_text(SERVICES[0].read_text("utf-8").replace("NoNewPrivileges=", "NoNewPrivilege="), "utf-8")
    assert "NoNewPrivilege" in verified(machine, "wrong.service")


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.name)
def test_little_of_the_machine_is_left_to_the_service(unit: Path) -> None:
    """Of systemd's ten: 0 is nothing exposed. The network is what a service of ours needs, and costs one."""
    asked = ["systemd-analyze", "security", "--offline=true", "--threshold=15", str(unit)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("unit", [u for u in SERVICES if "@" not in u.name], ids=lambda path: path.name)
def test_the_master_key_reaches_the_service_as_a_credential_only(unit: Path) -> None:
    text = unit.read_text("utf-8")
    assert "LoadCredentialEncrypted=warmlink-master:" in text
    assert not re.search(r"^Environment=.*(PASSWORD|KEY|TOKEN)", text, re.MULTILINE)


@pytest.mark.parametrize("timer", TIMERS, ids=lambda path: path.name)
def test_a_timer_starts_what_exists_and_catches_up(timer: Path) -> None:
    text = timer.read_text("utf-8")
    assert timer.with_suffix(".service").exists()
    assert "Persistent=yes" in text
    when = next(line for line in text.splitlines() if line.startswith("OnCalendar=")).partition("=")[2]
    subprocess.run(["systemd-analyze", "calendar", when], check=True, capture_output=True, timeout=60)


def test_accounts_and_folders_are_what_the_tools_understand(tmp_path: Path) -> None:
    """Both tools run for real, below a root of their own."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "var").mkdir()
    for tool, file in (("systemd-sysusers", "warmlink.sysusers.conf"), ("systemd-tmpfiles", "warmlink.tmpfiles.conf")):
        create = ["--create"] if tool.endswith("tmpfiles") else []
        asked = [tool, *create, f"--root={tmp_path}", str(UNITS / file)]
        done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
    assert "warmlink" in (tmp_path / "etc/passwd").read_text("utf-8")
    assert (tmp_path / "var/lib/warmlink").stat().st_mode & 0o777 == 0o700


def test_the_helper_is_sound_shell() -> None:
    subprocess.run(["sh", "-n", str(UNITS / "warmlink-here")], check=True, timeout=60)
    assert (UNITS / "warmlink-here").stat().st_mode & 0o111
