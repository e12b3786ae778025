"""A writer process for the tests: appends until it is done or killed, and says what it was promised.

Run as `python -m tests.audit.appender URL WORKER TRANSACTIONS`. Each line on standard output is the last position of a
transaction that committed before the line was written.
"""

from __future__ import annotations

import sys

from audit.log import AuditLog
from config.errors import Retry
from store.database import Database
from tests.audit.samples import AT, ORIGIN, verdicts


def main(url: str, worker: int, transactions: int) -> None:
    database, log = Database(url), AuditLog(ORIGIN)
    done = 0
    while done < transactions:
        try:
            with database.write() as conn:
                placed = log.append(conn, verdicts(1 + (worker + done) % 3, start=1000 * worker + done), AT)
                if done % 5 == 4 and worker % 2:
                    log.append(conn, verdicts(1), AT)
                    placed = range(placed.start, placed.stop + 1)
        except Retry:
            continue
        done += 1
        sys.stdout.write(f"{placed.stop - 1}\n")
        sys.stdout.flush()
    database.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
