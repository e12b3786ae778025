"""Frames as sealed files, for sites that cannot be online: what would be a request lies in `out/`, what would be its answer comes into `in/`.

Each file is one frame, sealed to its receiver (JWE, ECDH-ES+A256KW with A256GCM), so that whoever carries it, on a stick or by SFTP, learns from it
what the network would learn: that there was an exchange. Names are random; an answer has the name of its request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from joserfc import jwe
from joserfc.errors import JoseError

from alerts.keys import PrivateKey, PublicKey
from alerts.seal import ENCRYPTION, KEY_AGREEMENT
from config.durable import write_whole
from config.errors import Refuse
from service.neutral.errors import FrameRefused, UnitAway
from service.neutral.wire import Answer
from store.envelope import RandomBytes

REQUEST, REPLY = ".frame", ".reply"
LOOK_SECONDS = 1.0
_JWE = jwe.JWERegistry(algorithms=[KEY_AGREEMENT, ENCRYPTION])
_JWE.max_ciphertext_length = 1 << 28  # a round of a provider is 32 MiB; the registry's default is for tokens


def seal_file(frame: bytes, to: PublicKey) -> bytes:
    header = {"alg": KEY_AGREEMENT, "enc": ENCRYPTION, "kid": to.kid}
    return jwe.encrypt_compact(header, frame, to.key(), registry=_JWE).encode("ascii")


def open_file(sealed: bytes, key: PrivateKey) -> bytes:
    """Raises FrameRefused for what is not sealed to this key. Who wrote it is known by the frame's own signature."""
    try:
        return jwe.decrypt_compact(sealed, key.key, registry=_JWE).plaintext or b""
    except (JoseError, ValueError, TypeError):
        raise FrameRefused("a file that does not open") from None


@dataclass(frozen=True, slots=True)
class FileClient:
    """An edge's way to the unit. One request lies in `out/` at a time; the answer may take days."""

    folder: Path
    way: str
    name: str
    key: PrivateKey = field(repr=False)
    unit: PublicKey
    random: RandomBytes = field(repr=False)
    stop: Event

    def post(self, frame: bytes) -> bytes:
        """The unit's reply, once it lies there. Raises UnitAway when the program is told to stop before that."""
        name = f"{self.way}.{self.name}.{self.random(16).hex()}"
        self._clear()
        put(self.folder / "out" / f"{name}{REQUEST}", seal_file(frame, self.unit))
        reply = self.folder / "in" / f"{name}{REPLY}"
        while not reply.exists():
            if self.stop.wait(LOOK_SECONDS):
                raise UnitAway("stopped before the unit's file came")
        sealed = reply.read_bytes()
        reply.unlink()
        return open_file(sealed, self.key)

    def close(self) -> None:
        """Nothing is open."""

    def _clear(self) -> None:
        """What a process of before left is of no use any more: its sessions are forgotten."""
        for file in (*_files(self.folder / "in", REPLY), *_files(self.folder / "out", REQUEST)):
            file.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class FileServer:
    """The unit's side: works on what was brought and lays the answers out."""

    folder: Path
    key: PrivateKey = field(repr=False)
    parties: Mapping[str, PublicKey]
    answer: Answer

    def work(self, refused: Callable[[], None]) -> int:
        """Answer every request that lies there. Returns how many; `refused` is called for each that is none."""
        done = 0
        for file in _files(self.folder / "in", REQUEST):
            way, _, rest = file.name.partition(".")
            party = self.parties.get(rest.rpartition(".")[0].rpartition(".")[0])
            reply = self._reply(way, file.read_bytes())
            if reply is None or party is None:
                refused()
            else:
                done += 1
            if party is not None:  # one that is not honoured gets an empty answer, so that it does not wait for ever
                name = file.name.removesuffix(REQUEST) + REPLY
                put(self.folder / "out" / name, seal_file(reply or b"", party))
            file.unlink(missing_ok=True)
        return done

    def _reply(self, way: str, sealed: bytes) -> bytes | None:
        try:
            return self.answer(way, open_file(sealed, self.key)) if way in {"jail", "provider"} else None
        except Refuse:
            return None


def put(path: Path, content: bytes) -> None:
    """Whole or not at all, and on the disk once it returns."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(path, content)


def _files(folder: Path, suffix: str) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.suffix == suffix) if folder.is_dir() else []
