"""A real standalone cluster on this machine: a master and two workers, each a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pyspark

HOME = Path(pyspark.__file__).parent
ROOT = Path(__file__).parents[3]
PATIENCE = 120
"""Seconds; so long only where many others work on the machine."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The master's URL, and its workers' process groups. What they write lies in a folder of their own."""

    master: str
    workers: tuple[int, ...]


def credentials(folder: Path, worker: int) -> Path:
    """The folder of one worker's credentials."""
    return folder / f"credentials-{worker}"


@contextmanager
def cluster(home: Path, folder: Path, workers: int = 2) -> Iterator[Cluster]:
    """A cluster that is there while this lasts. It writes into `folder`; its credentials lie in `home`."""
    with ExitStack() as stack:
        started = r"Starting Spark master at (spark://\S+)"
        master, _ = stack.enter_context(_daemon(folder, "master", "--host", "127.0.0.1", "--port", "0", says=started))
        groups = []
        for n in range(workers):
            where = folder / f"worker-{n}"
            how = ("--host", "127.0.0.1", "--cores", "1", "--memory", "1g", "--work-dir", str(where), master)
            own = {"CREDENTIALS_DIRECTORY": str(credentials(home, n))}
            says = r"Successfully registered with master (\S+)"
            groups.append(stack.enter_context(_daemon(where, "worker", *how, says=says, own=own))[1])
        yield Cluster(master, tuple(groups))


@contextmanager
def _daemon(
    folder: Path, kind: str, *arguments: str, says: str, own: Mapping[str, str] | None = None
) -> Iterator[tuple[str, int]]:
    """Start it, and give what it says when it is ready, and its process group."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"org.apache.spark.deploy.{kind}.{kind.title()}"
    process = subprocess.Popen(
        [str(HOME / "bin" / "spark-class"), name, "--webui-port", "0", *arguments],
        env=environment(folder) | dict(own or {}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    late = threading.Timer(PATIENCE, process.kill)
    late.start()
    rest = threading.Thread(target=process.stderr.read, daemon=True)  # so that its pipe never fills
    try:
        found = next((m for line in process.stderr if (m := re.search(says, line))), None)
        late.cancel()
        assert found is not None, f"the {kind} did not start"
        rest.start()
        yield found[1], process.pid
    finally:
        late.cancel()
        with suppress(ProcessLookupError):  # a test may have killed it
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if rest.ident is not None:
            rest.join()
        process.stderr.close()


def environment(folder: Path) -> dict[str, str]:
    """Everything on the loopback, and on disk only in that folder."""
    return os.environ | {
        "SPARK_HOME": str(HOME),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(folder / "local"),
        "SPARK_DAEMON_MEMORY": "256m",
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
    }
