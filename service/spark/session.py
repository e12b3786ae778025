"""A Spark session, where the extra `spark` is installed."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from config import ConfigError, Retry

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SETTINGS = {
    "spark.io.encryption.enabled": "true",  # what is spilled and shuffled lies encrypted on the workers' disks
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "4",  # a record is an encoding of some thousand people
    "spark.sql.execution.pythonUDF.arrow.enabled": "true",
    "spark.sql.files.maxPartitionBytes": str(4 << 20),
    "spark.sql.files.openCostInBytes": "0",
    "spark.sql.parquet.compression.codec": "zstd",
}


class ClusterUnavailable(Retry):
    """The cluster's master cannot be reached or has no workers, or a job was given up there."""


@contextmanager
def session(master: str, more: Mapping[str, str] | None = None) -> Iterator[SparkSession]:
    """A session on the cluster of that URL. Raises ConfigError without the extra or Java, ClusterUnavailable."""
    try:
        from py4j.protocol import Py4JError  # type: ignore[import-untyped]  # it has no types
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as missing:
        raise ConfigError("--engine spark needs pyspark: install warmlink[spark]") from missing
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        raise ConfigError("--engine spark needs Java 17 or newer, in PATH or JAVA_HOME")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master(master).appName("warmlink")
    for name, value in (SETTINGS | dict(more or {})).items():
        builder = builder.config(name, value)
    try:
        spark = builder.getOrCreate()
    except Exception as fault:  # noqa: BLE001 - what the gateway and the JVM raise has no common root
        raise ClusterUnavailable(f"the Spark master {master} does not answer ({type(fault).__name__})") from None
    spark.sparkContext.setLogLevel("ERROR")
    try:
        yield spark
    except (Py4JError, PySparkException) as fault:
        # What the JVM says holds the workers' own words; of these only the kind is passed on.
        raise ClusterUnavailable(f"the job failed on the cluster ({type(fault).__name__})") from None
    finally:
        spark.stop()
