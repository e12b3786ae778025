"""Builds the image from the Containerfile and works with it: `sudo python tests/deploy/container_drill.py [--keep DIR]`.

Not in the suite: it needs root, debootstrap and buildah (Debian packages), the package index, and minutes. The base is Debian and its own Python,
made by debootstrap, in place of a registry's: what is under test is our file. What it cannot try, because a chroot is no container: the
read-only root, the dropped capabilities and seccomp of compose.yaml and the chart.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "container" / "Containerfile"
PACKAGES = "python3,python3-venv,python-is-python3,ca-certificates"
OF_THIS_MACHINE = ("etc/ssl/certs/ca-certificates.crt", "etc/pip.conf")
"""How this machine reaches a package index; a county's own base image has the same."""

COUNTY = "warmlink init /var/lib/warmlink/county --profile development >/dev/null"
CONFIG = "-c /var/lib/warmlink/county/warmlink.toml"
CHECKS = (
    ("is not root", '[ "$(id -u)" = 10001 ]'),
    ("says its version", "warmlink --version"),
    ("has no pip", "! command -v /opt/warmlink/bin/pip"),
    ("cannot change itself", "! touch /opt/warmlink/changed 2>/dev/null"),
    ("makes an installation", COUNTY),
    ("puts the shelf on its volume", "[ -w /var/lib/warmlink-shelf ]"),
    ("runs a cycle", f"warmlink run --once {CONFIG}"),
    ("is healthy", f"warmlink doctor --only database {CONFIG}"),
    ("makes a backup and reads it", f"warmlink backup {CONFIG} && warmlink restore /var/lib/warmlink/county/backups/*.backup --verify {CONFIG}"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Buildah:
    """buildah with a store of its own."""

    folder: Path

    def __call__(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        own = [f"--root={self.folder / 'store'}", f"--runroot={self.folder / 'run'}", "--storage-driver=vfs"]
        done = subprocess.run(["buildah", *own, *words], capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise SystemExit(f"buildah {words[0]} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        return done


def base(folder: Path, suite: str) -> Path:
    """A slim Debian with Python."""
    made = folder / "base"
    if not made.exists():
        subprocess.run(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", suite, str(made)], check=True)
    for name in OF_THIS_MACHINE:
        if Path("/", name).is_file():
            shutil.copyfile(Path("/", name), made / name)
    return made


def build(buildah: Buildah, folder: Path, suite: str) -> None:
    begun = buildah("from", "scratch").stdout.strip()
    buildah("add", begun, str(base(folder, suite)), "/")
    buildah("commit", begun, "localhost/base")
    words = ["--isolation=chroot", "--network=host", "--format=docker", "--build-arg=BASE=localhost/base"]
    ignore = f"--ignorefile={FILE}.dockerignore"
    buildah("build", *words, ignore, f"--file={FILE}", "--tag=warmlink", str(ROOT))


def tried(buildah: Buildah) -> Sequence[tuple[str, bool, str]]:
    """Each check, in one container, in their order."""
    container = buildah("from", "localhost/warmlink").stdout.strip()
    found = []
    for words, script in CHECKS:
        done = buildah("run", "--isolation=chroot", container, "--", "sh", "-c", script, check=False)
        found.append((words, done.returncode == 0, done.stdout + done.stderr))
    health = buildah("inspect", "--type=image", "--format={{.Docker.Config.Healthcheck.Test}}", "localhost/warmlink")
    found.append(("is asked how it does", "doctor" in health.stdout, health.stdout + health.stderr))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it")
    parser.add_argument("--suite", default="bookworm", help="of Debian")
    given = parser.parse_args()
    with TemporaryDirectory(prefix="warmlink-container-") as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        buildah = Buildah(folder)
        build(buildah, folder, given.suite)
        found = tried(buildah)
    for words, good, said in found:
        sys.stdout.write(f"{'well ' if good else 'FAULT'}  {words}\n")
        if not good:
            sys.stdout.write(said)
    return 0 if all(good for _, good, _ in found) else 1


if __name__ == "__main__":
    sys.exit(main())
