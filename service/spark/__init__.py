"""Batch linkage on a Spark cluster: the same kernel over parts of the roster, the same decision at the end.

For `narrowing` the cluster sees encodings under running numbers: no name, no id of a client or booking, no key. Names are
encoded, and numbers turned back into ids, by the process that holds the key. `spreading` is for a cluster that is trusted with the key.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from config import ConfigError
from matcher import Model

if TYPE_CHECKING:
    from service.spark.encoding import Spreading
    from service.spark.narrowing import Narrowing

NEEDS = "--engine spark needs pyspark and pyarrow: install warmlink[spark]"


@contextmanager
def narrowing(
    master: str,
    model: Model,
    shared: Path | None,
    *,
    mode: Literal["broadcast", "shuffle"] = "broadcast",
    kernel: str = "numpy",
    people: int = 2_000,
    more: Mapping[str, str] | None = None,
) -> Iterator[Narrowing]:
    """A linkage on the cluster of that URL. Its encodings lie in a folder of its own in `shared`, gone afterwards.

    Raises ConfigError where the extra or Java is missing, ClusterUnavailable where the master does not answer.
    """
    try:
        from service.spark.narrowing import Narrowing
        from service.spark.session import session
    except ImportError as missing:
        raise ConfigError(NEEDS) from missing
    folder = Path(tempfile.mkdtemp(prefix="warmlink-spark-", dir=shared))
    try:
        with session(master, more) as spark:
            yield Narrowing(spark, folder, model, mode, kernel, people)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def spreading(master: str, credential: str, more: Mapping[str, str] | None = None) -> Iterator[Spreading]:
    """Encoding on the cluster of that URL, whose workers find the cluster's credential at `credential`. Raises as `narrowing`."""
    try:
        from service.spark.encoding import Spreading
        from service.spark.session import session
    except ImportError as missing:
        raise ConfigError(NEEDS) from missing
    with session(master, more) as spark:
        yield Spreading(spark, credential)
