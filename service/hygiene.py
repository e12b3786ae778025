"""What a process that holds keys does not leave behind: no core dump, and no reading of its memory by others of its user."""

from __future__ import annotations

import ctypes
import resource
import sys

PR_SET_DUMPABLE = 4
"""prctl(2)."""


def seal_process() -> None:
    """No core file, whatever the machine's settings; on Linux no ptrace and no /proc/PID/mem for other processes of this user."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
