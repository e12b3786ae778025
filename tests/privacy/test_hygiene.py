"""Does a process that held keys leave nothing behind?"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_command_cannot_leave_a_core_dump(tmp_path: Path) -> None:
    """The limit is lowered and the process is not dumpable, even where the machine's settings would allow a core file."""
    script = (
        "import os, resource, signal\n"
        "from service.hygiene import seal_process\n"
        "seal_process()\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGSEGV)\n"
    )
    # As high as this process may go: a command that ran in it earlier may have sealed it for good.
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (hard, hard)),
    )
    assert done.returncode < 0
    assert done.stdout.strip() == "(0, 0)"
    assert list(tmp_path.iterdir()) == []


def test_every_command_seals_its_process() -> None:
    source = (ROOT / "service" / "cli" / "app.py").read_text()
    assert re.search(r"def main\(\).*?seal_process\(\)\s+try:", source, re.DOTALL)
