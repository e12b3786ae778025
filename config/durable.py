"""Files that are whole or not there, whatever happens to the machine while they are written."""

from __future__ import annotations

import os
from pathlib import Path

ANYONE = 0o666
"""As far as the process's umask lets them."""


def write_whole(path: Path, content: bytes, mode: int = ANYONE) -> None:
    """Write beside `path`, sync, rename over it, sync the folder: no reader ever sees a part, and once this returns it is
    on the disk under its name. `mode` holds for a new file. Raises OSError, and leaves what was at `path`.
    """
    part = path.with_name(f".{path.name}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
