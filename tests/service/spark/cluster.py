"""A real standalone cluster on this machine: a master and two workers, each a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyspark

HOME = Path(pyspark.__file__).parent
ROOT = Path(__file__).parents[3]
PATIENCE = 120
"""Seconds; so long only where many others work on the machine."""


@contextmanager
def cluster(folder: Path, workers: int = 2) -> Iterator[str]:
    """The master's URL. What the workers write lies in `folder`."""
    with ExitStack() as stack:
        started = r"Starting Spark master at (spark://\S+)"
        master = stack.enter_context(_daemon(folder, "master", "--host", "127.0.0.1", "--port", "0", says=started))
        for n in range(workers):
            where = folder / f"worker-{n}"
            how = ("--host", "127.0.0.1", "--cores", "1", "--memory", "1g", "--work-dir", str(where), master)
            stack.enter_context(_daemon(where, "worker", *how, says=r"Successfully registered with master (\S+)"))
        yield master


@contextmanager
def _daemon(folder: Path, kind: str, *arguments: str, says: str) -> Iterator[str]:
    """Start it, and give what it says when it is ready."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"org.apache.spark.deploy.{kind}.{kind.title()}"
    process = subprocess.Popen(
        [str(HOME / "bin" / "spark-class"), name, "--webui-port", "0", *arguments],
        env=environment(folder),
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
        yield found[1]
    finally:
        late.cancel()
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
