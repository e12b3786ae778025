"""Links and encodes the same files here and on a cluster, and says whether anything differs. A process of its own: it holds a JVM.

python tests/service/spark/drive.py FOLDER MASTER PROCESS_GROUP_OF_THE_SECOND_WORKER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from matcher import default_model
from service.link import run_link
from service.spark import narrowing
from tests.service.spark import drive_encode

KEY = drive_encode.KEY
PEOPLE = 100
"""In one segment: so that a small roster has several parts."""
MORE = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "512m",
    "spark.executor.memory": "512m",
    "spark.cores.max": "2",
    "spark.sql.shuffle.partitions": "2",
    "spark.io.encryption.enabled": "false",  # what lies on the workers' disks is searched
}


def main(folder: Path, master: str, group: int) -> None:
    events = folder / "driver" / "events"
    events.mkdir(parents=True)
    logged = {"spark.eventLog.enabled": "true", "spark.eventLog.dir": events.as_uri()}
    logged |= {"spark.eventLog.compress": "false", "spark.eventLog.rolling.enabled": "false"}
    files, model = (folder / "roster.csv", folder / "bookings.csv"), default_model()
    here = run_link(*files, folder / "links.csv", model=model, key=KEY)
    said: dict[str, object] = {"candidates": here.candidates}
    with narrowing(master, model, folder / "shared", people=PEOPLE, more=MORE | logged) as first:
        for mode in ("broadcast", "shuffle"):
            there = type(first)(first.spark, first.folder / mode, model, mode, people=PEOPLE)
            out = folder / f"{mode}.csv"
            report = run_link(*files, out, model=model, key=KEY, narrowed=there.index)
            said[mode] = {
                "links": out.read_bytes() == (folder / "links.csv").read_bytes(),
                "report": report == here,
                "parts": len(list((there.folder / "roster").glob("*.parquet"))),
                "executors": first.spark.sparkContext._jsc.sc().getExecutorMemoryStatus().size() - 1,
            }
        said["encoded"] = drive_encode.encode_everywhere(
            folder, first.spark, group
        )  # it ends without its second worker
        conf = dict(first.spark.sparkContext.getConf().getAll())
        (folder / "driver" / "conf.json").write_text(json.dumps(conf))
        kept = folder / "kept"
        first.folder.rename(kept)  # what the cluster was given, for the test to search
    print(json.dumps(said))  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
