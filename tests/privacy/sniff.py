"""Writes every packet of this network namespace to a file, until it is stopped: python sniff.py FILE."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

ALL = 0x0003


def main() -> None:
    with (
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(ALL)) as wire,
        Path(sys.argv[1]).open("wb", 0) as out,
    ):
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 25)
        out.write(b"sniffing\n")
        while True:
            out.write(wire.recv(1 << 17))


if __name__ == "__main__":
    main()
