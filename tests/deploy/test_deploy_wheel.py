"""Is the wheel the same whoever builds it, whole once installed, and is what it is made of written down?"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MADE_OF = ("pyproject.toml", "README.md", "LICENSE", "records", "config", "consent", "matcher", "connectors", "store", "audit",
           "alerts", "service", "console")  # fmt: skip


def build(source: Path, out: Path) -> Path:
    source.mkdir(parents=True)
    for name in MADE_OF:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(ROOT / name, source / name)
    own = {"PATH": os.environ["PATH"], "HOME": str(source), "SOURCE_DATE_EPOCH": "1767225600"}
    asked = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
             "--disable-pip-version-check", "--wheel-dir", str(out), str(source)]  # fmt: skip
    subprocess.run(asked, check=True, env=own, timeout=300)
    (wheel,) = out.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Built twice, in other folders, from copies that were made at other times."""
    here, there = tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("there")
    return build(here / "a", here / "out"), build(there / "another" / "folder", there / "out")


def test_two_builds_give_the_same_bytes(wheels: tuple[Path, Path]) -> None:
    assert wheels[0].read_bytes() == wheels[1].read_bytes()


def test_the_wheel_holds_every_file_that_a_room_needs(wheels: tuple[Path, Path]) -> None:
    inside = set(zipfile.ZipFile(wheels[0]).namelist())
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    rooms = [name for name in tracked if name.split("/")[0] in MADE_OF[3:] and (ROOT / name).exists()]
    assert rooms
    assert [name for name in rooms if name not in inside] == []
    assert not [name for name in inside if name.startswith(("tests/", "bench/", "docs/"))]


def test_the_wheel_works_where_there_is_no_source(wheels: tuple[Path, Path], tmp_path: Path) -> None:
    """In an environment of its own: commands, migrations, sample configuration, rules and templates are all there."""
    home = tmp_path / "clean"
    venv.create(home, with_pip=False, symlinks=True)
    site = home / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    asked = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(home / "bin" / "python"),
             "install", "--no-compile", "--no-deps", "--no-index", str(wheels[0])]  # fmt: skip
    subprocess.run(asked, check=True, timeout=300)
    # What it depends on is borrowed as plain folders: the editable install beside it is not seen that way.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    own = {"PATH": f"{home / 'bin'}:/usr/bin:/bin", "HOME": str(tmp_path)}
    script = """
set -eu
warmlink init county --profile development >/dev/null
warmlink run --once -c county/warmlink.toml
python -c "
import console.app, service
from service.cli.app import app
from importlib.resources import files
assert str(service.__file__).startswith('$PWD/clean'), service.__file__
assert any(files('console').rglob('*.html')), 'no templates'
"
"""
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=own, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_bill_of_materials_names_every_pinned_package(tmp_path: Path) -> None:
    out = tmp_path / "warmlink.cdx.json"
    asked = [f"{Path(sys.executable).parent}/cyclonedx-py", "requirements", "requirements/base.txt", "--pyproject",
             "pyproject.toml", "--output-reproducible", "--of", "JSON", "-o", str(out)]  # fmt: skip
    subprocess.run(asked, cwd=ROOT, check=True, capture_output=True, timeout=120)
    bill = json.loads(out.read_text("utf-8"))
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "warmlink"
    pinned = {
        line.split("==")[0].split("[")[0]
        for line in (ROOT / "requirements/base.txt").read_text("utf-8").splitlines()
        if "==" in line
    }
    assert {component["name"].split("[")[0] for component in bill["components"]} == pinned
    assert all(reference["hashes"] for component in bill["components"] for reference in component["externalReferences"])


def test_no_package_that_ships_is_under_a_licence_that_we_do_not_take() -> None:
    names = {
        line.split("==")[0].split("[")[0]
        for line in (ROOT / "requirements/base.txt").read_text("utf-8").splitlines()
        if "==" in line
    }
    for name in names:
        try:
            about = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue  # of another platform
        classifiers = [c for c in about.get_all("Classifier") or () if "License" in c]
        words = [*(about.get_all("License-Expression") or ()), *classifiers]
        strict = [w for w in words if "GPL" in w.upper().replace("LGPL", "") and "LESSER" not in w.upper()]
        assert strict == [], name
